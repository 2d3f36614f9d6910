"""Which numbers may be enabled, and why another may not: the specification's requirements and limitations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Case, CharField, F, Q, Value, When

from enrollment.models import Application
from portal.licensing import COVERS_CAMPAIGN_NUMBERS, PRODUCT_LICENCES, SEATS_OF
from portal.models import Account, Licence
from portal.numbers import UNITED_STATES
from reputation.models import PhoneNumber
from reputation.models.numbers import PhoneNumberQuerySet


@dataclass(frozen=True)
class Refusal:
    """Why a number cannot be enabled: a code, a sentence for people, and what they can do about it."""

    code: str
    sentence: str
    hint: str
    hint_page: str = ""


REFUSALS = {
    refusal.code: refusal
    for refusal in (
        Refusal(
            "not_enrolled",
            "Your business has no approved enrollment.",
            "Complete the enrollment form and wait for its approval.",
            "enrollment",
        ),
        Refusal("already_on", "Already on.", "Nothing to do."),
        Refusal("being_verified", "Already being verified.", "Its state shows under Capability."),
        Refusal(
            "outside_united_states",
            "The service covers United States numbers only.",
            "Take it out; other countries are not covered.",
        ),
        Refusal(
            "not_a_caller_id",
            "A premium-rate or personal number cannot be a caller ID.",
            "Take it out, or correct the number.",
        ),
        Refusal(
            "no_licence",
            "No licence of the account covers it: Contact Center Premium or Elite, Phone, or the Auto Dialer add-on.",
            "Ask your provider for a licence.",
        ),
        Refusal(
            "no_free_seat",
            "Not an outbound dialer number, and no seat of the Spam Monitoring and Remediation licence is free.",
            "Put it in an outbound dialer campaign, switch another number off, or ask for more seats.",
        ),
    )
}


@dataclass(frozen=True)
class Coverage:
    """What an account's valid licences give: whether numbers in campaigns are included, and the seats for others."""

    includes_campaign_numbers: bool
    has_product_licence: bool
    seats: int
    seats_used: int
    licences: tuple[Licence, ...]

    @property
    def seats_free(self) -> int:
        return max(self.seats - self.seats_used, 0)

    @property
    def seats_overused(self) -> int:
        return max(self.seats_used - self.seats, 0)


def coverage_of(account: Account, on: date) -> Coverage:
    """The account's coverage on a day; two queries. A monitored number outside campaigns takes a seat, and so does
    one inside when no licence includes campaign numbers."""
    licences = tuple(Licence.objects.for_account(account).valid_on(on))
    products = {licence.product for licence in licences}
    includes = bool(products & COVERS_CAMPAIGN_NUMBERS)
    monitored = PhoneNumber.objects.for_account(account).monitored()
    return Coverage(
        includes_campaign_numbers=includes,
        has_product_licence=bool(products & PRODUCT_LICENCES),
        seats=sum(licence.seats for licence in licences if licence.product == SEATS_OF),
        seats_used=(monitored.outside_campaigns() if includes else monitored).count(),
        licences=licences,
    )


def is_enrolled(account: Account) -> bool:
    return Application.objects.for_account(account).approved().exists()


def with_refusal(numbers: PhoneNumberQuerySet, *, coverage: Coverage, enrolled: bool) -> PhoneNumberQuerySet:
    """Each number annotated with `refusal` (a code, empty if none) and `needs_seat`.

    Seats are not dealt out here: of the numbers that need one and have no refusal, the first `coverage.seats_free`
    by id get one.
    """
    takes_seat = Q() if not coverage.includes_campaign_numbers else Q(campaign__isnull=True)
    no_way_to_cover = Q(pk__isnull=coverage.has_product_licence)
    refusal = Case(
        When(capability=PhoneNumber.Capability.ON, then=Value("already_on")),
        When(capability=PhoneNumber.Capability.VERIFYING, then=Value("being_verified")),
        When(~Q(region__in=UNITED_STATES), then=Value("outside_united_states")),
        When(~Q(kind__in=("geographic", "toll_free")), then=Value("not_a_caller_id")),
        *([] if enrolled else [When(Q(pk__isnull=False), then=Value("not_enrolled"))]),
        When(takes_seat & no_way_to_cover, then=Value("no_licence")),
        default=Value(""),
        output_field=CharField(),
    )
    needs_seat = (
        Case(When(takes_seat, then=Value(True)), default=Value(False))
        if coverage.includes_campaign_numbers
        else Value(True)
    )
    return numbers.annotate(refusal=refusal, needs_seat=needs_seat, number_id=F("pk"))


def today(account: Account, now: datetime) -> date:
    """The day on which licences count for the account: in its own time zone."""
    from zoneinfo import ZoneInfo

    return now.astimezone(ZoneInfo(account.time_zone)).date()
