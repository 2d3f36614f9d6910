"""Which numbers can be enabled, and the reasons of refusals: rows 5, 8, 9, 10 and 11 of the specification."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from enrollment.models import Application
from portal.accounts.licensing import BASE_PRODUCTS, CAMPAIGN_PRODUCTS, Product
from portal.models import today_of
from reputation.models import PhoneNumber
from reputation.monitoring.eligibility import REFUSALS, enable_rule, explain_refusal, get_coverage
from tests.factories import (
    ApplicationFactory,
    CampaignFactory,
    LicenceFactory,
    PhoneNumberFactory,
)
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

CANADIAN, BAHAMIAN, PUERTO_RICAN, TOLL_FREE = "+14165550123", "+12423591234", "+17872345678", "+18002345678"


@pytest.fixture
def campaign(account):
    return CampaignFactory(account=account)


def refusal_code(number: PhoneNumber, now) -> str:
    question = enable_rule(number.account, None, now)
    return question.annotate(PhoneNumber.objects.filter(pk=number.pk)).values_list("refusal", flat=True).get()


def needs_seat(number: PhoneNumber, now) -> bool:
    question = enable_rule(number.account, None, now)
    return question.annotate(PhoneNumber.objects.filter(pk=number.pk)).values_list("needs_seat", flat=True).get()


@pytest.mark.parametrize("state", sorted(set(Application.State) - {Application.State.APPROVED}))
def test_row_5_numbers_can_be_enabled_only_after_approval(account, campaign, now, state):
    LicenceFactory(account=account, product=Product.CONTACT_CENTER_ELITE)
    number = PhoneNumberFactory(account=account, campaign=campaign)
    application = ApplicationFactory(account=account, state=state)
    assert refusal_code(number, now) == "not_enrolled"
    Application.objects.filter(pk=application.pk).update(state=Application.State.APPROVED)
    assert refusal_code(number, now) == ""


@pytest.mark.parametrize("product", sorted(BASE_PRODUCTS))
def test_row_8_each_product_covers_a_number_with_a_seat(account, now, product):
    ApplicationFactory(account=account)
    number = PhoneNumberFactory(account=account)
    assert refusal_code(number, now) == "no_licence"
    LicenceFactory(account=account, product=product)
    assert refusal_code(number, now) == ""
    assert needs_seat(number, now)


@pytest.mark.parametrize("product", sorted(BASE_PRODUCTS))
def test_row_9_campaign_number_needs_no_seat_with_premium_elite_or_auto_dialer(account, campaign, now, product):
    ApplicationFactory(account=account)
    LicenceFactory(account=account, product=product)
    inside, outside = PhoneNumberFactory(account=account, campaign=campaign), PhoneNumberFactory(account=account)
    assert needs_seat(inside, now) == (product not in CAMPAIGN_PRODUCTS)
    assert needs_seat(outside, now)


def test_row_9_monitoring_sku_alone_covers_no_number(account, now):
    ApplicationFactory(account=account)
    LicenceFactory(account=account, product=Product.MONITORING_SKU, seats=10)
    assert refusal_code(PhoneNumberFactory(account=account), now) == "no_licence"


def test_seats_are_taken_by_monitored_numbers_outside_campaigns(enrolled_account, campaign, now):
    LicenceFactory(account=enrolled_account, product=Product.MONITORING_SKU, seats=3)
    PhoneNumberFactory(account=enrolled_account, capability=PhoneNumber.Capability.ON)
    PhoneNumberFactory(account=enrolled_account, capability=PhoneNumber.Capability.VERIFYING)
    PhoneNumberFactory(account=enrolled_account, capability=PhoneNumber.Capability.FAILED)
    PhoneNumberFactory(account=enrolled_account, capability=PhoneNumber.Capability.ON, campaign=campaign)
    coverage = get_coverage(enrolled_account, now)
    assert (coverage.seats, coverage.seats_used, coverage.seats_free) == (3, 2, 1)


def test_expired_and_future_licences_are_ignored(account, now):
    today = today_of(account, now)
    LicenceFactory(account=account, valid_from=today - timedelta(days=9), valid_until=today - timedelta(days=2))
    LicenceFactory(account=account, valid_from=today + timedelta(days=2))
    assert not get_coverage(account, now).has_product_licence
    LicenceFactory(account=account, valid_from=today, valid_until=today + timedelta(days=1))
    assert get_coverage(account, now).has_product_licence


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Guam", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("hour", [0, 3, 10, 14, 23])
def test_licence_added_now_is_valid_now_in_every_time_zone(account, zone, hour):
    account.time_zone = zone
    account.save()
    with time_machine.travel(datetime(2026, 11, 25, hour, 30, tzinfo=UTC), tick=False):
        LicenceFactory(account=account)
        assert get_coverage(account, timezone.now()).has_product_licence


@pytest.mark.parametrize("source", PhoneNumber.Source.values)
def test_row_10_native_and_byoc_numbers_are_both_supported(enrolled_account, campaign, now, source):
    assert refusal_code(PhoneNumberFactory(account=enrolled_account, campaign=campaign, source=source), now) == ""


@pytest.mark.parametrize(("e164", "country"), [(CANADIAN, "Canada"), (BAHAMIAN, "Bahamas")])
def test_row_11_other_countries_of_the_country_code_1_are_refused_and_named(
    enrolled_account, campaign, now, e164, country
):
    number = PhoneNumberFactory(account=enrolled_account, campaign=campaign, e164=e164)
    assert refusal_code(number, now) == "outside_united_states"
    assert number.country == country


@pytest.mark.parametrize("e164", [PUERTO_RICAN, TOLL_FREE])
def test_row_11_territories_and_toll_free_numbers_are_in_the_united_states(enrolled_account, campaign, now, e164):
    assert refusal_code(PhoneNumberFactory(account=enrolled_account, campaign=campaign, e164=e164), now) == ""


@pytest.mark.parametrize(
    ("e164", "sentence"),
    [
        ("+19002345678", "Callers would pay to call a premium-rate number back"),
        ("+15002345678", "A personal number follows its holder"),
        ("+15382345678", "A personal number follows its holder"),
        ("+17002345678", "A non-geographic number, such as one of 700 or 710, reaches a special service"),
        ("+17102345678", "A non-geographic number, such as one of 700 or 710, reaches a special service"),
        ("+16002345678", "The service covers United States numbers only"),
    ],
)
def test_number_that_is_no_caller_id_is_refused_with_what_is_true_for_its_kind(
    enrolled_account, campaign, now, e164, sentence
):
    code = refusal_code(PhoneNumberFactory(account=enrolled_account, campaign=campaign, e164=e164), now)
    assert explain_refusal(code, get_coverage(enrolled_account, now)).sentence.startswith(sentence)


def test_number_of_an_unknown_kind_is_refused(enrolled_account, campaign, now):
    number = PhoneNumberFactory(account=enrolled_account, campaign=campaign, kind="other")
    assert refusal_code(number, now) == "not_a_caller_id"


@pytest.mark.parametrize(
    ("capability", "code"), [("on", "already_on"), ("verifying", "being_verified"), ("failed", "")]
)
def test_monitored_number_is_refused_and_failed_number_can_be_enabled_again(
    enrolled_account, campaign, now, capability, code
):
    assert (
        refusal_code(PhoneNumberFactory(account=enrolled_account, campaign=campaign, capability=capability), now)
        == code
    )


def test_each_refusal_has_a_sentence():
    assert all(refusal.sentence.endswith(".") for refusal in REFUSALS.values())


def expire(account, product: Product, now, **fields) -> str:
    """The product's licence has expired yesterday. Returns how a refusal names it."""
    day = today_of(account, now) - timedelta(days=1)
    LicenceFactory(account=account, product=product, valid_from=day - timedelta(days=9), valid_until=day, **fields)
    return f"{product.label} expired on {day:%-d %B %Y}"


@pytest.mark.parametrize("product", sorted(BASE_PRODUCTS))
def test_a_refusal_names_the_product_licence_that_expired(account, now, product):
    expired = expire(account, Product(product), now)
    assert expired in explain_refusal("no_licence", get_coverage(account, now)).sentence


def test_a_refusal_names_the_expired_licence_of_the_seats(account, now):
    LicenceFactory(account=account, product=Product.PHONE_PRO)
    expired = expire(account, Product.MONITORING_SKU, now, seats=5)
    assert explain_refusal("no_free_seat", get_coverage(account, now)).sentence.startswith(expired)


def test_a_refusal_of_a_number_in_a_campaign_names_the_expired_licence_and_not_the_campaign(account, now):
    LicenceFactory(account=account, product=Product.PHONE_PRO)
    LicenceFactory(account=account, product=Product.MONITORING_SKU, seats=5)
    expired = expire(account, Product.CONTACT_CENTER_PREMIUM, now)
    refusal = explain_refusal("no_free_seat", get_coverage(account, now))
    assert refusal.sentence.startswith(expired)
    assert "outbound dialer" not in refusal.sentence
    assert "campaign" not in refusal.hint


def test_a_refusal_names_no_licence_that_a_valid_one_replaces(account, now):
    expire(account, Product.CONTACT_CENTER_ELITE, now)
    LicenceFactory(account=account, product=Product.CONTACT_CENTER_ELITE)
    refusal = explain_refusal("no_free_seat", get_coverage(account, now))
    assert "expired" not in refusal.sentence
    assert refusal.sentence.startswith("Not an outbound dialer number, and no seat")


def test_the_window_names_the_expired_licence(as_admin, account, now):
    ApplicationFactory(account=account)
    expired = expire(account, Product.CONTACT_CENTER_ELITE, now)
    number = PhoneNumberFactory(account=account, campaign=CampaignFactory(account=account))
    answer = as_admin.post(reverse("bulk-action-open"), {"action": "enable", "number": [number.pk]}, follow=True)
    assert f"No licence covers it any more: {expired}." in get_html(answer)
