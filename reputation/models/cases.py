"""A case is the remediation of one number's tags, from opening to outcome; a submission is its part at one engine."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Exists, OuterRef, Q

from portal.models import Account, AccountQuerySet
from reputation.models.engines import Engine, Tag
from reputation.models.numbers import PhoneNumber


class CaseQuerySet(AccountQuerySet):
    def unfinished(self) -> CaseQuerySet:
        return self.filter(state__in=Case.UNFINISHED)

    def needing_a_ticket(self) -> CaseQuerySet:
        """Those that failed, whose label still stands, and that support was not asked about yet."""
        standing = Tag.objects.standing().filter(case=OuterRef("pk"))
        return self.filter(Exists(standing), state=Case.State.FAILED, ticket_reference="")

    def due(self, now: datetime) -> CaseQuerySet:
        return self.filter(next_action_at__lte=now)


class Case(models.Model):
    class State(models.TextChoices):
        OPEN = "open", "Open"
        SUBMITTED = "submitted", "Submitted"
        IN_REVIEW = "in_review", "In review"
        DISPUTED = "disputed", "Disputed"
        CLEARED = "cleared", "Cleared"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    UNFINISHED = (State.OPEN, State.SUBMITTED, State.IN_REVIEW, State.DISPUTED)

    account = models.ForeignKey(Account, models.CASCADE, related_name="cases", db_index=False)
    number = models.ForeignKey(PhoneNumber, models.CASCADE, related_name="cases", db_index=False)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    state_since = models.DateTimeField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    # By when an engine is expected to have answered, and when the case is given up.
    expected_by = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField()
    outcome = models.CharField(max_length=300, blank=True)
    former = models.ForeignKey("self", models.SET_NULL, null=True, related_name="later")
    ticket_reference = models.CharField("support ticket's reference", max_length=80, blank=True)
    ticket_opened_at = models.DateTimeField(null=True)

    # When something must happen next (null: nothing more), and who is at it.
    next_action_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    objects = CaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["number"],
                condition=Q(state__in=("open", "submitted", "in_review", "disputed")),
                name="case_one_unfinished",
            )
        ]
        indexes = [
            models.Index(fields=["number", "opened_at"], name="case_by_number"),
            models.Index(fields=["account", "state", "id"], name="case_by_state"),
            models.Index(fields=["next_action_at"], name="case_due", condition=Q(next_action_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"Case {self.pk}"

    @property
    def is_unfinished(self) -> bool:
        return self.state in self.UNFINISHED


class Submission(models.Model):
    """What one engine was asked in a case, and what it said. *Done* is its claim; a look-up has to bear it out."""

    class State(models.TextChoices):
        WAITING = "waiting", "Not yet sent"
        SUBMITTED = "submitted", "Sent"
        IN_REVIEW = "in_review", "In review"
        DISPUTED = "disputed", "Disputed"
        AGEING = "ageing", "Ends by itself"
        DONE = "done", "Answered: removed"
        REFUSED = "refused", "Refused"
        MOOT = "moot", "Label gone before an answer"
        WITHDRAWING = "withdrawing", "Being withdrawn"
        WITHDRAWN = "withdrawn", "Withdrawn"

    UNANSWERED = (State.SUBMITTED, State.IN_REVIEW, State.DISPUTED, State.AGEING)

    case = models.ForeignKey(Case, models.CASCADE, related_name="submissions", db_index=False)
    engine = models.ForeignKey(Engine, models.CASCADE, related_name="+", db_index=False)
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    reference = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    sent_at = models.DateTimeField(null=True)
    expected_by = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    # How often it was begun: an engine that tags again during the case is asked again.
    times = models.PositiveSmallIntegerField(default=1)
    # Not to be sent, polled or withdrawn before; null where nothing more is to be done.
    next_action_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "engine"], name="submission_once")]
        indexes = [
            models.Index(fields=["next_action_at"], name="submission_withdraw", condition=Q(state="withdrawing"))
        ]

    def __str__(self) -> str:
        return f"{self.case} at {self.engine}: {self.get_state_display()}"

    @property
    def key(self) -> str:
        """Ours for this asking: an engine that gets it twice (we died before noting its answer) takes it once."""
        return f"submission-{self.pk}-{self.times}"
