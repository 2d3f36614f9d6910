"""The application: a filled enrollment form, from draft to decision, and each step of its way."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models import Account, AccountQuerySet, User


class ApplicationQuerySet(AccountQuerySet):
    def approved(self) -> ApplicationQuerySet:
        return self.filter(state=Application.State.APPROVED)

    def waiting(self) -> ApplicationQuerySet:
        """Those that wait for a reviewer."""
        return self.filter(state=Application.State.SUBMITTED)

    def seen_by_reviewers(self) -> ApplicationQuerySet:
        """A draft is the applicant's own until it is sent."""
        return self.exclude(state=Application.State.DRAFT)

    def newest(self) -> Application | None:
        """The one that counts for an account: a new one begins only when the former is rejected or revoked."""
        return self.order_by("-pk").first()


class Application(models.Model):
    """`business` and `answers` hold what is typed, as it was typed, valid or not; `snapshot` what was sent.

    `business` maps a field's name to its text; `answers` a question's id to {answer, note, wording}. `edits` counts
    the changes of both, and `revision` how often it was sent: sending and deciding are bound to these.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        SUBMITTED = "submitted", "Under review"
        MORE_INFORMATION = "more_information", "More information wanted"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        REVOKED = "revoked", "Revoked"

    EDITABLE = (State.DRAFT, State.MORE_INFORMATION)
    ENDED = (State.REJECTED, State.REVOKED)

    account = models.ForeignKey(Account, models.CASCADE, related_name="applications")
    former = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=20, choices=State, default=State.DRAFT)
    state_since = models.DateTimeField(default=timezone.now, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    business = models.JSONField(default=dict, blank=True)
    answers = models.JSONField(default=dict, blank=True)
    signed_by = models.CharField("signed by", max_length=120, blank=True)
    edits = models.PositiveIntegerField(default=0)
    edited_at = models.DateTimeField(null=True, blank=True)
    edited_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")

    # As it was sent last.
    revision = models.PositiveIntegerField(default=0)
    snapshot = models.JSONField(default=dict, blank=True)
    legal_name = models.CharField("business", max_length=255, blank=True)
    ein = models.CharField("EIN", max_length=10, blank=True)
    no_answers = models.PositiveSmallIntegerField("answers No", default=0)
    submitted_at = models.DateTimeField("sent", null=True, blank=True)
    submitted_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")

    # As it was decided last.
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
        return self.state in self.EDITABLE


class TransitionQuerySet(models.QuerySet):
    def mail_due(self, now: datetime) -> TransitionQuerySet:
        return self.filter(mail_due_at__lte=now)


class Transition(models.Model):
    """One step of an application's way: sent, or decided; who, when, why, and the mail that tells about it.

    A mail is due from `mail_due_at` until `mailed_at` is set, in this row, so that it survives every kill.
    """

    application = models.ForeignKey(Application, models.CASCADE, related_name="steps")
    to = models.CharField(max_length=20, choices=Application.State)
    revision = models.PositiveIntegerField()
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    reason = models.TextField(blank=True)
    # What was sent, so that a reviewer sees what changed since the last time; empty for a decision.
    snapshot = models.JSONField(default=dict)

    mail_due_at = models.DateTimeField(null=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)
    mailed_at = models.DateTimeField(null=True)

    objects = TransitionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["mail_due_at"], condition=Q(mail_due_at__isnull=False), name="step_mail_due"),
        ]

    def __str__(self) -> str:
        return f"{self.get_to_display()}, revision {self.revision}"
