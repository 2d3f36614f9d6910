"""Remediation desks: where people ask for the review of a label, and what the account's people asked and were told."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from portal.models import Account, AccountQuerySet
from reputation.models.cases import Case
from reputation.models.engines import Engine, Tag
from reputation.models.numbers import PhoneNumber


class Desk(models.Model):
    """A form, portal or mailbox without an API. Facts about it have a source and a date; operators edit them."""

    class Kind(models.TextChoices):
        REGISTRY = "registry", "Registry"
        ENGINE = "engine", "Engine"
        CARRIER = "carrier", "Carrier"
        APP = "app", "Telephone app"
        BLOCK = "block", "Redress for blocked calls"

    class Form(models.TextChoices):
        """The form in which the desk wants the numbers."""

        REGISTRY_SHEET = "registry_sheet", "Sheet of numbers, and fields about the company"
        HIYA_TEXT = "hiya_text", "One text with all numbers"
        PURPOSE_CSV = "purpose_csv", "CSV of numbers and call purposes"
        ONE_BY_ONE = "one_by_one", "One number at a time"
        BLOCK_REDRESS = "block_redress", "Text about blocked calls, with Call-ID and Reason"

    class Certainty(models.TextChoices):
        EXACT = "exact", "Read at the desk itself"
        PRIMARY = "primary", "From the desk's own pages, in other words"
        SECONDARY = "secondary", "From others"
        UNVERIFIED = "unverified", "Not verified"

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=Kind)
    form = models.CharField(max_length=15, choices=Form)
    engines = models.ManyToManyField(Engine, blank=True, related_name="desks", help_text="Whose labels it reviews.")
    carrier = models.CharField(max_length=60, blank=True, help_text="Whose telephones show them, if only those.")
    registers = models.BooleanField(default=False, help_text="Takes registrations of numbers.")
    reviews = models.BooleanField(default=True, help_text="Takes requests to review a label or a block.")
    address = models.URLField(max_length=300, blank=True)
    email = models.EmailField(blank=True)
    answer_days = models.PositiveSmallIntegerField(
        help_text="Business days without an answer after which it counts as silent."
    )
    usual_time = models.CharField(max_length=120, blank=True, help_text="How long answers are said to take.")
    daily_limit = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Numbers a day. Empty: no limit.")
    batch_limit = models.PositiveIntegerField(null=True, blank=True, help_text="Numbers a letter. Empty: no limit.")
    notes = models.TextField(blank=True)
    source = models.CharField(max_length=300, help_text="Where this was read.")
    read_on = models.DateField()
    certainty = models.CharField(max_length=10, choices=Certainty)
    in_use = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_verified(self) -> bool:
        return self.certainty in (self.Certainty.EXACT, self.Certainty.PRIMARY)


class ShippedDesk(models.Model):
    """A desk that the portal has written once. It is not written again, so that an operator's deletion lasts."""

    slug = models.SlugField(primary_key=True)

    def __str__(self) -> str:
        return self.slug


class DeskLetter(models.Model):
    """What somebody sent to a desk, exactly as it was sent: one text or file, for one number or many."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    desk = models.ForeignKey(Desk, models.PROTECT, related_name="letters", db_index=False)
    text = models.TextField(help_text="The exact text.")
    file_name = models.CharField(max_length=120, blank=True)
    file_content = models.TextField(blank=True, help_text="The exact content of the file that went with it.")
    reference = models.CharField("desk's reference", max_length=120, blank=True)
    mailbox = models.EmailField("mailbox that receives the answer", blank=True)
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    attested_by = models.CharField(max_length=120, help_text="Who declared that the business uses the numbers.")
    answers = models.ForeignKey(
        "DeskReply", models.SET_NULL, null=True, related_name="answers", help_text="The question that it answers."
    )
    sent_at = models.DateTimeField()

    objects = AccountQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["account", "desk", "sent_at"], name="desk_letter_by_desk")]

    def __str__(self) -> str:
        return f"{self.desk}, {self.sent_at:%Y-%m-%d}"


def done_in_vain() -> Q:
    """Open requests that their desk says are done, although the label was seen after that."""
    seen_again = Tag.objects.active().filter(
        number=OuterRef("number"), engine=OuterRef("engine"), last_seen_at__gt=OuterRef("state_since")
    )
    return Q(Exists(seen_again), state=DeskRequest.State.DONE, closed_at__isnull=True)


def your_turn(now: datetime) -> Q:
    """Open requests with which it is the account's turn: to send, to answer, or to decide after silence or in vain."""
    states = (DeskRequest.State.TO_SEND, DeskRequest.State.QUESTION, DeskRequest.State.SILENT)
    may_act = Q(not_before__isnull=True) | Q(not_before__lte=now)
    return Q(closed_at__isnull=True) & (Q(may_act, state__in=states) | done_in_vain())


class DeskRequestQuerySet(AccountQuerySet):
    def open(self) -> DeskRequestQuerySet:
        return self.filter(closed_at__isnull=True)

    def claimed_done(self) -> DeskRequestQuerySet:
        """Those that their desk says are done, and nothing has borne out yet."""
        return self.open().filter(state=DeskRequest.State.DONE)

    def your_turn(self, now: datetime) -> DeskRequestQuerySet:
        """Those with which it is the account's turn."""
        return self.filter(your_turn(now))

    def due_first(self) -> DeskRequestQuerySet:
        """Those without a due date last."""
        return self.order_by(F("due_at").asc(nulls_last=True), "pk")

    def unclaimed(self, user_id: int, now: datetime) -> DeskRequestQuerySet:
        """Those that nobody else works on."""
        return self.filter(Q(claimed_until__isnull=True) | Q(claimed_until__lte=now) | Q(claimed_by=user_id))


class DeskRequest(models.Model):
    """The request to one desk to review the label, or the block, of one number. One of each pair is open at a time.

    What the desk says is a claim. The case closes when observations no longer show the label.
    """

    class State(models.TextChoices):
        TO_SEND = "to_send", "To be sent"
        SENT = "sent", "Sent"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        QUESTION = "question", "Question from the desk"
        DONE = "done", "Desk says done"
        REFUSED = "refused", "Refused"
        SILENT = "silent", "No answer"
        WITHDRAWN = "withdrawn", "Withdrawn"

    class Refusal(models.TextChoices):
        BEHAVIOUR = "behaviour", "Because of how the number is used"
        OWNERSHIP = "ownership", "Because ownership was not shown"
        NO_REASON = "no_reason", "Without a reason"

    # Sent, and neither done nor refused yet.
    WITH_DESK = (State.SENT, State.ACKNOWLEDGED, State.QUESTION)

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    number = models.ForeignKey(PhoneNumber, models.CASCADE, related_name="desk_requests", db_index=False)
    desk = models.ForeignKey(Desk, models.PROTECT, related_name="requests", db_index=False)
    case = models.ForeignKey(Case, models.CASCADE, related_name="desk_requests")
    engine = models.ForeignKey(Engine, models.CASCADE, related_name="+", db_index=False)
    former = models.ForeignKey("self", models.SET_NULL, null=True, related_name="later", help_text="Asked before.")
    state = models.CharField(max_length=12, choices=State, default=State.TO_SEND)
    state_since = models.DateTimeField()
    refusal = models.CharField(max_length=10, choices=Refusal, blank=True)
    what_changed = models.TextField(blank=True, help_text="What the account changed since the desk refused.")
    not_before = models.DateTimeField(null=True, help_text="It is not sent earlier.")
    due_at = models.DateTimeField(null=True, help_text="Send, answer or expect an answer by then.")
    letter = models.ForeignKey(DeskLetter, models.SET_NULL, null=True, related_name="requests")
    sent_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True, help_text="Refused, withdrawn or asked again, or its case ended.")
    created_at = models.DateTimeField(default=timezone.now)

    claimed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    claimed_until = models.DateTimeField(null=True)

    objects = DeskRequestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["number", "desk"], condition=Q(closed_at__isnull=True), name="desk_request_one_open"
            )
        ]
        indexes = [
            models.Index(fields=["number", "created_at"], name="desk_request_by_number"),
            models.Index(
                fields=["account", "desk", "due_at"], name="desk_request_open", condition=Q(closed_at__isnull=True)
            ),
            models.Index(fields=["due_at"], name="desk_request_due", condition=Q(closed_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.number} at {self.desk}: {self.get_state_display()}"

    @property
    def was_never_sent(self) -> bool:
        return self.state in (self.State.TO_SEND, self.State.WITHDRAWN) and self.sent_at is None

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    def is_claimed_by_other(self, user_id: int | None, now: datetime) -> bool:
        """Whether somebody else works on it now."""
        is_claimed = self.claimed_until is not None and self.claimed_until > now
        return is_claimed and self.claimed_by_id != user_id


class DeskReply(models.Model):
    """What a desk wrote, verbatim, and the state that somebody read from it."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    requests = models.ManyToManyField(DeskRequest, related_name="replies")
    text = models.TextField()
    state = models.CharField(max_length=12, choices=DeskRequest.State)
    received_at = models.DateTimeField()
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    recorded_at = models.DateTimeField()

    objects = AccountQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["account", "received_at"], name="desk_reply_by_account")]

    def __str__(self) -> str:
        return f"{self.get_state_display()}, {self.received_at:%Y-%m-%d}"


class DeskRegistration(models.Model):
    """The registration of a number at an engine through a desk. It identifies the caller, and removes no label.

    Without a row the number is not registered.
    """

    class State(models.TextChoices):
        SENT = "sent", "Sent"
        PROOF_ASKED = "proof_asked", "Proof asked"
        CONFIRMED = "confirmed", "Confirmed"
        REFUSED = "refused", "Refused"
        SILENT = "silent", "Silent"
        HELD_BY_OTHER = "held_by_other", "Held by another business"
        WITHDRAWN = "withdrawn", "Withdrawn"

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    number = models.ForeignKey(PhoneNumber, models.CASCADE, related_name="desk_registrations", db_index=False)
    engine = models.ForeignKey(Engine, models.CASCADE, related_name="+", db_index=False)
    desk = models.ForeignKey(Desk, models.PROTECT, related_name="registrations", db_index=False)
    state = models.CharField(max_length=13, choices=State, default=State.SENT)
    state_since = models.DateTimeField()
    answers_with_name = models.BooleanField(
        null=True, help_text="Whether the number, called back, answers with the business's name."
    )
    letter = models.ForeignKey(DeskLetter, models.SET_NULL, null=True, related_name="registrations")
    sent_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, help_text="Without an answer by then, it is silent.")
    reply = models.TextField(blank=True, help_text="What the engine last wrote, verbatim.")

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["number", "engine"], name="desk_registration_once")]
        indexes = [
            models.Index(fields=["account", "engine", "state"], name="desk_registration_by_state"),
            models.Index(fields=["due_at"], name="desk_registration_due", condition=Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.number} at {self.engine}: {self.get_state_display()}"
