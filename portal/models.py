"""Accounts, the people in them, what they hold licences for, and the trail of what was changed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import available_timezones

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.licensing import Product


class LowerCaseEmailField(models.EmailField):
    """An address that is one person's however it is written: stored and looked up in lower case."""

    def get_prep_value(self, value: object) -> str | None:
        return None if value is None else str(value).strip().lower()


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        user = self.model(email=self.normalize_email(email).strip(), **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, who signs in by e-mail. Reviewers are staff; what anyone may do in an account is said by Member."""

    email = LowerCaseEmailField(
        "e-mail", unique=True, error_messages={"unique": "Somebody with this e-mail address already exists."}
    )
    name = models.CharField(max_length=120, blank=True)
    is_staff = models.BooleanField("reviewer", default=False, help_text="May sign in to the administration.")
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager()
    USERNAME_FIELD = EMAIL_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.get_full_name()


def check_time_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"{name} is not a time zone. Write one as America/New_York.")


class Account(models.Model):
    """A customer: a business and everything that belongs to it."""

    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=60, default="America/New_York", validators=[check_time_zone])
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name


class AccountQuerySet(models.QuerySet):
    """For everything that belongs to an account: views begin with `for_account`, and never go round it."""

    def for_account(self, account: Account | int) -> AccountQuerySet:
        return self.filter(account=account)


class Member(models.Model):
    """A person's place in an account."""

    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        ADMIN = "admin", "Admin"
        VIEWER = "viewer", "Viewer"

    class Digest(models.TextChoices):
        AT_ONCE = "at_once", "At once"
        DAILY = "daily", "Once a day"
        NEVER = "never", "Never"

    account = models.ForeignKey(Account, models.CASCADE, related_name="members", db_index=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    digest = models.CharField("mail about spam tags", max_length=10, choices=Digest, default=Digest.DAILY)
    digest_sent_at = models.DateTimeField(default=timezone.now, editable=False)
    joined_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "user"], name="member_once_in_account")]

    def __str__(self) -> str:
        return f"{self.user} in {self.account}"

    @property
    def may_change(self) -> bool:
        """Owners and admins change things; a viewer sees everything and changes nothing."""
        return self.role in (self.Role.OWNER, self.Role.ADMIN)

    @property
    def is_owner(self) -> bool:
        return self.role == self.Role.OWNER


def begun_everywhere() -> date:
    """The latest day that has begun in every time zone, the last of which is twelve hours behind UTC: what is valid
    from this day counts at once, in whatever zone the account is."""
    return (timezone.now() - timedelta(hours=12)).date()


class LicenceQuerySet(AccountQuerySet):
    def valid_on(self, day: date) -> LicenceQuerySet:
        """Those that count on the day: begun, and not yet expired. `valid_until` is the last day that counts."""
        return self.filter(Q(valid_until__isnull=True) | Q(valid_until__gte=day), valid_from__lte=day)


class Licence(models.Model):
    """A product that an account has bought, edited by reviewers in Django admin."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="licences")
    product = models.CharField(max_length=40, choices=Product)
    seats = models.PositiveIntegerField(default=1, help_text="For the SKU: how many numbers it covers.")
    valid_from = models.DateField("from", default=begun_everywhere)
    valid_until = models.DateField("until", null=True, blank=True, help_text="The last day; empty: without end.")

    objects = LicenceQuerySet.as_manager()

    class Meta:
        ordering = ["account", "product", "valid_from"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=models.F("valid_from")),
                name="licence_ends_after_it_begins",
                violation_error_message="A licence cannot end before it begins.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_product_display()}, {self.seats} seats"


class ApiKey(models.Model):
    """What another system calls the API with. Only a hash of its secret is kept; see portal.api_keys.

    Keys are revoked and never deleted, so that the audit trail goes on naming them.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True, help_text="The part of the token by which it is found.")
    secret_hash = models.CharField(max_length=64, help_text="SHA-256 of the secret, as hex.")
    scopes = models.CharField(max_length=80, help_text="Of api_keys.SCOPES, with spaces.")
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    objects = AccountQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} (nrp_{self.prefix})"

    @property
    def scope_list(self) -> list[str]:
        return self.scopes.split()

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


class ApiUse(models.Model):
    """How many requests a key made in a minute: each process adds what it counted, about once a second.

    One row for a key and a policy; a later minute takes the place of the former.
    """

    key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+", db_index=False)
    policy = models.CharField(max_length=12)
    minute = models.BigIntegerField(help_text="Which minute since 1970.")
    used = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "policy"], name="api_use_once")]

    def __str__(self) -> str:
        return f"{self.policy}: {self.used}"


class ApiAnswer(models.Model):
    """What a write with an Idempotency-Key was answered; without `answered_at` it is still being worked on."""

    key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+", db_index=False)
    idempotency_key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the method, the address and the body.")
    begun_at = models.DateTimeField()
    token = models.CharField(max_length=32, help_text="Who works on it.")
    answered_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "idempotency_key"], name="api_answer_once")]
        indexes = [models.Index(fields=["begun_at"], name="api_answer_prunable")]

    def __str__(self) -> str:
        return f"{self.idempotency_key}: {self.status or 'not answered yet'}"


class AuditEvent(models.Model):
    """One thing that was changed: who, what, when, before, after, from where. Rows are only ever added.

    Set-based changes write theirs with `audit.record_changes`, one row for each changed object.
    """

    account = models.ForeignKey(Account, models.CASCADE, null=True, related_name="audit_events", db_index=False)
    at = models.DateTimeField()
    actor = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    via = models.CharField(max_length=10)
    # By the API: with which key. Nobody looks events up by it, so it has no index.
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+", db_index=False)
    what = models.CharField(max_length=40)
    subject = models.CharField(max_length=20)
    subject_id = models.BigIntegerField()
    subject_label = models.CharField(max_length=120, blank=True)
    before = models.CharField(max_length=200, blank=True)
    after = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "id"], name="audit_by_account"),
            models.Index(fields=["account", "subject", "subject_id", "id"], name="audit_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.subject_label}"


class Lease(models.Model):
    """Who may run a kind of sweep, and until when; a dead holder's lease runs out by itself."""

    name = models.CharField(max_length=60, primary_key=True)
    token = models.CharField(max_length=32, blank=True)
    held_until = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Heartbeat(models.Model):
    """When the tasks last ran: written by a task, because a stuck cluster still reports itself as alive."""

    name = models.CharField(max_length=60, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


# Django finds an app's models here. Imported by its own name, so that either of the two may be imported first.
import portal.webhooks.models  # noqa: E402, F401
