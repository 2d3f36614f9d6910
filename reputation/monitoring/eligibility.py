"""Eligibility: which numbers a bulk action may change, and why it refuses the others.

The rule of *Enable* implements the specification's requirements and limitations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db.models import Case, CharField, Exists, Expression, Q, QuerySet, Sum, Value, When

from enrollment.models import Application
from portal.accounts.licensing import BASE_PRODUCTS, CAMPAIGN_PRODUCTS, OWN_PRODUCT, SEAT_PRODUCT
from portal.models import Account, Licence
from portal.models.accounts import today_of
from portal.phone.numbers import US_REGIONS
from portal.text import join_names
from reputation.models import Campaign, NumberCount, PhoneNumber
from reputation.models.counts import NumberCountQuerySet
from reputation.models.numbers import PhoneNumberQuerySet


@dataclass(frozen=True)
class Refusal:
    """Why a number is refused. `hint` tells what the user can do, `url_name` on which page."""

    code: str
    sentence: str
    hint: str = ""
    url_name: str = ""


REFUSALS = {
    refusal.code: refusal
    for refusal in (
        Refusal("already_on", "Already on."),
        Refusal("being_verified", "Already being verified.", "Its state shows under Capability."),
        Refusal(
            "outside_united_states",
            "The service covers United States numbers only.",
            "Numbers of other countries that share +1 cannot be enabled.",
        ),
        Refusal(
            "premium_number",
            "Callers would pay to call a premium-rate number back, so it cannot be shown as a caller ID.",
        ),
        Refusal("personal_number", "A personal number follows its holder, so it cannot be shown as a caller ID."),
        Refusal(
            "non_geographic_number",
            "A non-geographic number, such as one of 700 or 710, reaches a special service, so it cannot be shown as a "
            "caller ID.",
        ),
        # Windows that an earlier version opened have this code for the three above.
        Refusal("not_a_caller_id", "A number of this kind cannot be shown as a caller ID."),
        Refusal("not_enrolled", "Your business has no approved enrollment.", "Open the enrollment form", "enrollment"),
        Refusal(
            "no_licence",
            "No licence of the account covers it: that takes Contact Center Premium or Elite, Phone, or the Auto "
            "Dialer add-on.",
            "See what is covered",
            "services-details",
        ),
        Refusal(
            "no_free_seat",
            "No seat of the Spam Monitoring and Remediation licence is free.",
            "See the seats",
            "services-details",
        ),
        Refusal("already_off", "Already off."),
        Refusal("already_assigned", "Already in this campaign."),
        Refusal("not_assigned", "Not in this campaign."),
        Refusal("not_last_seen", "Was not labelled when last seen, so nothing keeps it from being used."),
    )
}


@dataclass(frozen=True)
class Coverage:
    """What an account's valid licences cover: numbers in campaigns, and the seats for the others."""

    includes_campaign_numbers: bool
    has_product_licence: bool
    seats: int
    seats_used: int
    licences: tuple[Licence, ...]
    # The last licence of each product that has ended and that no valid licence replaces.
    expired: tuple[Licence, ...] = ()
    # Every number is covered without a seat (the licence *Own installation*). Then no seats are used.
    needs_no_seats: bool = False

    @property
    def takes_seat(self) -> Q:
        """The condition of numbers that take a seat once they are monitored."""
        if self.needs_no_seats:
            return Q(pk__in=[])
        return Q(campaign__isnull=True) if self.includes_campaign_numbers else Q(pk__isnull=False)

    @property
    def seats_free(self) -> int:
        return max(self.seats - self.seats_used, 0)

    @property
    def uncovered_count(self) -> int:
        """How many monitored numbers no licence covers. The seats alone cover nothing: they need a product licence."""
        return max(self.seats_used - (self.seats if self.has_product_licence else 0), 0)


def get_coverage(account: Account, now: datetime) -> Coverage:
    """The account's coverage today, in its own time zone; two queries."""
    return get_coverage_on(account, today_of(account, now))


def get_coverage_on(account: Account, day: date) -> Coverage:
    """What the licences cover on this day, and the seats that the numbers that are monitored now take; two queries."""
    return build_coverage(list(Licence.objects.for_account(account)), count_monitored(account), day)


@dataclass(frozen=True)
class MonitoredCount:
    """How many of an account's numbers are monitored, and how many of these are in no campaign."""

    total: int
    without_campaign: int


def count_monitored(account: Account) -> MonitoredCount:
    return count_monitored_by_account(NumberCount.objects.for_account(account)).get(account.pk, MonitoredCount(0, 0))


def count_monitored_by_account(counts: NumberCountQuerySet) -> dict[int, MonitoredCount]:
    """By account id, from these stored counts; one query."""
    without = Sum("count", filter=Q(campaign=NumberCount.NO_CAMPAIGN), default=0)
    rows = counts.monitored().values("account").annotate(total=Sum("count"), without=without).order_by()
    return {row["account"]: MonitoredCount(row["total"], row["without"]) for row in rows}


def build_coverage(account_licences: Sequence[Licence], monitored: MonitoredCount, day: date) -> Coverage:
    """What an account's licences cover on this day.

    Each monitored number takes a seat, except numbers in campaigns if a licence includes those, and all numbers of an
    own installation.
    """
    begun = [licence for licence in account_licences if licence.valid_from <= day]
    licences = tuple(licence for licence in begun if licence.valid_until is None or licence.valid_until >= day)
    products = {licence.product for licence in licences}
    is_own = OWN_PRODUCT in products
    includes_campaigns = is_own or bool(products & CAMPAIGN_PRODUCTS)
    taking_seats = monitored.without_campaign if includes_campaigns else monitored.total
    return Coverage(
        includes_campaign_numbers=includes_campaigns,
        has_product_licence=is_own or bool(products & BASE_PRODUCTS),
        seats=sum(licence.seats for licence in licences if licence.product == SEAT_PRODUCT),
        seats_used=0 if is_own else taking_seats,
        licences=licences,
        expired=_get_expired(begun, products),
        needs_no_seats=is_own,
    )


def count_losing_monitoring(account: Account, licences: Sequence[Licence], now: datetime) -> int:
    """For how many numbers monitoring ends if the account has these licences instead of its own; two queries."""
    today, monitored = today_of(account, now), count_monitored(account)
    before = build_coverage(list(Licence.objects.for_account(account)), monitored, today)
    return max(build_coverage(licences, monitored, today).uncovered_count - before.uncovered_count, 0)


def _get_expired(begun: list[Licence], valid_products: set[str]) -> tuple[Licence, ...]:
    ended = {licence.product: licence for licence in sorted(begun, key=lambda licence: licence.valid_until or date.max)}
    return tuple(licence for product, licence in ended.items() if product not in valid_products)


def explain_refusal(code: str, coverage: Coverage) -> Refusal:
    """The refusal, with the names of the expired licences that would cover the number."""
    refusal = REFUSALS[code]
    products = _get_missing_products(code, coverage)
    expired = [
        f"{licence.get_product_display()} expired on {licence.valid_until:%-d %B %Y}"
        for licence in coverage.expired
        if licence.product in products
    ]
    if expired and code == "no_licence":
        return replace(refusal, sentence=f"No licence covers it any more: {join_names(expired)}.")
    if expired:
        return replace(refusal, sentence=f"{join_names(expired)}, and {_lower_first(refusal.sentence)}")
    if code == "no_free_seat" and coverage.includes_campaign_numbers:
        sentence = f"Not an outbound dialer number, and {_lower_first(refusal.sentence)}"
        return replace(refusal, sentence=sentence, hint="Put them in a campaign, or see the seats")
    return refusal


def _get_missing_products(code: str, coverage: Coverage) -> frozenset[str]:
    """The products of which a valid licence would cover a number that is refused with this code."""
    if code == "no_licence":
        return frozenset({*BASE_PRODUCTS, OWN_PRODUCT})
    if code == "no_free_seat":
        of_campaigns = frozenset() if coverage.includes_campaign_numbers else CAMPAIGN_PRODUCTS
        return frozenset({SEAT_PRODUCT, OWN_PRODUCT}) | of_campaigns
    return frozenset()


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def is_enrolled(account: Account) -> bool:
    return approved_applications(account).exists()


def approved_applications(account: Account) -> QuerySet[Application]:
    return Application.objects.for_account(account).approved()


@dataclass(frozen=True)
class EligibilityRule:
    """The conditions of a bulk action, as SQL expressions.

    `refusal` is the code of a Refusal or empty. `needs_seat` tells whether the number takes a seat. The caller assigns
    the seats: of the numbers without a refusal that need one, the first `seats` by id get one. The others are refused,
    unless the action `ends_monitoring` of those without a seat.
    """

    refusal: Expression
    needs_seat: Expression = Value(False)
    seats: int = 0
    ends_monitoring: bool = False

    def annotate(self, numbers: PhoneNumberQuerySet) -> PhoneNumberQuerySet:
        return numbers.annotate(refusal=self.refusal, needs_seat=self.needs_seat)


def enable_rule(account: Account, campaign: Campaign | None, now: datetime) -> EligibilityRule:
    """The rule of *Enable*; two queries. A number gets the first refusal that applies."""
    coverage = get_coverage(account, now)
    refusals = [
        ("already_on", Q(capability=PhoneNumber.Capability.ON)),
        ("being_verified", Q(capability=PhoneNumber.Capability.VERIFYING)),
        ("outside_united_states", ~Q(region__in=US_REGIONS)),
        ("premium_number", Q(kind="premium")),
        ("personal_number", Q(kind="personal")),
        ("non_geographic_number", Q(kind="non_geographic")),
        ("not_a_caller_id", ~Q(kind__in=PhoneNumber.CALLER_ID_KINDS)),
        ("not_enrolled", ~Q(Exists(approved_applications(account)))),
    ]
    if not coverage.has_product_licence:
        refusals.append(("no_licence", coverage.takes_seat))
    return EligibilityRule(
        refusal=first_refusal(refusals),
        needs_seat=Case(When(coverage.takes_seat, then=Value(True)), default=Value(False)),
        seats=coverage.seats_free,
    )


def disable_rule(account: Account, campaign: Campaign | None, now: datetime) -> EligibilityRule:
    return EligibilityRule(refusal=first_refusal([("already_off", Q(capability=PhoneNumber.Capability.OFF))]))


def first_refusal(refusals: list[tuple[str, Q]]) -> Expression:
    return Case(
        *(When(condition, then=Value(code)) for code, condition in refusals),
        default=Value(""),
        output_field=CharField(),
    )
