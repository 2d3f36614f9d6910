"""Phone numbers of accounts, with their capability and spam status."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import models
from django.db.models import Case, GeneratedField, Q, Value, When
from django.utils import timezone

from portal.models import Account, AccountQuerySet, Claimable
from portal.phone.numbers import country_name, format_national
from reputation.models import spam_statuses
from reputation.models.search_index import build_search_condition


class PhoneNumberQuerySet(AccountQuerySet):
    """Filters of phone numbers. `for_account` excludes removed numbers."""

    def for_account(self, account: Account | int) -> PhoneNumberQuerySet:
        return self.filter(account=account, removed_at__isnull=True)

    def present(self) -> PhoneNumberQuerySet:
        return self.filter(removed_at__isnull=True)

    def monitored(self) -> PhoneNumberQuerySet:
        """Numbers that are being verified or are on. They count against the licence's seats."""
        return self.filter(capability__in=PhoneNumber.MONITORED)

    def looked_up(self) -> PhoneNumberQuerySet:
        """Numbers whose capability is on and that are not removed: the engines are asked about these."""
        return self.present().filter(capability=PhoneNumber.Capability.ON)

    def request_lookup(self, now: datetime) -> int:
        """Makes the next sweep look these numbers up at every provider; returns how many."""
        return self.update(next_action_at=now, lookup_round_started_at=None)

    def lock(self) -> None:
        """Lock the numbers until the transaction ends: before their cases and registrations, in the order of the ids.

        Everybody who changes several of these does so, so that nobody waits for somebody who waits for them.
        """
        list(self.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))

    def tagged(self) -> PhoneNumberQuerySet:
        """Numbers with an active tag, in any state of remediation."""
        return self.filter(spam_status__in=PhoneNumber.TAGGED)

    def awaiting_decision(self, now: datetime) -> PhoneNumberQuerySet:
        """Numbers that were labelled when last seen and are not monitored, for which the portal asks what to do."""
        undecided = self.present().filter(spam_status=PhoneNumber.SpamStatus.LAST_SEEN, decision_due_at__lte=now)
        return undecided.exclude(capability__in=PhoneNumber.MONITORED)

    def only_list_fields(self) -> PhoneNumberQuerySet:
        """Loads only the columns that lists show: half of them, since parsing the date columns is expensive."""
        return self.only(
            *("e164", "region", "label", "source", "campaign", "capability", "capability_reason"),
            *("spam_status", "tagged_since", "at_risk_until", "checked_at", "fresh_until", "exhausted_on"),
        )

    def in_campaign(self, campaign: models.Model | int) -> PhoneNumberQuerySet:
        return self.filter(campaign=campaign)

    def not_in_campaign(self, campaign: models.Model | int) -> PhoneNumberQuerySet:
        return self.filter(~Q(campaign=campaign) | Q(campaign__isnull=True))

    def without_campaign(self) -> PhoneNumberQuerySet:
        return self.filter(campaign__isnull=True)

    def search(self, text: str, *, use_index: bool = True) -> PhoneNumberQuerySet:
        """Numbers that contain the text in the number, in any punctuation, or in the label, in any case and accents.

        `+1415` and `(415) 2` are beginnings of numbers. Several numbers find all of them (see read_number_search).
        `use_index=False` avoids the index of search_index.py: a scan is faster when matching rows are dense and few
        are fetched.
        """
        text = text.replace("\x00", "").strip()  # PostgreSQL rejects NUL in a parameter
        if not text:
            return self
        return self.filter(build_search_condition(text, PhoneNumber.MAX_LABEL_LENGTH, use_index=use_index))

    def with_spam_status(self, status: str, now: datetime) -> PhoneNumberQuerySet:
        """Numbers that a page shows with this status. A clean number is stale once an engine's answer expires."""
        if status == PhoneNumber.STALE:
            return self.filter(spam_status=PhoneNumber.SpamStatus.CLEAN, fresh_until__lte=now)
        if status == PhoneNumber.SpamStatus.CLEAN:
            return self.filter(spam_status=status, fresh_until__gt=now)
        if status == PhoneNumber.SpamStatus.TAGGED:
            return self.tagged()
        return self.filter(spam_status=status)


# The values of PhoneNumber.SKIPPED, for the partial indexes of matching. The first four are those of TAGGED.
_SKIPPED = ["tagged", "tagged_again", "in_remediation", "failed", "last_seen"]


def _digit_of(field: str, values: Sequence[str]) -> Case:
    """The field's index in `values`, or 9."""
    return Case(*(When(**{field: value}, then=Value(index)) for index, value in enumerate(values)), default=Value(9))


class PhoneNumber(Claimable):
    class Source(models.TextChoices):
        NATIVE = "native", "Native"
        BYOC = "byoc", "BYOC"

    class Capability(models.TextChoices):
        OFF = "off", "Off"
        VERIFYING = "verifying", "Verifying"
        ON = "on", "On"
        FAILED = "failed", "Verification failed"

    SpamStatus = spam_statuses.SpamStatus
    STALE = spam_statuses.STALE
    TAGGED = spam_statuses.TAGGED
    SKIPPED = spam_statuses.SKIPPED  # by matching
    STATUSES_BY_FACET = spam_statuses.STATUSES_BY_FACET
    STATUSES_BY_URGENCY = spam_statuses.STATUSES_BY_URGENCY

    MAX_LABEL_LENGTH = 80
    CALLER_ID_KINDS = ("geographic", "toll_free")
    MONITORED = (Capability.VERIFYING, Capability.ON)
    CAPABILITIES_BY_NAME = (Capability.FAILED, Capability.OFF, Capability.ON, Capability.VERIFYING)

    # No index of its own: number_once_in_account starts with this column.
    account = models.ForeignKey(Account, models.CASCADE, related_name="phone_numbers", db_index=False)
    e164 = models.CharField("number", max_length=16)
    region = models.CharField(max_length=3)
    kind = models.CharField(max_length=20)
    area_code = models.CharField(max_length=3, blank=True)
    label = models.CharField(max_length=MAX_LABEL_LENGTH, blank=True)
    source = models.CharField(max_length=6, choices=Source, default=Source.NATIVE)
    campaign = models.ForeignKey("Campaign", models.SET_NULL, null=True, blank=True, related_name="numbers")
    added_at = models.DateTimeField(default=timezone.now, editable=False)
    # Removed numbers are kept for their history. Adding one again restores it.
    removed_at = models.DateTimeField(null=True, editable=False)

    capability = models.CharField(max_length=10, choices=Capability, default=Capability.OFF, editable=False)
    capability_since = models.DateTimeField(default=timezone.now, editable=False)
    capability_reason = models.CharField(max_length=300, blank=True, editable=False)

    # Derived from capability, tags, cases and checks by spam_status.recompute, in the transaction that changes them.
    spam_status = models.CharField(max_length=15, choices=SpamStatus, default=SpamStatus.NOT_MONITORED, editable=False)
    tagged_since = models.DateTimeField(null=True, editable=False)
    # From the first of the signs of a risk that count until the last one expires. Null without a sign, or if the number
    # is not monitored.
    at_risk_since = models.DateTimeField(null=True, editable=False)
    at_risk_until = models.DateTimeField(null=True, editable=False)
    # When the portal asks what to do with a number that was labelled when last seen. Null if there is no such label:
    # monitoring never ended with an active tag, or the number was found clean, tagged or released since.
    decision_due_at = models.DateTimeField(null=True, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)
    # Not derived from `checked_at`, which every look-up changes: each index over a changed column is rewritten.
    ever_checked = models.BooleanField(default=False, db_default=False, editable=False)
    fresh_until = models.DateTimeField(null=True, editable=False)

    # The day, in the account's time zone, on which the campaign's daily limit of calls was reached.
    exhausted_on = models.DateField(null=True, editable=False)

    # Capability on: when the number is looked up next. Verifying: when the engines' time to answer ends.
    next_action_at = models.DateTimeField(null=True, editable=False)
    # A round of look-ups asks every engine once. It lasts until every provider answered.
    lookup_round_started_at = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)

    # Spam status, capability, source and ever_checked as the four digits of one generated number: the indexes in
    # STATUSES_BY_FACET, CAPABILITIES_BY_NAME and Source, and 0 or 1. Null for a removed number. Lists are counted
    # and read by it (models/counts.py, number_table).
    facet = GeneratedField(
        expression=Case(
            When(
                removed_at__isnull=True,
                then=_digit_of("spam_status", STATUSES_BY_FACET) * 1000
                + _digit_of("capability", CAPABILITIES_BY_NAME) * 100
                + _digit_of("source", Source.values) * 10
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
            # For number_table: each list can be read in order from any row on, without sorting.
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
            models.Index(
                fields=["account", "decision_due_at"],
                name="number_last_seen",
                condition=Q(removed_at__isnull=True, decision_due_at__isnull=False),
            ),
            models.Index(fields=["at_risk_until"], name="number_risk_ends", condition=Q(at_risk_until__isnull=False)),
            models.Index(
                fields=["account", "at_risk_since"], name="number_at_risk", condition=Q(at_risk_since__isnull=False)
            ),
            # For matching: in E.164 order, numbers of one exchange or area code are adjacent.
            models.Index(
                fields=["campaign", "e164"],
                name="number_to_show",
                condition=Q(removed_at__isnull=True, exhausted_on__isnull=True) & ~Q(spam_status__in=_SKIPPED),
            ),
            models.Index(
                fields=["campaign", "e164"],
                name="number_skipped_tagged",
                condition=Q(removed_at__isnull=True) & Q(spam_status__in=_SKIPPED[:4]),
            ),
            models.Index(
                fields=["campaign", "e164"],
                name="number_skipped_last_seen",
                condition=Q(removed_at__isnull=True, spam_status="last_seen"),
            ),
            models.Index(
                fields=["campaign", "e164"],
                name="number_skipped_exhausted",
                condition=Q(removed_at__isnull=True, exhausted_on__isnull=False) & ~Q(spam_status__in=_SKIPPED),
            ),
            models.Index(fields=["e164"], name="number_by_e164"),
            models.Index(
                fields=["capability", "next_action_at"], name="number_due", condition=Q(next_action_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return format_national(self.e164)

    @property
    def country(self) -> str:
        """The country's name. Territories of the United States have their own names."""
        return "United States" if self.region == "US" else country_name(self.region)

    @property
    def is_tagged(self) -> bool:
        """Whether the number carries a label, whatever the state of remediation."""
        return self.spam_status in self.TAGGED

    @property
    def was_labelled(self) -> bool:
        """Whether the number was labelled when last seen, and was neither released nor found clean since."""
        return self.spam_status == self.SpamStatus.LAST_SEEN

    @property
    def is_at_risk(self) -> bool:
        """Whether the number shows signs of getting a label, but has none."""
        return self.spam_status == self.SpamStatus.AT_RISK

    @property
    def is_skipped(self) -> bool:
        """Whether matching skips the number because of a label."""
        return self.spam_status in self.SKIPPED

    def spam_status_at(self, now: datetime) -> str:
        """The status that a page shows at `now`: *tagged* for each status of TAGGED, *stale*, or the stored one."""
        if self.is_tagged:
            return self.SpamStatus.TAGGED
        if self.spam_status == self.SpamStatus.CLEAN and (self.fresh_until is None or self.fresh_until <= now):
            return self.STALE
        return self.spam_status

    @property
    def remediation(self) -> str:
        """The state of remediation, which pages show next to *tagged*: a stored status of TAGGED, or empty."""
        return self.spam_status if self.is_tagged else ""
