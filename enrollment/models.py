"""The application (a filled enrollment form), and each transition of its state."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models import Account, AccountQuerySet, Claimable, User


class ApplicationQuerySet(AccountQuerySet["Application"]):
    def approved(self) -> ApplicationQuerySet:
        return self.filter(state=Application.State.APPROVED)

    def awaiting_review(self) -> ApplicationQuerySet:
        return self.filter(state=Application.State.SUBMITTED)

    def visible_to_reviewers(self) -> ApplicationQuerySet:
        """All but drafts: a draft is private to the applicant until it is submitted."""
        return self.exclude(state=Application.State.DRAFT)

    def sent_before(self) -> ApplicationQuerySet:
        """Those that a reviewer has seen, also if they were withdrawn since."""
        return self.filter(revision__gt=0)

    def newest(self) -> Application | None:
        """The current application: an account starts a new one only after the previous one was rejected or revoked."""
        return self.order_by("-pk").first()


class Application(models.Model):
    """An enrollment form of an account, from draft to decision.

    `business` and `answers` hold the form as it was typed, valid or not; `snapshot` holds it as it was submitted.
    `business` maps a field's name to its text, and `answers` a question's id to {answer, note, wording}. `edit_count`
    counts the changes of both, `revision` the submissions: submitting and deciding are bound to these.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        SUBMITTED = "submitted", "Under review"
        MORE_INFORMATION = "more_information", "More information wanted"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        REVOKED = "revoked", "Revoked"

    EDITABLE_STATES = (State.DRAFT, State.MORE_INFORMATION)
    CLOSED_STATES = (State.REJECTED, State.REVOKED)

    account = models.ForeignKey(Account, models.CASCADE, related_name="applications")
    previous = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=20, choices=State, default=State.DRAFT)
    state_since = models.DateTimeField(default=timezone.now, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    business = models.JSONField(default=dict, blank=True)
    answers = models.JSONField(default=dict, blank=True)
    signed_by = models.CharField("signed by", max_length=120, blank=True)
    edit_count = models.PositiveIntegerField(default=0)
    edited_at = models.DateTimeField(null=True, blank=True)
    edited_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")

    # The last submission.
    revision = models.PositiveIntegerField(default=0)
    snapshot = models.JSONField(default=dict, blank=True)
    legal_name = models.CharField("business", max_length=255, blank=True)
    ein = models.CharField("EIN", max_length=10, blank=True)
    no_answer_count = models.PositiveSmallIntegerField("answers No", default=0)
    submitted_at = models.DateTimeField("sent", null=True, blank=True)
    submitted_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    # The reply to the reviewer's question. It is kept as typed until it is sent with the next submission.
    reply = models.TextField(blank=True)

    # The last decision.
    decided_at = models.DateTimeField("decided", null=True, blank=True)
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    reason = models.TextField(blank=True)

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["state", "submitted_at"], name="application_queue")]
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                condition=~Q(state__in=["rejected", "revoked"]),
                name="application_one_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"Enrollment of {self.legal_name or self.account}"

    @property
    def is_editable(self) -> bool:
        return self.state in self.EDITABLE_STATES

    @property
    def is_withdrawn(self) -> bool:
        return self.state == self.State.DRAFT and self.revision > 0


class TransitionQuerySet(models.QuerySet["Transition"]):
    def mail_due(self, now: datetime) -> TransitionQuerySet:
        return self.filter(mail_due_at__lte=now)


class Transition(Claimable):
    """A change of an application's state: a submission, a withdrawal or a decision.

    `reason` is the reviewer's reason for a decision, or the applicant's reply in a submission.

    The mail about it is due from `mail_due_at` until it is in the outbox, and `mailed_at` is when it was sent. The due
    time is written with the change, so that a mail survives a killed worker.
    """

    application = models.ForeignKey(Application, models.CASCADE, related_name="transitions")
    to_state = models.CharField(max_length=20, choices=Application.State)
    revision = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    reason = models.TextField(blank=True)
    # The submitted form, to show a reviewer what changed since the previous submission. Empty for other changes.
    snapshot = models.JSONField(default=dict)

    mail_due_at = models.DateTimeField(null=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)
    mailed_at = models.DateTimeField(null=True)

    objects = TransitionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["mail_due_at"], condition=Q(mail_due_at__isnull=False), name="transition_mail_due"),
        ]

    def __str__(self) -> str:
        return f"{self.get_to_state_display()}, revision {self.revision}"
