"""Test calls: telephones, rounds of calls from the account's numbers to them, and what each call showed."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models import Account, AccountQuerySet, Claimable, User
from portal.phone.networks import get_network
from portal.phone.numbers import format_national
from reputation.models.numbers import PhoneNumber


class TelephoneQuerySet(AccountQuerySet):
    def in_use(self) -> TelephoneQuerySet:
        return self.filter(removed_at__isnull=True)

    def proving_absence(self, now: datetime) -> TelephoneQuerySet:
        """Telephones whose *no label* counts: proven, and on a line that networks label."""
        return self.in_use().filter(plan=Telephone.Plan.POSTPAID, proven_until__gt=now)


class Telephone(models.Model):
    """A telephone that test calls go to.

    It is proven for some time after it displayed any caller's label. Some networks label postpaid lines only, so a
    prepaid or MVNO line proves labels, never their absence.
    """

    class Plan(models.TextChoices):
        POSTPAID = "postpaid", "Postpaid"
        PREPAID = "prepaid", "Prepaid"
        MVNO = "mvno", "MVNO"

    class System(models.TextChoices):
        IOS = "ios", "iOS"
        ANDROID = "android", "Android"
        OTHER = "other", "Other"

    account = models.ForeignKey(Account, models.CASCADE, related_name="telephones", db_index=False)
    name = models.CharField(max_length=80)
    e164 = models.CharField("number", max_length=16)
    # As it was typed. What the telephone shows is known for its network, which brands and spellings share.
    carrier = models.CharField("network", max_length=60, help_text="Such as T-Mobile.")
    network = models.CharField(max_length=60, editable=False)
    plan = models.CharField(max_length=10, choices=Plan, default=Plan.POSTPAID)
    make = models.CharField(max_length=60, blank=True, help_text="Such as Samsung.")
    system = models.CharField(max_length=10, choices=System, default=System.IOS)
    phone_app = models.CharField(max_length=60, blank=True, help_text="The app that shows calls, if not the maker's.")
    # Whether each setting of test_calls/setup.py is on, by its code. A setting that is left out is not known.
    protection = models.JSONField(default=dict, blank=True)
    proven_until = models.DateTimeField(null=True, editable=False)
    added_at = models.DateTimeField(default=timezone.now, editable=False)
    removed_at = models.DateTimeField(null=True, editable=False)

    objects = TelephoneQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "e164"], condition=Q(removed_at__isnull=True), name="telephone_once_in_account"
            )
        ]
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.carrier})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.network = self.network or get_network(self.carrier)
        super().save(*args, **kwargs)

    @property
    def number_text(self) -> str:
        """The number in national format; empty once it was deleted."""
        return format_national(self.e164) if self.e164 else ""

    def is_proven(self, now: datetime) -> bool:
        return self.proven_until is not None and self.proven_until > now

    def proves_absence(self, now: datetime) -> bool:
        """Whether its *no label* counts."""
        return self.plan == self.Plan.POSTPAID and self.is_proven(now)


def build_photo_path(photo: LabelPhoto, _name: str) -> str:
    """A random name, so that the address of a photo cannot be guessed."""
    return f"label-photos/{photo.account_id}/{secrets.token_hex(16)}.jpg"


class LabelPhoto(models.Model):
    """A photo of a telephone that shows a label, re-encoded without metadata. For the account's own people."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    file = models.FileField(upload_to=build_photo_path, max_length=100)
    created_at = models.DateTimeField(default=timezone.now)

    objects = AccountQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="label_photo_prunable")]

    def __str__(self) -> str:
        return f"Photo {self.pk}"


class TestRound(models.Model):
    """A list of test calls, in the order in which they are made. Several people may share it."""

    __test__ = False

    account = models.ForeignKey(Account, models.CASCADE, related_name="test_rounds", db_index=False)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    minutes = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["account", "created_at"], name="test_round_by_account")]

    def __str__(self) -> str:
        return f"Round {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.ended_at is None


class TesterQuerySet(AccountQuerySet):
    def valid(self, now: datetime) -> TesterQuerySet:
        return self.filter(expires_at__gt=now, revoked_at__isnull=True, telephone__removed_at__isnull=True)


class Tester(models.Model):
    """Somebody without an account who answers the test calls to one telephone, by a link. Only its hash is stored."""

    __test__ = False

    account = models.ForeignKey(Account, models.CASCADE, related_name="testers")
    telephone = models.ForeignKey(Telephone, models.CASCADE, related_name="testers")
    name = models.CharField(max_length=80)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    objects = TesterQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class TestCall(Claimable):
    """A call from one of the account's numbers to a telephone: planned, then with its result, then counted."""

    __test__ = False

    class State(models.TextChoices):
        PLANNED = "planned", "To be made"
        DONE = "done", "Made"  # the result may be undone
        COUNTED = "counted", "Counted"  # the result became an observation
        DROPPED = "dropped", "Not made"  # its round ended before

    class Reason(models.TextChoices):
        """Why the number is called now, in the order of a round."""

        DEFAULT_CALLER_ID = "default", "Default caller ID of a running campaign"
        REPORT = "report", "Reported"
        PROOF = "proof", "Case due for proof"
        AT_RISK = "at_risk", "At risk"
        MOST_CALLS = "most_calls", "Most calls in 7 days"
        NEW = "new", "New, before its first use"
        LONGEST_UNSEEN = "unseen", "Longest unseen"
        RANDOM = "random", "At random"

    class Result(models.TextChoices):
        NO_LABEL = "no_label", "No label"
        LABEL = "label", "Label"
        NAME_RIGHT = "name_right", "Name shown: right"
        NAME_WRONG = "name_wrong", "Name shown: wrong"
        SCREENED = "screened", "Screened"
        VOICEMAIL = "voicemail", "Straight to voicemail"
        NOT_ARRIVED = "not_arrived", "Did not arrive"

    # The telephone rang and showed the call, so its display is known.
    SEEN = (Result.NO_LABEL, Result.LABEL, Result.NAME_RIGHT, Result.NAME_WRONG)
    WITHOUT_LABEL = (Result.NO_LABEL, Result.NAME_RIGHT, Result.NAME_WRONG)
    ANSWERED = (State.DONE, State.COUNTED)

    account = models.ForeignKey(Account, models.CASCADE, related_name="test_calls", db_index=False)
    round = models.ForeignKey(TestRound, models.CASCADE, related_name="calls", db_index=False)
    number = models.ForeignKey(PhoneNumber, models.CASCADE, related_name="test_calls", db_index=False)
    telephone = models.ForeignKey(Telephone, models.CASCADE, related_name="calls", db_index=False)
    # Of the telephone when the call was made: it may change its network afterwards.
    network = models.CharField(max_length=60)
    position = models.PositiveIntegerField()
    reason = models.CharField(max_length=10, choices=Reason)
    # Whether the number was drawn at random from all that could be called, whatever its reason is.
    is_random = models.BooleanField(default=False)
    day = models.DateField(help_text="In the account's time zone.")
    state = models.CharField(max_length=10, choices=State, default=State.PLANNED)
    claimed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", db_index=False)
    tester = models.ForeignKey(Tester, models.SET_NULL, null=True, related_name="calls", db_index=False)

    result = models.CharField(max_length=12, choices=Result, blank=True)
    label = models.CharField(max_length=80, blank=True)
    name = models.CharField("name shown", max_length=80, blank=True)
    photo = models.ForeignKey(LabelPhoto, models.SET_NULL, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)
    # Whether its telephone could show that there is no label, when the call was counted.
    proves_absence = models.BooleanField(default=False)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [
            # Calls that are dropped were not made, and may be planned again.
            models.UniqueConstraint(
                fields=["number", "telephone", "day"], condition=~Q(state="dropped"), name="test_call_once_a_day"
            )
        ]
        indexes = [
            models.Index(fields=["round", "position"], name="test_call_by_round"),
            models.Index(fields=["number", "answered_at"], name="test_call_by_number"),
            models.Index(fields=["account", "day"], name="test_call_by_day"),
            models.Index(fields=["telephone", "answered_at"], name="test_call_by_telephone"),
            models.Index(fields=["answered_at"], name="test_call_to_count", condition=Q(state="done")),
            models.Index(fields=["tester", "state"], name="test_call_by_tester", condition=Q(tester__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.number} to {self.telephone}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.network = self.network or self.telephone.network
        super().save(*args, **kwargs)


class ControlCall(models.Model):
    """A call from a number that is known to arrive, and which rang a telephone: so the telephone could be reached."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    telephone = models.ForeignKey(Telephone, models.CASCADE, related_name="+", db_index=False)
    e164 = models.CharField("control number", max_length=16)
    rang_at = models.DateTimeField()

    objects = AccountQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["telephone", "rang_at"], name="control_call_by_telephone"),
            models.Index(fields=["rang_at"], name="control_call_prunable"),
        ]

    def __str__(self) -> str:
        return f"{self.e164} to {self.telephone}"

    def clean(self) -> None:
        if self.telephone.account_id != self.account_id:
            raise ValidationError("The telephone belongs to another account.")
