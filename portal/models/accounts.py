"""Users, accounts, their members and their licences."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import ClassVar, Self, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models.jobs import Claimable

ModelT_co = TypeVar("ModelT_co", bound=models.Model, covariant=True)


class LowerCaseEmailField(models.EmailField):
    """An e-mail address, stored and looked up in lower case: one person has one user, however they write it."""

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
        """Called by the command createsuperuser."""
        return self.create_user(email, password, staff_role=User.StaffRole.SUPERUSER, **fields)


class User(AbstractBaseUser):
    """A person, who signs in by e-mail.

    `staff_role` is their role in Django admin, `Member.role` their role in an account. `portal.accounts.roles` lists
    what each role may do. Django's groups and permissions per model are not used.
    """

    class StaffRole(models.TextChoices):
        NONE = "", "None"
        REVIEWER = "reviewer", "Reviewer"
        OPERATOR = "operator", "Operator"
        SUPERUSER = "superuser", "Superuser"

    email = LowerCaseEmailField(
        "e-mail", unique=True, error_messages={"unique": "Somebody with this e-mail address already exists."}
    )
    name = models.CharField(max_length=120, blank=True)
    staff_role = models.CharField(
        max_length=10,
        choices=StaffRole,
        blank=True,
        default=StaffRole.NONE,
        help_text="Reviewers decide applications and read accounts and licences. Operators change accounts, licences "
        "and members. Superusers do both and manage users. None: no access to the administration.",
    )
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager()
    USERNAME_FIELD = EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.get_full_name()

    @property
    def is_staff(self) -> bool:
        """Asked by Django admin: whether the user may sign in to it."""
        return self.staff_role != self.StaffRole.NONE

    @property
    def is_superuser(self) -> bool:
        return self.staff_role == self.StaffRole.SUPERUSER

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Asked by Django admin for models of other packages, such as failed tasks: only superusers see them."""
        return self.is_active and self.is_superuser

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_superuser


def validate_time_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"{name} is not a time zone. Write one as America/New_York.")


class Account(models.Model):
    """A customer: a business and everything that belongs to it."""

    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=60, default="America/New_York", validators=[validate_time_zone])
    requires_second_factor = models.BooleanField("members need a second factor", default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name


class AccountQuerySet(models.QuerySet[ModelT_co]):
    """For every model that belongs to an account. Views start each query with `for_account`."""

    def for_account(self, account: Account | int) -> Self:
        return self.filter(account=account)


class Member(Claimable):
    """A user's membership in an account."""

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


def get_default_valid_from() -> date:
    """The latest day that has begun in every time zone; the last one is twelve hours behind UTC.

    A licence valid from this day counts at once, whatever the account's time zone.
    """
    return (timezone.now() - timedelta(hours=12)).date()


class LicenceQuerySet(AccountQuerySet):
    def valid_on(self, day: date) -> LicenceQuerySet:
        """Licences that have begun by this day and not expired. `valid_until` is the last valid day."""
        return self.filter(Q(valid_until__isnull=True) | Q(valid_until__gte=day), valid_from__lte=day)

    def mail_due(self, now: datetime) -> LicenceQuerySet:
        """Licences whose owners are to be mailed that they end soon."""
        return self.filter(mail_due_at__lte=now)


class Product(models.TextChoices):
    CONTACT_CENTER_PREMIUM = "contact_center_premium", "Contact Center Premium"
    CONTACT_CENTER_ELITE = "contact_center_elite", "Contact Center Elite"
    PHONE_PRO = "phone_pro", "Phone Pro"
    PHONE_CALLING_PLAN = "phone_calling_plan", "Phone calling plan"
    WORKPLACE_WITH_PHONE = "workplace_with_phone", "Workplace bundle with Phone"
    AUTO_DIALER = "auto_dialer", "Auto Dialer add-on for Phone"
    MONITORING_SKU = "monitoring_sku", "Spam Monitoring and Remediation"
    # For a business that runs the portal for itself. Operators grant it; nobody is offered it.
    OWN_INSTALLATION = "own_installation", "Own installation"


class Licence(Claimable):
    """A product that an account has bought. Operators edit licences in Django admin."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="licences")
    product = models.CharField(max_length=40, choices=Product)
    seats = models.PositiveIntegerField(default=1, help_text="For the SKU: how many numbers it covers.")
    valid_from = models.DateField("from", default=get_default_valid_from)
    valid_until = models.DateField("until", null=True, blank=True, help_text="The last day; empty: without end.")

    # What was done about the end of the licence: the last warning (days before) or 0 for the end itself, and the
    # `valid_until` that it was about. A licence that is extended is warned about again.
    warned_days = models.PositiveSmallIntegerField(null=True, editable=False)
    warned_for = models.DateField(null=True, editable=False)
    # The mail of the last warning: when it is due, and how often sending was tried.
    mail_due_at = models.DateTimeField(null=True, editable=False)
    mail_attempts = models.PositiveSmallIntegerField(default=0, editable=False)

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
        indexes = [
            models.Index(fields=["valid_until"], name="licence_ending", condition=Q(valid_until__isnull=False)),
            models.Index(fields=["mail_due_at"], name="licence_mail_due", condition=Q(mail_due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        if self.product == Product.OWN_INSTALLATION:
            return self.get_product_display()
        return f"{self.get_product_display()}, {self.seats} seats"


def today_of(account: Account, now: datetime) -> date:
    """The day on which licences count for the account."""
    return now.astimezone(ZoneInfo(account.time_zone)).date()
