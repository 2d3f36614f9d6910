"""The licence *Own installation*: a business that runs the portal for itself enables every number without seats."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from enrollment.own_accounts import OWN_ACCOUNT_CODE
from portal.accounts.licensing import Product
from portal.audit import Actor, Context
from portal.models import Account, AuditEvent, Licence, User, today_of
from reputation import campaigns
from reputation.models import BulkAction, PhoneNumber
from reputation.monitoring.eligibility import explain_refusal, get_coverage
from reputation.monitoring.licence_notices import get_licence_notices
from reputation.tasks.coverage import end_uncovered_numbers
from tests.enrollment import form_data
from tests.factories import (
    ApplicationFactory,
    CampaignFactory,
    LicenceFactory,
    MonitoredNumberFactory,
    PhoneNumberFactory,
)
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


@pytest.fixture
def own_account(account) -> Account:
    """An enrolled account whose only licence is that of an own installation."""
    ApplicationFactory(account=account)
    LicenceFactory(account=account, product=Product.OWN_INSTALLATION)
    return account


def create_numbers(account: Account, **fields) -> list[PhoneNumber]:
    """Seven numbers in a campaign, and nine in none."""
    campaign = CampaignFactory(account=account)
    inside = PhoneNumberFactory.create_batch(7, account=account, campaign=campaign, **fields)
    return inside + PhoneNumberFactory.create_batch(9, account=account, **fields)


def enable_all(client) -> None:
    pks = list(PhoneNumber.objects.values_list("pk", flat=True))
    client.post(reverse("bulk-action-open"), {"action": "enable", "number": pks})
    client.post(reverse("bulk-action-confirm", args=[BulkAction.objects.latest("pk").pk]))


def capabilities() -> set[str]:
    return set(PhoneNumber.objects.values_list("capability", flat=True))


def test_journey_from_the_command_to_monitored_numbers(client, now):
    """One person is owner and superuser: they enroll, approve their own enrollment, and enable numbers."""
    call_command("create_account", "Cascade Solar LLC", "--owner", "dana@example.com", "--own", stdout=StringIO())
    account, dana = Account.objects.get(), User.objects.get()
    create_numbers(account)
    client.force_login(dana)
    enable_all(client)
    assert capabilities() == {"off"}, "the enrollment is required"
    application = form_data.create_submitted(account, Context(Actor(dana, "web"), now))
    page = get_html(client.get(reverse("admin:enrollment_application_change", args=[application.pk])))
    assert "the audit trail will say so" in page
    shown = {"shown": f"{application.pk}:{application.revision}", "reason": "It is our own.", "confirmed": "yes"}
    client.post(reverse("admin:enrollment_application_decide", args=["approved"]), shown)
    application.refresh_from_db()
    assert application.state == "approved"
    assert AuditEvent.objects.filter(code=OWN_ACCOUNT_CODE, actor=dana).exists()
    enable_all(client)
    assert capabilities() <= {"verifying", "on"}
    assert get_coverage(account, now).seats_used == 0


def test_every_number_is_covered_without_a_seat(own_account, as_admin, now):
    create_numbers(own_account)
    enable_all(as_admin)
    assert capabilities() <= {"verifying", "on"}
    coverage = get_coverage(own_account, now)
    assert (coverage.seats, coverage.seats_used, coverage.uncovered_count) == (0, 0, 0)
    end_uncovered_numbers()
    assert capabilities() <= {"verifying", "on"}


def test_enrollment_is_required(account, as_admin):
    LicenceFactory(account=account, product=Product.OWN_INSTALLATION)
    create_numbers(account)
    enable_all(as_admin)
    assert capabilities() == {"off"}


def test_numbers_that_leave_their_campaign_stay_monitored(own_account, actor, now):
    numbers = create_numbers(own_account, capability="on")
    campaigns.unassign([number.pk for number in numbers], account_id=own_account.pk, context=Context(actor, now))
    assert capabilities() == {"on"}


def test_window_that_takes_numbers_out_of_a_campaign_ends_nothing(own_account, as_admin):
    numbers = create_numbers(own_account, capability="on")
    data = {"action": "unassign", "number": [number.pk for number in numbers[:7]], "campaign": numbers[0].campaign_id}
    as_admin.post(reverse("bulk-action-open"), data)
    window = BulkAction.objects.get()
    assert "Monitoring ends for" not in get_html(as_admin.get(reverse("bulk-action", args=[window.pk])))
    as_admin.post(reverse("bulk-action-confirm", args=[window.pk]))
    assert not PhoneNumber.objects.filter(campaign__isnull=False).exists()
    assert capabilities() == {"on"}


def test_pages_and_api_say_that_no_seats_are_needed(own_account, as_admin, api_client):
    page = get_html(as_admin.get(reverse("services-details")))
    assert "Own installation" in page
    assert "Every number, without a seat" in page
    assert "seats" not in page
    seats = api_client.get("/api/v1/enrollment").json()["seats"]
    assert seats == {"total": 0, "used": 0, "free": 0, "unlimited": True}


def test_seats_beside_it_stay_free(own_account, now):
    LicenceFactory(account=own_account, product=Product.MONITORING_SKU, seats=5)
    MonitoredNumberFactory.create_batch(3, account=own_account)
    coverage = get_coverage(own_account, now)
    assert (coverage.seats, coverage.seats_used, coverage.seats_free) == (5, 0, 5)


def test_its_end_is_announced_and_ends_monitoring(own_account, now):
    create_numbers(own_account, capability="on")
    today = today_of(own_account, now)
    Licence.objects.update(valid_from=today - timedelta(days=9), valid_until=today + timedelta(days=3))
    (notice,) = get_licence_notices(own_account, now)
    assert (notice.licence.get_product_display(), notice.uncovered_count) == ("Own installation", 16)
    Licence.objects.update(valid_until=today - timedelta(days=1))
    end_uncovered_numbers()
    assert capabilities() == {"off"}
    refusal = explain_refusal("no_licence", get_coverage(own_account, now))
    assert refusal.sentence.startswith("No licence covers it any more: Own installation expired on")


def test_operator_grants_and_withdraws_it_and_others_cannot(account, as_staff, now):
    form = {"account": account.pk, "product": "own_installation", "seats": 1, "valid_from": "2026-01-01"}
    add = reverse("admin:portal_licence_add")
    assert as_staff("reviewer").post(add, form).status_code == 403
    as_operator = as_staff("operator")
    as_operator.post(add, form)
    licence = Licence.objects.get()
    assert str(licence) == "Own installation"
    create_numbers(account, capability="on")
    page = get_html(as_operator.get(reverse("admin:portal_licence_delete", args=[licence.pk])))
    assert "monitoring ends for 16 numbers if you confirm" in page


def test_no_page_offers_it(as_admin, account):
    for name in ("services-details", "overview", "number-reputation", "enrollment"):
        assert "Own installation" not in get_html(as_admin.get(reverse(name)))
