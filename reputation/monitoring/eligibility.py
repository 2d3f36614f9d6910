"""Eligibility: which numbers a bulk action may change, and why it refuses the others.

The rule of *Enable* implements the specification's requirements and limitations.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, CharField, Expression, Q, Value, When

from enrollment.models import Application
from portal.accounts.licensing import BASE_PRODUCTS, CAMPAIGN_PRODUCTS, SEAT_PRODUCT
from portal.models import Account, Licence
from portal.models.accounts import today_of
from portal.phone.numbers import US_REGIONS
from reputation.models import Campaign, NumberCount, PhoneNumber
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
        Refusal("not_a_caller_id", "A premium-rate or personal number cannot be shown as a caller ID."),
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
            "Not an outbound dialer number, and no seat of the Spam Monitoring and Remediation licence is free.",
            "Put them in a campaign, or see the seats",
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

    @property
    def seats_free(self) -> int:
        return max(self.seats - self.seats_used, 0)

    @property
    def seats_exceeded(self) -> int:
        return max(self.seats_used - self.seats, 0)


def get_coverage(account: Account, now: datetime) -> Coverage:
    """The account's coverage today, in its own time zone; two queries.

    Each monitored number takes a seat, except numbers in campaigns if a licence includes those.
    """
    licences = tuple(Licence.objects.for_account(account).valid_on(today_of(account, now)))
    products = {licence.product for licence in licences}
    includes_campaigns = bool(products & CAMPAIGN_PRODUCTS)
    monitored = NumberCount.objects.for_account(account).monitored()
    return Coverage(
        includes_campaign_numbers=includes_campaigns,
        has_product_licence=bool(products & BASE_PRODUCTS),
        seats=sum(licence.seats for licence in licences if licence.product == SEAT_PRODUCT),
        seats_used=(monitored.without_campaign() if includes_campaigns else monitored).total(),
        licences=licences,
    )


def is_enrolled(account: Account) -> bool:
    return Application.objects.for_account(account).approved().exists()


@dataclass(frozen=True)
class EligibilityRule:
    """The conditions of a bulk action, as SQL expressions.

    `refusal` is the code of a Refusal or empty. `needs_seat` tells whether the number takes a seat. The caller assigns
    the seats: of the numbers without a refusal that need one, the first `seats` by id get one.
    """

    refusal: Expression
    needs_seat: Expression = Value(False)
    seats: int = 0

    def annotate(self, numbers: PhoneNumberQuerySet) -> PhoneNumberQuerySet:
        return numbers.annotate(refusal=self.refusal, needs_seat=self.needs_seat)


def enable_rule(account: Account, campaign: Campaign | None, now: datetime) -> EligibilityRule:
    """The rule of *Enable*; three queries. A number gets the first refusal that applies."""
    coverage = get_coverage(account, now)
    everything = Q(pk__isnull=False)
    takes_seat = Q(campaign__isnull=True) if coverage.includes_campaign_numbers else everything
    refusals = [
        ("already_on", Q(capability=PhoneNumber.Capability.ON)),
        ("being_verified", Q(capability=PhoneNumber.Capability.VERIFYING)),
        ("outside_united_states", ~Q(region__in=US_REGIONS)),
        ("not_a_caller_id", ~Q(kind__in=PhoneNumber.CALLER_ID_KINDS)),
    ]
    if not is_enrolled(account):
        refusals.append(("not_enrolled", everything))
    if not coverage.has_product_licence:
        refusals.append(("no_licence", takes_seat))
    return EligibilityRule(
        refusal=first_refusal(refusals),
        needs_seat=Case(When(takes_seat, then=Value(True)), default=Value(False)),
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
