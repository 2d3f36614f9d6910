"""Complaints to the FTC: what counts, what is probably spoofed, and numbers at risk."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from reputation import complaints
from reputation.complaints import Source
from reputation.models import (
    CampaignCalls,
    Case,
    ComplaintFile,
    FccComplaintCount,
    FccComplaintDay,
    FccDataset,
    FccNumber,
    NumberCalls,
    PhoneNumber,
    Tag,
)
from reputation.monitoring import engines, lookups
from reputation.numbers import at_risk
from reputation.providers.complaints import ComplaintsProvider, FccProvider
from reputation.providers.protocol import ConnectionSettings, Observation, Verdict
from tests.factories import CampaignFactory, ComplaintFactory, MonitoredNumberFactory, PhoneNumberFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

NUMBER = "+12067824021"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
Status = PhoneNumber.SpamStatus


@pytest.fixture(autouse=True)
def two_in_30_days(settings) -> None:
    settings.COMPLAINTS_THRESHOLD, settings.COMPLAINTS_WINDOW_DAYS = 2, 30


@pytest.fixture
def complaints_provider_only(settings) -> None:
    settings.PROVIDERS = ["complaints"]
    engines.sync_engines()


def complain(*ages_in_days: float, number: str = NUMBER) -> None:
    for age in ages_in_days:
        ComplaintFactory(e164=number, created_at=NOW - timedelta(days=age), violated_at=NOW - timedelta(days=age))


def count() -> complaints.ComplaintCount:
    return complaints.count_by_number([NUMBER], source=Source.FTC, now=NOW)[NUMBER]


def record_calls(number: PhoneNumber, age_in_days: int, *, calls: int = 1) -> None:
    """The account's dialer asked on this day, and showed the number in `calls` calls."""
    day = NOW.date() - timedelta(days=age_in_days)
    campaign = number.campaign or CampaignFactory(account=number.account)
    CampaignCalls.objects.get_or_create(
        account=number.account, campaign=campaign, day=day, basis="state", skipped_tagged=False, defaults={"calls": 9}
    )
    if calls:
        NumberCalls.objects.create(account=number.account, number=number, day=day, calls=calls)


# Counting


def test_complaints_older_than_the_window_are_not_counted():
    complain(31, 29)
    assert (count().complaints, count().is_risk) == (1, False)


def test_a_risk_ends_when_the_last_complaint_leaves_the_window():
    complain(20, 2)
    assert count().is_risk
    assert count().ends_at == NOW + timedelta(days=28)


def test_a_complaint_about_a_day_without_a_call_is_probably_spoofed_and_counts_apart(account):
    number = MonitoredNumberFactory(account=account, e164=NUMBER, added_at=NOW - timedelta(days=60))
    complain(5, 10, 20)
    record_calls(number, 5)
    record_calls(number, 10, calls=0)
    assert (count().complaints, count().probably_spoofed) == (2, 1), "nobody knows about the day 20 days ago"


def test_a_call_on_the_day_before_or_after_counts_because_the_files_have_no_time_zone(account):
    number = MonitoredNumberFactory(account=account, e164=NUMBER, added_at=NOW - timedelta(days=60))
    complain(5, 15)
    for age in (5, 15):
        record_calls(number, age, calls=0)
    record_calls(number, 4)
    record_calls(number, 16)
    assert (count().complaints, count().probably_spoofed) == (2, 0)


def test_calls_before_a_number_was_added_are_not_known(account):
    number = MonitoredNumberFactory(account=account, e164=NUMBER, added_at=NOW - timedelta(days=5))
    complain(5, 6)
    for age in (5, 6):
        record_calls(number, age, calls=0)
    assert count().probably_spoofed == 0


def test_a_complaint_counts_if_the_calls_of_one_of_its_accounts_are_not_known(account):
    number = MonitoredNumberFactory(account=account, e164=NUMBER, added_at=NOW - timedelta(days=60))
    complain(5)
    record_calls(number, 5, calls=0)
    assert count().probably_spoofed == 1
    PhoneNumberFactory(e164=NUMBER, added_at=NOW - timedelta(days=60))
    assert count().probably_spoofed == 0


def test_complaint_ages_on_a_fast_clock(settings):
    """A demo day lasts 20 seconds."""
    settings.SERVICE_DAY = timedelta(seconds=20)
    ComplaintFactory(e164=NUMBER, created_at=NOW, counts_from=NOW - 3 * timedelta(seconds=20))
    assert count().ends_at == NOW + 27 * timedelta(seconds=20)


def test_counting_takes_six_queries_for_any_number_of_numbers(account, settings, django_assert_num_queries):
    settings.FCC = replace(settings.FCC, fetch=True)
    numbers = [f"+1206782{n:04}" for n in range(200)]
    for number in numbers[:20]:
        ComplaintFactory(e164=number)
        MonitoredNumberFactory(account=account, e164=number)
    with django_assert_num_queries(6):
        assert len(complaints.count_by_number(numbers, source=Source.FTC, now=NOW)) == 200


# From the complaint to the page


def test_two_complaints_put_a_number_at_risk_until_30_days_after_the_last(complaints_provider_only, account, as_viewer):
    number = MonitoredNumberFactory(account=account, e164=NUMBER, next_action_at=NOW)
    complain(20, 2)
    NumberCalls.objects.create(account=account, number=number, day=NOW.date() - timedelta(days=3), calls=500)
    with time_machine.travel(NOW, tick=False):
        lookups.look_up_due(NOW)
        page = get_html(as_viewer.get(reverse("number", args=[number.pk])))
        table = get_html(as_viewer.get(reverse("number-reputation"), {"status": "at_risk"}))
    number.refresh_from_db()
    assert (number.spam_status, number.at_risk_until) == (Status.AT_RISK, NOW + timedelta(days=28))
    assert not Tag.objects.exists()
    assert not Case.objects.exists()
    for html in (page, table):
        assert "2 complaints in 30 days (FTC complaints, 4.0 per 1,000 calls)" in html
    assert "is at risk of a spam label" in page
    assert at_risk.end_risks(NOW + timedelta(days=28)) == 1
    number.refresh_from_db()
    assert number.spam_status == Status.UNKNOWN


def test_one_complaint_says_nothing_and_no_complaints_do_not_make_a_number_clean(
    complaints_provider_only, account, as_viewer
):
    reported, other = (MonitoredNumberFactory(account=account, next_action_at=NOW) for _ in range(2))
    complain(1, number=reported.e164)
    ComplaintFile.objects.create(
        sha256="25", name="DNC_2026-11-25.csv", started_at=NOW, done_at=NOW, day=date(2026, 11, 25)
    )
    with time_machine.travel(NOW, tick=False):
        lookups.look_up_due(NOW)
    for number in (reported, other):
        number.refresh_from_db()
        assert number.spam_status == Status.UNKNOWN
    page = get_html(as_viewer.get(reverse("number", args=[other.pk])))
    assert "No complaints found" in page
    assert "files to 25 Nov" in page


def test_nothing_is_known_while_no_file_is_loaded(complaints_provider_only, account, as_viewer):
    number = MonitoredNumberFactory(account=account, e164=NUMBER, next_action_at=NOW)
    half_loaded = ComplaintFile.objects.create(sha256="25", name="mine.csv", started_at=NOW)
    with time_machine.travel(NOW, tick=False):
        lookups.look_up_due(NOW)
    page = get_html(as_viewer.get(reverse("number", args=[number.pk])))
    assert "No complaint file is loaded, so nothing is known about complaints." in page
    assert "<td>No file loaded</td>" in page
    assert "No complaints found" not in page
    assert ", checked" not in page
    ComplaintFile.objects.filter(pk=half_loaded.pk).update(done_at=NOW)
    assert look_up(ComplaintsProvider).verdict is Verdict.CLEAN


# The FCC


@pytest.fixture
def both_providers(settings) -> None:
    settings.PROVIDERS = ["complaints", "fcc"]
    settings.FCC = replace(settings.FCC, fetch=True)
    engines.sync_engines()


def complain_to_fcc(number: str, *ages_in_days: int, spoofing_reports: int = 0) -> None:
    asked = FccNumber.objects.create(e164=number, asked_at=NOW, rows_updated_at=1_791_003_647)
    for age in ages_in_days:
        FccComplaintDay.objects.create(number=asked, day=NOW.date() - timedelta(days=age), count=1)
    FccComplaintCount.objects.create(
        number=asked, issue="My own number is being spoofed", is_spoofing_report=True, count=spoofing_reports
    )


def look_up(provider: type[FccProvider | ComplaintsProvider]) -> Observation:
    with time_machine.travel(NOW, tick=False):
        [observation] = provider(ConnectionSettings()).look_up([NUMBER])
    return observation


def test_one_complaint_at_each_source_puts_a_number_at_risk(both_providers, account):
    number = MonitoredNumberFactory(account=account, e164=NUMBER, next_action_at=NOW)
    complain(2)
    complain_to_fcc(NUMBER, 9)
    assert [look_up(one).verdict for one in (ComplaintsProvider, FccProvider)] == [Verdict.WARNING] * 2
    with time_machine.travel(NOW, tick=False):
        lookups.look_up_due(NOW)
    number.refresh_from_db()
    assert number.spam_status == Status.AT_RISK


def test_reports_of_the_owner_that_a_number_is_spoofed_are_counted_apart(both_providers):
    complain_to_fcc(NUMBER, 9, spoofing_reports=4)
    observation = look_up(FccProvider)
    assert observation.verdict is Verdict.CLEAN
    assert (observation.raw_response["complaints"], observation.raw_response["spoofing_reports"]) == (1, 4)


def test_a_number_about_which_the_fcc_was_not_asked_is_unknown(both_providers):
    assert look_up(FccProvider).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("is_asked", "word", "sentence"),
    [
        (True, "Not asked yet", "The FCC was not asked about this number so far."),
        (False, "Not asked", "This portal does not ask the FCC, so nothing is known about its complaints."),
    ],
)
def test_the_page_says_that_the_fcc_was_not_asked(
    both_providers, settings, account, as_viewer, is_asked, word, sentence
):
    settings.FCC = replace(settings.FCC, fetch=is_asked)
    number = MonitoredNumberFactory(account=account, e164=NUMBER, next_action_at=NOW)
    with time_machine.travel(NOW, tick=False):
        lookups.look_up_due(NOW)
    page = get_html(as_viewer.get(reverse("number", args=[number.pk])))
    assert f"{word}</span>" in page
    assert f"<td>{word}</td>" in page
    assert sentence in page
    assert "No answer" not in page


def test_complaints_to_the_fcc_do_not_count_once_an_operator_has_turned_it_off(both_providers):
    complain(2)
    complain_to_fcc(NUMBER, 9, 10)
    assert look_up(FccProvider).verdict is Verdict.WARNING
    FccDataset.objects.update_or_create(pk="vakf-fz8e", defaults={"is_enabled": False})
    assert look_up(FccProvider).verdict is Verdict.UNKNOWN
    assert look_up(ComplaintsProvider).verdict is Verdict.CLEAN
