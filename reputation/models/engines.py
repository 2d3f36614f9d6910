"""Engines, and what they report: registrations of numbers, checks, and tags."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models import Account, AccountQuerySet, Claimable
from reputation.models.numbers import PhoneNumber


class Engine(models.Model):
    """An analytics engine, which labels numbers. `sync_engines` keeps the rows equal to what the providers declare."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=60)
    in_use = models.BooleanField(default=True)
    in_use_since = models.DateTimeField(default=timezone.now)
    backfill_cursor = models.BigIntegerField(
        null=True,
        default=0,
        help_text="Monitored numbers with a greater id are not registered with the engine yet. Empty: all are.",
    )
    needs_retirement = models.BooleanField(
        default=False, help_text="Its tags do not count any more, but some are still marked as active."
    )

    # Of the engine that stands for those that are not known.
    UNKNOWN_SLUG = "unknown"

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def name_in_sentence(self) -> str:
        """Such as "Hiya", or "an unknown engine"."""
        return "an unknown engine" if self.slug == self.UNKNOWN_SLUG else self.name


class Registration(Claimable):
    """The request that an engine monitor a number, and its answer. A number is on when every engine accepted.

    A registration is withdrawn when monitoring is disabled.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Not yet asked"
        PENDING = "pending", "Asked"
        ACCEPTED = "accepted", "Accepted"
        REFUSED = "refused", "Refused"
        WITHDRAWING = "withdrawing", "Being withdrawn"
        WITHDRAWN = "withdrawn", "Withdrawn"

    UNANSWERED = (State.WAITING, State.PENDING)

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    number = models.ForeignKey(PhoneNumber, models.CASCADE, related_name="registrations", db_index=False)
    engine = models.ForeignKey(Engine, models.CASCADE, related_name="+", db_index=False)
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    reference = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    asked_at = models.DateTimeField(null=True)
    expected_by = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)

    # When to send, poll or withdraw the request (null: never), and the lease of the worker that does it.
    next_action_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["number", "engine"], name="registration_once")]
        indexes = [
            models.Index(fields=["next_action_at"], name="registration_due", condition=Q(next_action_at__isnull=False))
        ]

    def __str__(self) -> str:
        return f"{self.number} at {self.engine}: {self.get_state_display()}"


class Check(models.Model):
    """A run of equal observations of one number by one source, from the first to the last.

    A source is a provider's look-up at an engine, or at an engine and a carrier. An equal observation extends the
    current run. A different one, or one that arrives after `valid_until`, starts a new run, so the history stores
    changes only, and a gap between runs means that nothing was known.
    """

    class Verdict(models.TextChoices):
        CLEAN = "clean", "Clean"
        WARNING = "warning", "Warning"
        LABELLED = "labelled", "Labelled"
        BLOCKED = "blocked", "Blocked"
        PENDING = "pending", "Pending"
        UNKNOWN = "unknown", "Unknown"

    class Evidence(models.TextChoices):
        ENGINE_DATA = "engine_data", "Engine's own data"
        HANDSET = "handset", "Seen on a telephone"
        NETWORK_BLOCK = "network_block", "Blocked by a network"
        COMPLAINTS = "complaints", "Complaints"
        APP_LIST = "app_list", "A telephone app's list"
        REPORT = "report", "Reported by a person"

    class Effect(models.TextChoices):
        """What the observation does to the number (see monitoring/severity.py)."""

        CLEARS = "clears", "No label"
        RISK = "risk", "At risk"
        TAGS = "tags", "Tagged"
        NONE = "none", "Says nothing"

    # Complaints are no labels, and reports come unasked. A number whose only sources they are is not known.
    LABEL_EVIDENCE = tuple(evidence for evidence in Evidence if evidence not in ("complaints", "report"))

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    number = models.ForeignKey(PhoneNumber, models.CASCADE, related_name="checks", db_index=False)
    engine = models.ForeignKey(Engine, models.CASCADE, related_name="+", db_index=False)
    provider = models.CharField(max_length=40)
    carrier = models.CharField(max_length=60, blank=True, help_text="Where it was seen, if only there.")
    verdict = models.CharField(max_length=10, choices=Verdict)
    label = models.CharField(max_length=80, blank=True)
    severity = models.CharField(max_length=10, blank=True, help_text="Of a label: scam, spam or category.")
    evidence = models.CharField(max_length=15, choices=Evidence, default=Evidence.ENGINE_DATA)
    effect = models.CharField(max_length=6, choices=Effect)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    # When the last answer arrived. `last_at` is when the engine observed the number, which may be earlier.
    received_at = models.DateTimeField(default=timezone.now)
    looks = models.PositiveIntegerField(default=1)
    valid_until = models.DateTimeField(help_text="When the last answer expires.")
    raw_response = models.JSONField(default=dict, help_text="The engine's last answer, unchanged.")
    is_current = models.BooleanField(default=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["number", "engine", "provider", "carrier"],
                condition=Q(is_current=True),
                name="check_one_current",
            )
        ]
        indexes = [
            models.Index(fields=["number", "engine", "first_at"], name="check_by_number"),
            models.Index(fields=["last_at"], condition=Q(is_current=False), name="check_prunable"),
            models.Index(fields=["number", "valid_until"], condition=Q(effect="risk"), name="check_at_risk"),
        ]

    def __str__(self) -> str:
        return f"{self.number} at {self.engine}: {self.verdict}"


class TagQuerySet(AccountQuerySet):
    def active(self) -> TagQuerySet:
        return self.filter(ended_at__isnull=True)

    def last_seen(self) -> TagQuerySet:
        """Tags that were active when monitoring of their number ended, and those of numbers that are not monitored."""
        ended = Q(end_reason=Tag.EndReason.NOT_MONITORED, last_seen_at__isnull=False)
        return self.filter(ended | Q(ended_at__isnull=True) & ~Q(number__capability=PhoneNumber.Capability.ON))


class Tag(models.Model):
    """A label that an engine put on a number. It is active until it is cleared or no longer monitored."""

    class EndReason(models.TextChoices):
        CLEARED = "cleared", "Cleared"
        NOT_MONITORED = "not_monitored", "Monitoring switched off"
        RETIRED = "retired", "Does not count any more"

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    number = models.ForeignKey(PhoneNumber, models.CASCADE, related_name="tags", db_index=False)
    engine = models.ForeignKey(Engine, models.CASCADE, related_name="tags", db_index=False)
    case = models.ForeignKey("Case", models.SET_NULL, null=True, related_name="tags")
    carrier = models.CharField(max_length=60, blank=True, help_text="Whose telephones show it, if only those.")
    label = models.CharField(max_length=80, blank=True)
    severity = models.CharField(max_length=10, blank=True, help_text="Scam, spam or category.")
    evidence = models.CharField(max_length=15, choices=Check.Evidence, default=Check.Evidence.ENGINE_DATA)
    detected_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=15, choices=EndReason, blank=True)
    last_seen_at = models.DateTimeField(null=True, help_text="When it was last found.")
    raw_response = models.JSONField(default=dict)

    objects = TagQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["number", "engine", "carrier"], condition=Q(ended_at__isnull=True), name="tag_one_standing"
            )
        ]
        indexes = [
            models.Index(fields=["number", "detected_at"], name="tag_by_number"),
            models.Index(fields=["account", "detected_at"], name="tag_by_account"),
            models.Index(
                fields=["engine", "account", "number"], name="tag_standing", condition=Q(ended_at__isnull=True)
            ),
            models.Index(
                fields=["account", "ended_at"], name="tag_by_account_ended", condition=Q(ended_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label or 'Spam label'} by {self.engine}"

    @property
    def is_active(self) -> bool:
        return self.ended_at is None
