"""Engines, and what they said: registrations of a number, checks of it, and the tags they put on it."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models import Account, AccountQuerySet
from reputation.models.numbers import PhoneNumber


class Engine(models.Model):
    """Who tags. Rows are kept in step with what the providers speak for; `carriers` is data, since sources disagree."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=60)
    provider = models.CharField(max_length=40, help_text="Through which provider we talk to it.")
    carriers = models.CharField(max_length=200, blank=True, help_text="Whose calls it labels, with commas.")
    in_use = models.BooleanField(default=True)
    in_use_since = models.DateTimeField(default=timezone.now)
    to_register_after = models.BigIntegerField(
        null=True,
        default=0,
        help_text="Monitored numbers with a greater id are still to be registered with it. Empty: it has them all.",
    )
    to_let_go = models.BooleanField(
        default=False, help_text="Out of use, and what it said of some numbers is still taken for current."
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class CircuitBreaker(models.Model):
    """A provider's operation that fails now: it is not asked before `retry_at`. The row goes when it answers again."""

    provider = models.CharField(max_length=40)
    operation = models.CharField(max_length=10)
    failures = models.PositiveSmallIntegerField(default=1, help_text="In a row.")
    began_at = models.DateTimeField()
    retry_at = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "operation"], name="outage_once")]

    def __str__(self) -> str:
        return f"{self.provider}, {self.operation}: {self.reason}"


class Registration(models.Model):
    """An engine's answer to our asking it to take the number on. A number is on when every engine accepted.

    Withdrawing and withdrawn: monitoring was switched off, and the engine is told.
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

    # When the engine is to be asked, asked again, or told (null: nothing more), and who is at it.
    next_action_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)
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
    """A run of equal answers of one engine about one number, from the first look to the last.

    A look that finds the same extends the current run; one that finds another result, or comes after the last answer
    had run out, begins a new one. So the history holds what changed, and its gaps are when nothing was known.
    """

    class Result(models.TextChoices):
        CLEAN = "clean", "Clean"
        TAGGED = "tagged", "Tagged"

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    number = models.ForeignKey(PhoneNumber, models.CASCADE, related_name="checks", db_index=False)
    engine = models.ForeignKey(Engine, models.CASCADE, related_name="+", db_index=False)
    result = models.CharField(max_length=10, choices=Result)
    label = models.CharField(max_length=80, blank=True)
    learnt_by = models.CharField(max_length=20, help_text="How it was learnt: look-up, complaints, webhook.")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    # When the last answer came; `last_at` is when the engine itself looked, which may be earlier.
    learnt_at = models.DateTimeField(default=timezone.now)
    looks = models.PositiveIntegerField(default=1)
    valid_until = models.DateTimeField(help_text="Until when the last answer may be relied on.")
    proof = models.JSONField(default=dict, help_text="The engine's last answer, as it came.")
    is_current = models.BooleanField(default=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number", "engine"], condition=Q(is_current=True), name="check_one_current")
        ]
        indexes = [
            models.Index(fields=["number", "engine", "first_at"], name="check_by_number"),
            models.Index(fields=["last_at"], condition=Q(is_current=False), name="check_prunable"),
        ]

    def __str__(self) -> str:
        return f"{self.number} at {self.engine}: {self.result}"


class TagQuerySet(AccountQuerySet):
    def standing(self) -> TagQuerySet:
        return self.filter(ended_at__isnull=True)


class Tag(models.Model):
    """A label that stands from detected to ended: cleared, or no longer watched."""

    class Ended(models.TextChoices):
        CLEARED = "cleared", "Cleared"
        NOT_MONITORED = "not_monitored", "Monitoring switched off"

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    number = models.ForeignKey(PhoneNumber, models.CASCADE, related_name="tags", db_index=False)
    engine = models.ForeignKey(Engine, models.CASCADE, related_name="tags", db_index=False)
    case = models.ForeignKey("Case", models.SET_NULL, null=True, related_name="tags")
    label = models.CharField(max_length=80, blank=True)
    detected_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_because = models.CharField(max_length=15, choices=Ended, blank=True)
    proof = models.JSONField(default=dict)

    objects = TagQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["number", "engine"], condition=Q(ended_at__isnull=True), name="tag_one_standing"
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
    def stands(self) -> bool:
        return self.ended_at is None

    def stood(self, at: datetime) -> bool:
        return self.detected_at <= at and (self.ended_at is None or at < self.ended_at)
