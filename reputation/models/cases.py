"""Cases and submissions. A case is the remediation of one number's tags; a submission is its part at one engine."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from portal.models import Account, AccountQuerySet, Claimable
from reputation.models.engines import Engine, Tag
from reputation.models.numbers import PhoneNumber


class CaseQuerySet(AccountQuerySet):
    def unfinished(self) -> CaseQuerySet:
        return self.filter(state__in=Case.UNFINISHED)

    def without_ticket(self) -> CaseQuerySet:
        """Failed cases whose label is still active and that have no support ticket yet."""
        active_tags = Tag.objects.active().filter(case=OuterRef("pk"))
        return self.filter(Exists(active_tags), state=Case.State.FAILED, ticket_reference="")

    def due(self, now: datetime) -> CaseQuerySet:
        return self.filter(next_action_at__lte=now)


class Case(Claimable):
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
    # When an engine's answer is expected, and when the case fails without one.
    expected_by = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField()
    outcome = models.CharField(max_length=300, blank=True)
    former = models.ForeignKey("self", models.SET_NULL, null=True, related_name="later")
    ticket_reference = models.CharField("support ticket's reference", max_length=80, blank=True)
    ticket_opened_at = models.DateTimeField(null=True)

    # When the case is due next (null: never), and the lease of the worker that handles it.
    next_action_at = models.DateTimeField(null=True)
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

    @property
    def pending_answer_by(self) -> datetime | None:
        """When an engine's answer is expected; None once the case has ended."""
        return self.expected_by if self.is_unfinished else None

    @property
    def pending_deadline_at(self) -> datetime | None:
        """When the case fails without an answer; None once it has ended."""
        return self.deadline_at if self.is_unfinished else None


class SubmissionQuerySet(models.QuerySet["Submission"]):
    def with_active_tag(self) -> SubmissionQuerySet:
        """Submissions whose engine still labels the number of the case."""
        return self.filter(Exists(Tag.objects.active().filter(case=OuterRef("case"), engine=OuterRef("engine"))))

    def request_again(self, at: datetime) -> int:
        """Lets the removal be requested anew from this time on, and forgets the former answer; returns how many."""
        return self.update(
            state=Submission.State.WAITING,
            request_count=F("request_count") + 1,
            continued_key="",
            reference="",
            reason="",
            sent_at=None,
            expected_by=None,
            answered_at=None,
            next_action_at=at,
        )


class Submission(models.Model):
    """The request to one engine to remove its label, and its answer.

    *Done* is the engine's claim; a later look-up confirms or refutes it.
    """

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
        CONTINUED = "continued", "Continued in a later case"

    UNANSWERED = (State.SUBMITTED, State.IN_REVIEW, State.DISPUTED, State.AGEING)
    # An engine may still act on these.
    OPEN = (State.WAITING, *UNANSWERED)

    case = models.ForeignKey(Case, models.CASCADE, related_name="submissions", db_index=False)
    engine = models.ForeignKey(Engine, models.CASCADE, related_name="+", db_index=False)
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    reference = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    sent_at = models.DateTimeField(null=True)
    expected_by = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    # How often the removal was requested. A new tag of the engine in the same case starts a new request.
    request_count = models.PositiveSmallIntegerField(default=1)
    # The idempotency key of a request that an earlier case made and this one continues.
    continued_key = models.CharField(max_length=60, blank=True)
    # When to send, poll or withdraw it next (null: never).
    next_action_at = models.DateTimeField(null=True)

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "engine"], name="submission_once")]
        indexes = [
            models.Index(fields=["next_action_at"], name="submission_withdraw", condition=Q(state="withdrawing"))
        ]

    def __str__(self) -> str:
        return f"{self.case} at {self.engine}: {self.get_state_display()}"

    @property
    def ended_without_answer(self) -> bool:
        """Whether the case ended before the engine answered. Nothing more comes of the submission then."""
        return self.state in self.OPEN and not self.case.is_unfinished

    @property
    def pending_answer_by(self) -> datetime | None:
        """When the engine's answer is expected; None if it has answered or none is expected any more."""
        return self.expected_by if self.state in self.OPEN and self.case.is_unfinished else None

    def is_due(self, now: datetime) -> bool:
        return self.next_action_at is not None and self.next_action_at <= now

    @property
    def idempotency_key(self) -> str:
        """Identifies this request to the provider, which handles it once even if the portal sends it again."""
        return self.continued_key or f"submission-{self.pk}-{self.request_count}"
