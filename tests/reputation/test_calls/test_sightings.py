"""What the last test calls showed, as pages say it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.audit import Context
from reputation.models import TestCall
from reputation.test_calls import reports
from reputation.test_calls.sightings import get_sightings
from tests.factories import AccountFactory, MonitoredNumberFactory, PhoneNumberFactory, TelephoneFactory

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def sentence(number):
    return lambda: get_sightings([number.pk])[number.pk].sentence


def test_no_label_names_network_telephones_and_days(number, telephone, call, now, sentence):
    call(number, telephone, "no_label", now - 3 * DAY)
    assert sentence() == "No label seen (T-Mobile, 1 phone, 3 days ago)"


def test_a_label_is_quoted_and_a_no_label_on_another_telephone_does_not_hide_it(
    account, number, telephone, call, now, sentence
):
    call(number, telephone, "Scam Likely", now - 2 * DAY)
    call(number, TelephoneFactory(account=account, carrier="Verizon"), "no_label", now - DAY)
    assert sentence() == "Label seen: “Scam Likely” (T-Mobile, 1 phone, 2 days ago)"


def test_each_label_has_its_own_network_and_day(account, number, telephone, call, now, sentence):
    call(number, telephone, "Scam Likely", now - 20 * DAY)
    call(number, TelephoneFactory(account=account, carrier="Verizon"), "Telemarketer", now)
    assert sentence() == (
        "Label seen: “Telemarketer” (Verizon, 1 phone, today) and “Scam Likely” (T-Mobile, 1 phone, 20 days ago)"
    )


def test_days_of_calls_that_say_the_same_are_named(account, number, telephone, call, now, sentence):
    call(number, telephone, "no_label", now - 5 * DAY)
    call(number, TelephoneFactory(account=account, carrier="Verizon"), "no_label", now)
    assert sentence() == "No label seen (T-Mobile and Verizon, 2 phones, today, the first 5 days ago)"


def test_the_last_call_of_each_telephone_counts(account, number, telephone, call, now, sentence):
    call(number, telephone, "Scam Likely", now - 2 * DAY)
    call(number, telephone, "no_label", now - DAY)
    call(number, TelephoneFactory(account=account, carrier="Verizon"), "name_right", now - DAY)
    assert sentence() == "No label seen (T-Mobile and Verizon, 2 phones, 1 day ago)"


def test_calls_long_before_the_newest_are_left_out(account, number, telephone, call, now, sentence):
    call(number, telephone, "Scam Likely", now - 40 * DAY)
    call(number, TelephoneFactory(account=account, carrier="Verizon"), "no_label", now)
    assert sentence() == "No label seen (Verizon, 1 phone, today)"


def test_a_telephone_that_was_not_proven_is_named_as_such_also_once_it_is(account, number, call, now, sentence):
    telephone = TelephoneFactory(account=account, proven_until=None)
    call(number, telephone, "no_label", now - 2 * DAY)
    assert sentence() == "No label seen (T-Mobile, 1 phone not proven, 2 days ago)"
    call(MonitoredNumberFactory(account=account), telephone, "Scam Likely", now - DAY)
    assert sentence() == "No label seen (T-Mobile, 1 phone not proven, 2 days ago)"
    call(number, telephone, "no_label", now)
    assert sentence() == "No label seen (T-Mobile, 1 phone, today)"


def test_a_result_that_may_be_undone_is_shown(number, telephone, create_round, account, actor, now, sentence):
    create_round()
    TestCall.objects.update(state="done", result="no_label", answered_at=now)
    assert sentence() == "No label seen (T-Mobile, 1 phone, today)"


@pytest.mark.parametrize(
    ("result", "words"),
    [("screened", "was screened"), ("voicemail", "went straight to voicemail"), ("not_arrived", "did not arrive")],
)
def test_a_call_that_was_not_displayed_has_seen_nothing(number, telephone, call, now, sentence, result, words):
    call(number, telephone, result, now - DAY)
    assert sentence() == f"Not yet seen: a call {words} (T-Mobile, 1 phone, 1 day ago)"


def test_numbers_without_calls_are_not_yet_seen_where_there_are_telephones(account, number):
    assert get_sightings([number.pk]) == {}
    telephone = TelephoneFactory(account=account)
    assert get_sightings([number.pk])[number.pk].sentence == "Not yet seen"
    type(telephone).objects.update(removed_at=timezone.now())
    assert get_sightings([number.pk]) == {}


def test_days_are_those_of_the_account(number, telephone, call, sentence):
    at = timezone.now().replace(hour=3, minute=0) - DAY
    call(number, telephone, "no_label", at)
    with timezone.override("America/Los_Angeles"):
        days = (timezone.localdate() - timezone.localdate(at)).days
        assert sentence() == f"No label seen (T-Mobile, 1 phone, {days} day{'s' if days > 1 else ''} ago)"


def test_a_report_is_shown_while_it_is_open_also_of_numbers_that_are_not_monitored(account, actor, now):
    number = PhoneNumberFactory(account=account)
    report = reports.add_report(number, "Spam Risk", context=Context(actor, now))
    assert get_sightings([number.pk])[number.pk].report_sentence == "Reported, not confirmed: “Spam Risk”"
    reports.dismiss_report(report, context=Context(actor, now))
    assert get_sightings([number.pk]) == {}


def test_three_queries_for_any_number_of_numbers(account, telephone, call, now):
    numbers = MonitoredNumberFactory.create_batch(6, account=account)
    for number in numbers[:4]:
        call(number, telephone, "no_label", now)
    for shown in (numbers[:1], numbers):
        with CaptureQueriesContext(connection) as queries:
            assert len(get_sightings([number.pk for number in shown])) == len(shown)
        assert len(queries) == 3


def test_telephones_of_another_account_make_no_number_not_yet_seen(number, telephone):
    assert get_sightings([MonitoredNumberFactory(account=AccountFactory()).pk]) == {}
