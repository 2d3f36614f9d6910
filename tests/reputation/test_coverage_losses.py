"""Licences that expire or are changed by staff: monitoring ends for numbers beyond the seats, and owners are told."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.accounts.licensing import BASE_PRODUCTS, Product
from portal.models import AuditEvent, Licence, today_of
from reputation import coverage_losses
from reputation.models import CoverageLoss, PhoneNumber
from reputation.monitoring import coverage
from reputation.monitoring.eligibility import get_coverage
from reputation.tasks import coverage as coverage_tasks
from tests.factories import CampaignFactory, LicenceFactory, MonitoredNumberFactory
from tests.portal.admin.forms import account_form, member_row
from tests.support.mails import send_mails
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


@pytest.fixture
def today(account, now) -> date:
    return today_of(account, now)


@pytest.fixture
def yesterday(today) -> date:
    return today - timedelta(days=1)


def expired(account, product, day: date, **fields) -> Licence:
    return LicenceFactory(
        account=account, product=product, valid_from=day - timedelta(days=300), valid_until=day, **fields
    )


def end_uncovered_numbers() -> None:
    """Run the task, and send its mails."""
    coverage_tasks.end_uncovered_numbers()
    send_mails()


def capabilities(numbers) -> list[str]:
    stored = dict(PhoneNumber.objects.values_list("pk", "capability"))
    return [stored[number.pk] for number in numbers]


def create_numbers(account, count: int, **fields) -> list[PhoneNumber]:
    return [MonitoredNumberFactory(account=account, **fields) for _ in range(count)]


@pytest.mark.parametrize("product", sorted(BASE_PRODUCTS))
def test_the_end_of_the_only_product_licence_ends_monitoring_for_all_numbers(account, owner, yesterday, product):
    expired(account, product, yesterday)
    LicenceFactory(account=account, product=Product.MONITORING_SKU, seats=5)
    numbers = create_numbers(account, 3)
    end_uncovered_numbers()
    assert capabilities(numbers) == ["off"] * 3
    cause = f"{Product(product).label} expired on {yesterday:%-d %B %Y}."
    assert set(AuditEvent.objects.filter(code="capability.off").values_list("reason", "via")) == {(cause, "task")}


def test_the_end_of_the_seats_ends_monitoring_for_numbers_outside_campaigns(account, yesterday):
    LicenceFactory(account=account, product=Product.CONTACT_CENTER_PREMIUM)
    expired(account, Product.MONITORING_SKU, yesterday, seats=5)
    inside = create_numbers(account, 2, campaign=CampaignFactory(account=account))
    outside = create_numbers(account, 2)
    end_uncovered_numbers()
    assert capabilities(inside + outside) == ["on", "on", "off", "off"]


def test_the_lowest_ids_keep_the_seats_of_another_licence(account, yesterday):
    LicenceFactory(account=account, product=Product.PHONE_PRO)
    LicenceFactory(account=account, product=Product.MONITORING_SKU, seats=2)
    expired(account, Product.MONITORING_SKU, yesterday, seats=2)
    numbers = create_numbers(account, 4)
    end_uncovered_numbers()
    assert capabilities(numbers) == ["on", "on", "off", "off"]
    assert get_coverage(account, timezone.now()).uncovered_count == 0


def test_numbers_of_campaigns_take_only_the_free_seats_when_their_licence_ends(account, yesterday):
    expired(account, Product.CONTACT_CENTER_ELITE, yesterday)
    LicenceFactory(account=account, product=Product.PHONE_PRO)
    LicenceFactory(account=account, product=Product.MONITORING_SKU, seats=3)
    inside = create_numbers(account, 3, campaign=CampaignFactory(account=account))
    outside = create_numbers(account, 2)
    end_uncovered_numbers()
    assert capabilities(inside + outside) == ["on", "off", "off", "on", "on"]


def test_monitoring_ends_on_the_first_day_without_licence_in_the_accounts_time_zone(account):
    account.time_zone = "Pacific/Honolulu"
    account.save()
    expired(account, Product.PHONE_PRO, date(2026, 11, 26))
    LicenceFactory(account=account, product=Product.MONITORING_SKU, seats=5, valid_from=date(2026, 1, 1))
    numbers = create_numbers(account, 1)
    with time_machine.travel(datetime(2026, 11, 27, 9, 59, tzinfo=UTC), tick=False):
        end_uncovered_numbers()
        assert capabilities(numbers) == ["on"]
    with time_machine.travel(datetime(2026, 11, 27, 10, 1, tzinfo=UTC), tick=False):
        end_uncovered_numbers()
        assert capabilities(numbers) == ["off"]


def test_a_licence_that_is_renewed_ends_without_a_word(account, owner, yesterday, today, mailoutbox):
    expired(account, Product.CONTACT_CENTER_ELITE, yesterday)
    LicenceFactory(account=account, product=Product.CONTACT_CENTER_ELITE, valid_from=today)
    numbers = create_numbers(account, 1, campaign=CampaignFactory(account=account))
    end_uncovered_numbers()
    assert capabilities(numbers) == ["on"]
    assert (CoverageLoss.objects.count(), len(mailoutbox)) == (0, 0)


@pytest.mark.parametrize("product", sorted(Product))
def test_owners_are_told_once_what_happened_for_every_product(
    account, owner, admin, as_viewer, yesterday, mailoutbox, product
):
    expired(account, product, yesterday)
    numbers = create_numbers(account, 7)
    campaign = CampaignFactory(account=account, name="Spring renewals")
    for _ in range(2):
        end_uncovered_numbers()
    [mail] = mailoutbox
    cause = f"{Product(product).label} expired on {yesterday:%-d %B %Y}"
    assert (mail.to, mail.subject) == ([owner.user.email], f"{account.name}: {cause}")
    assert f"{cause}. Monitoring ended for 7 numbers." in mail.body
    assert all(f"- {number}" in mail.body for number in numbers)
    assert "- Spring renewals" in mail.body
    page = get_html(as_viewer.get(reverse("overview")))
    assert f"{cause}." in page
    assert "Monitoring ended for 7 numbers." in page
    assert "and 2 more." in page
    assert f"Without a usable caller ID: {campaign}." in page
    assert f"{Product(product).label} expired on" in get_html(as_viewer.get(reverse("services-details")))


def test_an_end_that_affects_no_number_is_told_the_same_way(account, owner, as_viewer, yesterday, mailoutbox):
    expired(account, Product.PHONE_PRO, yesterday)
    end_uncovered_numbers()
    assert "No monitored number was affected." in mailoutbox[0].body
    assert "No monitored number was affected." in get_html(as_viewer.get(reverse("overview")))


def test_licences_that_end_together_are_one_loss(account, owner, yesterday, mailoutbox):
    expired(account, Product.PHONE_PRO, yesterday)
    expired(account, Product.MONITORING_SKU, yesterday, seats=3)
    create_numbers(account, 2)
    end_uncovered_numbers()
    assert len(mailoutbox) == 1
    loss = CoverageLoss.objects.get()
    assert loss.ended_count == 2
    assert "Phone Pro expired on" in loss.cause
    assert "Spam Monitoring and Remediation expired on" in loss.cause


def test_a_worker_that_is_killed_between_two_chunks_is_followed(account, owner, yesterday, monkeypatch, now):
    monkeypatch.setattr(coverage, "CHUNK", 2)
    expired(account, Product.PHONE_PRO, yesterday)
    numbers = create_numbers(account, 5)
    assert coverage_losses.find_losses(now) == 1
    assert coverage_losses.end_chunk(now) == 2
    assert capabilities(numbers) == ["on", "on", "on", "off", "off"]
    # Killed in the next chunk, with the claim held: it is followed once the claim runs out.
    CoverageLoss.objects.update(lease_until=now + timedelta(minutes=3), lease_token="killed")
    assert coverage_losses.end_chunk(now) == 0
    CoverageLoss.objects.update(lease_until=now - timedelta(seconds=1))
    end_uncovered_numbers()
    assert capabilities(numbers) == ["off"] * 5
    assert CoverageLoss.objects.get().ended_count == 5
    assert AuditEvent.objects.filter(code="capability.off").count() == 5


@pytest.mark.parametrize("is_expiry", [True, False])
def test_a_worker_whose_claim_was_taken_over_does_not_finish_the_loss(account, now, monkeypatch, is_expiry):
    def take_over(*args, **kwargs):
        CoverageLoss.objects.update(lease_token="successor")
        return []

    monkeypatch.setattr(coverage_losses, "end_uncovered_chunk", take_over)
    loss = coverage_losses.open_loss(account, "Gone.", is_expiry=is_expiry, campaigns_were_included=False, now=now)
    assert coverage_losses.end_chunk(now) == 0
    loss.refresh_from_db()
    assert loss.finished_at is None
    assert loss.mail_due_at is None


def test_a_cause_that_is_added_leaves_the_claim_of_the_worker(account, now):
    first = coverage_losses.open_loss(account, "One.", is_expiry=False, campaigns_were_included=False, now=now)
    CoverageLoss.objects.update(lease_until=now + timedelta(minutes=3), lease_token="working", ended_count=7)
    coverage_losses.open_loss(account, "Two.", is_expiry=True, campaigns_were_included=False, now=now)
    first.refresh_from_db()
    assert (first.cause, first.is_expiry) == ("One. Two.", True)
    assert (first.lease_token, first.ended_count) == ("working", 7)


def test_a_licence_that_is_renewed_meanwhile_keeps_the_rest(account, yesterday, monkeypatch, now):
    monkeypatch.setattr(coverage, "CHUNK", 2)
    expired(account, Product.CONTACT_CENTER_ELITE, yesterday)
    numbers = create_numbers(account, 5, campaign=CampaignFactory(account=account))
    coverage_losses.find_losses(now)
    coverage_losses.end_chunk(now)
    LicenceFactory(account=account, product=Product.CONTACT_CENTER_ELITE)
    end_uncovered_numbers()
    assert capabilities(numbers) == ["on", "on", "on", "off", "off"]


def test_ending_costs_the_same_queries_for_5_and_for_200_numbers(account, yesterday, now):
    def count_queries(count: int) -> int:
        create_numbers(account, count)
        coverage_losses.find_losses(now)
        with CaptureQueriesContext(connection) as queries:
            assert coverage_losses.end_chunk(now) == count
        coverage_losses.end_chunk(now)
        return len(queries)

    expired(account, Product.PHONE_PRO, yesterday)
    assert count_queries(5) == count_queries(200)


def test_an_idle_sweep_ends_nothing_of_accounts_that_are_covered(enrolled_account):
    numbers = create_numbers(enrolled_account, 2, campaign=CampaignFactory(account=enrolled_account))
    end_uncovered_numbers()
    assert capabilities(numbers) == ["on", "on"]
    assert not CoverageLoss.objects.exists()


# Operators


def licence_form(licence: Licence, **changed) -> dict:
    fields = {"account": licence.account_id, "product": licence.product, "seats": licence.seats}
    return fields | {"valid_from": licence.valid_from.isoformat(), "valid_until": ""} | changed


@pytest.mark.parametrize("change", ["shortened", "reduced", "removed"])
def test_an_operator_who_takes_a_licence_away_ends_monitoring(
    as_operator, account, owner, yesterday, mailoutbox, change
):
    LicenceFactory(account=account, product=Product.PHONE_PRO)
    seats = LicenceFactory(
        account=account, product=Product.MONITORING_SKU, seats=4, valid_from=yesterday - timedelta(days=30)
    )
    numbers = create_numbers(account, 4)
    url = reverse("admin:portal_licence_change", args=[seats.pk])
    changes = {"shortened": {"valid_until": yesterday.isoformat()}, "reduced": {"seats": 3}}
    count = 1 if change == "reduced" else 4
    if change in changes:
        page = get_html(as_operator.post(url, licence_form(seats, **changes[change])))
        assert f"Monitoring would end for {count} number" in page
        seats.refresh_from_db()
        assert (seats.seats, seats.valid_until) == (4, None)
        as_operator.post(url, licence_form(seats, **changes[change], end_monitoring="on"))
    else:
        page = get_html(as_operator.get(reverse("admin:portal_licence_delete", args=[seats.pk])))
        assert "monitoring ends for 4 numbers if you confirm" in page
        as_operator.post(reverse("admin:portal_licence_delete", args=[seats.pk]), {"post": "yes"})
    end_uncovered_numbers()
    assert capabilities(numbers) == (["on", "on", "on", "off"] if change == "reduced" else ["off"] * 4)
    assert "The licences were changed by staff." in mailoutbox[-1].body or change == "shortened"
    assert f"Monitoring ended for {count} number" in mailoutbox[-1].body


def test_the_licences_on_the_page_of_an_account_are_checked_together(as_operator, account, owner):
    elite = LicenceFactory(account=account, product=Product.CONTACT_CENTER_ELITE)
    create_numbers(account, 2, campaign=CampaignFactory(account=account))
    url = reverse("admin:portal_account_change", args=[account.pk])
    row = {"id": elite.pk, "product": elite.product, "seats": 1, "valid_from": elite.valid_from.isoformat()}
    new = row | {"id": None, "product": Product.CONTACT_CENTER_PREMIUM}
    page = get_html(as_operator.post(url, account_form(account, licences=[row | {"DELETE": "on"}])))
    assert "Monitoring would end for 2 numbers" in page
    assert Licence.objects.get() == elite
    rows = {"licences": [row | {"DELETE": "on"}, new], "members": [member_row(owner)]}
    as_operator.post(url, account_form(account, **rows))
    assert Licence.objects.get().product == Product.CONTACT_CENTER_PREMIUM
    end_uncovered_numbers()
    assert set(PhoneNumber.objects.values_list("capability", flat=True)) == {"on"}


def test_an_operator_who_removes_the_licence_of_campaigns_leaves_the_seats_to_those_who_hold_them(
    as_operator, account, owner
):
    elite = LicenceFactory(account=account, product=Product.CONTACT_CENTER_ELITE)
    LicenceFactory(account=account, product=Product.PHONE_PRO)
    LicenceFactory(account=account, product=Product.MONITORING_SKU, seats=1)
    inside = create_numbers(account, 2, campaign=CampaignFactory(account=account))
    outside = create_numbers(account, 1)
    as_operator.post(reverse("admin:portal_licence_delete", args=[elite.pk]), {"post": "yes"})
    end_uncovered_numbers()
    assert capabilities(inside + outside) == ["off", "off", "on"]


def test_an_operator_who_exchanges_a_licence_ends_nothing(as_operator, account, owner, now):
    premium = LicenceFactory(account=account, product=Product.CONTACT_CENTER_PREMIUM)
    numbers = create_numbers(account, 2, campaign=CampaignFactory(account=account))
    url = reverse("admin:portal_licence_change", args=[premium.pk])
    as_operator.post(url, licence_form(premium, product=Product.CONTACT_CENTER_ELITE))
    end_uncovered_numbers()
    assert capabilities(numbers) == ["on", "on"]
    assert not CoverageLoss.objects.exists()
