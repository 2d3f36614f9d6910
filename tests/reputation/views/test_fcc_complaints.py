"""The part *Complaints to the FCC* of a number's page."""

from dataclasses import replace
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reputation.fcc import dataset
from reputation.models import FccDataset, PhoneNumber
from tests.factories import FccComplaintCountFactory, FccNumberFactory, MonitoredNumberFactory
from tests.support.fcc_complaints import SPOOFED
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

SENT = "The portal sends your monitored numbers to the FCC’s public data service to ask."


@pytest.fixture
def number(account, settings) -> PhoneNumber:
    settings.FCC = replace(settings.FCC, fetch=True)
    return MonitoredNumberFactory(account=account, e164="+12065550143")


def get_page(client, number: PhoneNumber) -> str:
    return get_html(client.get(reverse("number", args=[number.pk])))


def add_complaints(number: PhoneNumber, *counts: dict) -> None:
    asked = FccNumberFactory(e164=number.e164)
    for values in counts:
        FccComplaintCountFactory(number=asked, **values)


def test_page_says_how_many_complained_and_that_it_is_unverified(as_viewer, number):
    add_complaints(
        number,
        {"count": 2, "first_day": date(2025, 1, 7), "last_day": date(2026, 10, 3)},
        {"count": 1, "call_type": "Live Voice", "first_day": date(2026, 9, 1)},
    )
    page = get_page(as_viewer, number)
    assert "Complaints to the FCC" in page
    assert "3 people complained to the FCC</strong> about calls showing this number, last on 3 Oct 2026." in page
    assert "Unverified: the number may have been spoofed." in page
    assert "<td>Live Voice</td>" in page
    assert "victim" not in page


def test_one_complaint_without_a_date(as_viewer, number):
    add_complaints(number, {"first_day": None})
    assert "1 person complained to the FCC</strong> about calls showing this number." in get_page(as_viewer, number)


def test_spoofing_reports_stand_apart_and_name_the_owner_as_the_victim(as_viewer, number):
    add_complaints(number, {"issue": SPOOFED, "is_spoofing_report": True, "count": 2})
    page = get_page(as_viewer, number)
    assert "2 people reported that this is their own number and that others spoof it." in page
    assert "The number’s owner is then the victim" in page
    assert "complained to the FCC" not in page
    assert "No complaints found, in data of 3 Oct 2026." in page


def test_page_says_that_numbers_are_sent_and_names_the_source(as_viewer, number):
    page = get_page(as_viewer, number)
    assert SENT in page
    assert "Not known yet: the FCC was not asked about this number so far." in page
    assert "No complaints found" not in page
    add_complaints(number)
    page = get_page(as_viewer, number)
    assert SENT in page
    assert "Source: Federal Communications Commission: Consumer Inquiries and Complaints Division" in page
    assert "The FCC does not verify the claims." in page


def test_complaints_are_no_label(as_viewer, number):
    add_complaints(number, {"count": 99})
    assert "data-spam-alert" not in get_page(as_viewer, number)


def test_page_says_nothing_of_the_fcc_if_the_setting_is_off(as_viewer, number, settings):
    add_complaints(number, {})
    settings.FCC = replace(settings.FCC, fetch=False)
    assert "FCC" not in get_page(as_viewer, number)


def test_page_says_nothing_of_the_fcc_if_an_operator_turned_it_off(as_viewer, number):
    add_complaints(number, {})
    dataset.get_dataset()
    FccDataset.objects.update(is_enabled=False)
    assert "FCC" not in get_page(as_viewer, number)


def test_number_that_is_not_monitored_keeps_what_is_known(as_viewer, number):
    PhoneNumber.objects.update(capability=PhoneNumber.Capability.OFF)
    assert "FCC" not in get_page(as_viewer, number), "it is not sent, and nothing is known"
    add_complaints(number, {})
    assert "1 person complained to the FCC" in get_page(as_viewer, number)


def test_another_account_with_the_number_sees_the_same(as_viewer, number, account):
    foreign = MonitoredNumberFactory(e164=number.e164)
    add_complaints(foreign, {})
    assert "1 person complained to the FCC" in get_page(as_viewer, number)


def test_kinds_cost_no_query_each(as_viewer, number, settings):
    get_page(as_viewer, number)
    counts = {}
    for name, kinds in (("none", 0), ("one", 1), ("many", 40)):
        FccNumberFactory._meta.model.objects.all().delete()
        add_complaints(number, *({"issue": f"Issue {kind}"} for kind in range(kinds)))
        with CaptureQueriesContext(connection) as queries:
            get_page(as_viewer, number)
        counts[name] = len(queries)
    settings.FCC = replace(settings.FCC, fetch=False)
    with CaptureQueriesContext(connection) as queries:
        get_page(as_viewer, number)
    assert set(counts.values()) == {len(queries) + 3}
