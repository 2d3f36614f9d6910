"""A phone number of an account: what the service does for it, and how it stands with the engines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import models
from django.db.models import Case, GeneratedField, Q, Value, When
from django.utils import timezone

from portal.models import Account, AccountQuerySet
from portal.phone.numbers import country_name, format_national, get_search_digits
from reputation.models.search_index import get_candidate_ids


class PhoneNumberQuerySet(AccountQuerySet):
    """Questions asked of the numbers; they chain. `for_account` leaves out what was removed."""

    def for_account(self, account: Account | int) -> PhoneNumberQuerySet:
        return self.filter(account=account, removed_at__isnull=True)

    def present(self) -> PhoneNumberQuerySet:
        return self.filter(removed_at__isnull=True)

    def monitored(self) -> PhoneNumberQuerySet:
        """Those the service works for: verifying or on. These count against the seats."""
        return self.filter(capability__in=PhoneNumber.MONITORED)

    def tagged(self) -> PhoneNumberQuerySet:
        """Those that carry a label now, whatever the state of its remediation."""
        return self.filter(spam_status__in=PhoneNumber.TAGGED)

    def as_listed(self) -> PhoneNumberQuerySet:
        """With what a list of numbers shows, and no more: half of the columns, of which most are moments to be read."""
        return self.only(
            *("e164", "region", "label", "source", "campaign", "capability", "capability_reason"),
            *("spam_status", "tagged_since", "checked_at", "fresh_until", "exhausted_on"),
        )

    def in_campaign(self, campaign: models.Model | int) -> PhoneNumberQuerySet:
        return self.filter(campaign=campaign)

    def outside_campaign(self, campaign: models.Model | int) -> PhoneNumberQuerySet:
        return self.filter(~Q(campaign=campaign) | Q(campaign__isnull=True))

    def outside_campaigns(self) -> PhoneNumberQuerySet:
        return self.filter(campaign__isnull=True)

    def matching(self, text: str, *, by_index: bool = True) -> PhoneNumberQuerySet:
        """Those with the text in any part of the number, however it is punctuated, or of the label.

        Without the index of searching.py, each number is looked at: quicker where the next that fits is never far.
        """
        text = text.replace("\x00", "").strip()  # which PostgreSQL cannot be asked about
        if not text:
            return self
        found = Q(label__icontains=text)
        if digits := get_search_digits(text):
            found |= Q(e164__contains=digits)
        candidates = get_candidate_ids(*filter(None, (text, digits))) if by_index else None
        return self.filter(found) if candidates is None else self.filter(found, pk__in=candidates)

    def with_spam_status(self, status: str, now: datetime) -> PhoneNumberQuerySet:
        """Those that a page shows with this status; *clean* only while every engine's answer is fresh."""
        if status == PhoneNumber.STALE:
            return self.filter(spam_status=PhoneNumber.SpamStatus.CLEAN, fresh_until__lte=now)
        if status == PhoneNumber.SpamStatus.CLEAN:
            return self.filter(spam_status=status, fresh_until__gt=now)
        if status == PhoneNumber.LABELLED:
            return self.tagged()
        if status == "tagged":
            return self.filter(spam_status__in=(PhoneNumber.SpamStatus.TAGGED, PhoneNumber.SpamStatus.TAGGED_AGAIN))
        return self.filter(spam_status=status)


def _position_in(field: str, values: Sequence[str]) -> Case:
    """Which of the values the field has, from 0."""
    return Case(*(When(**{field: value}, then=Value(place)) for place, value in enumerate(values)), default=Value(9))


class PhoneNumber(models.Model):
    class Source(models.TextChoices):
        NATIVE = "native", "Native"
        BYOC = "byoc", "BYOC"

    class Capability(models.TextChoices):
        OFF = "off", "Off"
        VERIFYING = "verifying", "Verifying"
        ON = "on", "On"
        FAILED = "failed", "Verification failed"

    class SpamStatus(models.TextChoices):
        """As stored. A page also says *stale*: clean, but longer ago than the answers may be relied on."""

        NOT_MONITORED = "not_monitored", "Not monitored"
        UNKNOWN = "unknown", "Not yet known"
        CLEAN = "clean", "Clean"
        TAGGED = "tagged", "Tagged"
        TAGGED_AGAIN = "tagged_again", "Tagged again"
        IN_REMEDIATION = "in_remediation", "In remediation"
        FAILED = "failed", "Remediation failed"

    STALE = "stale"
    LABELLED = "labelled"  # a filter only: any status of TAGGED
    CALLER_ID_KINDS = ("geographic", "toll_free")
    MONITORED = (Capability.VERIFYING, Capability.ON)
    TAGGED = (SpamStatus.TAGGED, SpamStatus.TAGGED_AGAIN, SpamStatus.IN_REMEDIATION, SpamStatus.FAILED)

    # What asks for attention first.
    URGENCY = (
        SpamStatus.FAILED,
        SpamStatus.TAGGED_AGAIN,
        SpamStatus.TAGGED,
        SpamStatus.IN_REMEDIATION,
        SpamStatus.UNKNOWN,
        SpamStatus.CLEAN,
        SpamStatus.NOT_MONITORED,
    )
    CAPABILITIES = (Capability.FAILED, Capability.OFF, Capability.ON, Capability.VERIFYING)

    # Its own index is none: number_once_in_account begins with it.
    account = models.ForeignKey(Account, models.CASCADE, related_name="phone_numbers", db_index=False)
    e164 = models.CharField("number", max_length=16)
    region = models.CharField(max_length=3)
    kind = models.CharField(max_length=12)
    area_code = models.CharField(max_length=3, blank=True)
    label = models.CharField(max_length=80, blank=True)
    source = models.CharField(max_length=6, choices=Source, default=Source.NATIVE)
    campaign = models.ForeignKey("Campaign", models.SET_NULL, null=True, blank=True, related_name="numbers")
    added_at = models.DateTimeField(default=timezone.now, editable=False)
    # Removed numbers stay, for their history; adding one again brings it back.
    removed_at = models.DateTimeField(null=True, editable=False)

    capability = models.CharField(max_length=10, choices=Capability, default=Capability.OFF, editable=False)
    capability_since = models.DateTimeField(default=timezone.now, editable=False)
    capability_reason = models.CharField(max_length=300, blank=True, editable=False)

    # Derived from capability, tags, cases and checks by standing.recompute, in the transaction that changes them.
    spam_status = models.CharField(max_length=15, choices=SpamStatus, default=SpamStatus.NOT_MONITORED, editable=False)
    tagged_since = models.DateTimeField(null=True, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)
    # By itself, since each look changes `checked_at`, and with a column all indexes are written that speak of it.
    ever_checked = models.BooleanField(default=False, db_default=False, editable=False)
    fresh_until = models.DateTimeField(null=True, editable=False)

    # The day of the account's time zone on which its campaign's daily limit of calls was reached.
    exhausted_on = models.DateField(null=True, editable=False)

    # On: when it is looked up next. Verifying: when the engines' time to answer is over. And who is at it.
    next_action_at = models.DateTimeField(null=True, editable=False)
    # A round of look-ups asks every engine once: since when it is under way, where a provider has not yet answered.
    round_began_at = models.DateTimeField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    lease_token = models.CharField(max_length=32, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)

    # Spam status, capability, source, and whether it was ever checked, in one figure that the database keeps: as digits
    # the places in URGENCY, CAPABILITIES and Source, and 0 or 1; empty for a removed number. Lists are counted and read
    # by it (counting, tables).
    facet = GeneratedField(
        expression=Case(
            When(
                removed_at__isnull=True,
                then=_position_in("spam_status", URGENCY) * 1000
                + _position_in("capability", CAPABILITIES) * 100
                + _position_in("source", Source.values) * 10
                + Case(When(ever_checked=True, then=Value(1)), default=Value(0)),
            )
        ),
        output_field=models.SmallIntegerField(null=True),
        db_persist=True,
    )

    objects = PhoneNumberQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "e164"], name="number_once_in_account"),
            models.CheckConstraint(
                condition=Q(ever_checked=True, checked_at__isnull=False)
                | Q(ever_checked=False, checked_at__isnull=True),
                name="number_ever_checked",
            ),
        ]
        indexes = [
            # What lists ask for (tables): each can be read from any place on, in its order, without sorting.
            models.Index(fields=["account", "facet", "e164"], name="number_by_facet"),
            models.Index(fields=["account", "campaign", "facet", "e164"], name="number_by_campaign"),
            models.Index(
                fields=["account", "facet", "checked_at", "e164"],
                name="number_by_check",
                condition=Q(checked_at__isnull=False),
            ),
            models.Index(fields=["account", "label", "e164"], name="number_by_label"),
            models.Index(
                fields=["account", "spam_status", "fresh_until", "campaign", "capability", "source"],
                name="number_by_freshness",
                condition=Q(removed_at__isnull=True, fresh_until__isnull=False),
            ),
            models.Index(
                fields=["account", "tagged_since"],
                name="number_tagged",
                condition=Q(removed_at__isnull=True, tagged_since__isnull=False),
            ),
            # What matching asks for: in E.164, numbers of an exchange or an area code stand side by side.
            models.Index(
                fields=["campaign", "e164"],
                name="number_to_show",
                condition=Q(removed_at__isnull=True, exhausted_on__isnull=True)
                & ~Q(spam_status__in=["tagged", "tagged_again", "in_remediation", "failed"]),
            ),
            models.Index(
                fields=["campaign", "e164"],
                name="number_skipped_tagged",
                condition=Q(removed_at__isnull=True)
                & Q(spam_status__in=["tagged", "tagged_again", "in_remediation", "failed"]),
            ),
            models.Index(
                fields=["campaign", "e164"],
                name="number_skipped_exhausted",
                condition=Q(removed_at__isnull=True, exhausted_on__isnull=False)
                & ~Q(spam_status__in=["tagged", "tagged_again", "in_remediation", "failed"]),
            ),
            models.Index(fields=["e164"], name="number_by_e164"),
            models.Index(
                fields=["capability", "next_action_at"],
                name="number_due",
                condition=Q(next_action_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return format_national(self.e164)

    @property
    def country(self) -> str:
        """Where the number belongs, in words; the territories of the United States by their own names."""
        return "United States" if self.region == "US" else country_name(self.region)

    @property
    def source_said(self) -> str:
        return self.Source(self.source).label

    @property
    def is_tagged(self) -> bool:
        return self.spam_status in self.TAGGED

    def shown_spam_status(self, now: datetime) -> str:
        """The status a page shows at this moment: the stored one, or *stale*."""
        if self.spam_status == self.SpamStatus.CLEAN and (self.fresh_until is None or self.fresh_until <= now):
            return self.STALE
        return self.spam_status
