"""Each process counts its matches in memory, and writes them in batches, periodically and at its end."""

from __future__ import annotations

import random
import sys
import threading
import time
from datetime import date, timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from portal.db.background_writer import writer
from reputation.matching import recorder
from reputation.matching.match import match
from reputation.matching.recorder import flush, record_match
from reputation.matching.tiers import Basis
from reputation.models import Campaign, CampaignCalls, NumberCalls, PhoneNumber
from tests.factories import CampaignFactory, PhoneNumberFactory
from tests.support import processes as child_processes

pytestmark = pytest.mark.django_db

DAY = date(2026, 11, 25)


@pytest.fixture
def campaign(account) -> Campaign:
    return CampaignFactory(account=account)


@pytest.fixture
def number(account, campaign) -> PhoneNumber:
    return PhoneNumberFactory(account=account, campaign=campaign, e164="+12064551000")


@pytest.fixture
def record_decision(account, campaign, number):
    """Return a function that records a match of the number."""

    def note(**fields: object) -> None:
        of = {"account_id": account.pk, "campaign_id": campaign.pk, "number_id": number.pk, "day": DAY}
        of |= {
            "basis": Basis.STATE,
            "skipped_tagged": False,
            "default_e164": "",
            "is_already_counted": False,
            "seconds": 0.001,
        }
        record_match(**of | fields)

    return note


def number_call_total() -> int:
    return sum(NumberCalls.objects.values_list("calls", flat=True))


def campaign_call_total() -> int:
    return sum(CampaignCalls.objects.values_list("calls", flat=True))


# Counts


def test_matches_are_summed_by_number_and_by_campaign_day_basis_and_skipped_tags(record_decision, number):
    for _ in range(3):
        record_decision()
    record_decision(skipped_tagged=True)
    record_decision(basis=Basis.DEFAULT)
    record_decision(day=DAY + timedelta(days=1))
    record_decision(number_id=None, basis=Basis.NONE)
    flush()
    assert list(NumberCalls.objects.order_by("day").values_list("number", "day", "calls")) == [
        (number.pk, DAY, 5),
        (number.pk, DAY + timedelta(days=1), 1),
    ]
    found = CampaignCalls.objects.order_by("day", "basis", "skipped_tagged")
    assert list(found.values_list("day", "basis", "skipped_tagged", "calls")) == [
        (DAY, "default", False, 1),
        (DAY, "none", False, 1),
        (DAY, "state", False, 3),
        (DAY, "state", True, 1),
        (DAY + timedelta(days=1), "state", False, 1),
    ]


def test_calls_that_show_different_defaults_are_summed_for_each(account, campaign, now):
    """The campaign's default caller ID may change during the day."""
    defaults = PhoneNumberFactory.create_batch(2, account=account)
    for default, calls in zip(defaults, (3, 2), strict=True):
        Campaign.objects.update(default_number=default)
        for _ in range(calls):
            match(account_id=account.pk, campaign_id=campaign.pk, called_number="+12125550143", now=now)
        flush()
    assert sorted(CampaignCalls.objects.values_list("basis", "default_e164", "calls")) == sorted(
        ("default", default.e164, calls) for default, calls in zip(defaults, (3, 2), strict=True)
    )


def test_calls_that_show_a_local_number_or_none_name_no_default(account, campaign, number, now):
    Campaign.objects.update(default_number=PhoneNumberFactory(account=account))
    match(account_id=account.pk, campaign_id=campaign.pk, called_number="+12063550199", now=now)
    Campaign.objects.update(is_paused=True)
    match(account_id=account.pk, campaign_id=campaign.pk, called_number="+12063550199", now=now)
    flush()
    assert set(CampaignCalls.objects.values_list("basis", "default_e164")) == {("area_code", ""), ("none", "")}


def test_later_matches_are_added_and_nothing_is_written_twice(record_decision):
    record_decision()
    flush()
    flush()
    assert (number_call_total(), campaign_call_total()) == (1, 1)
    record_decision()
    record_decision()
    flush()
    assert (number_call_total(), campaign_call_total()) == (3, 3)


def test_a_call_that_a_daily_limit_counted_is_not_counted_again(account, campaign, number, now):
    Campaign.objects.update(daily_limit=2)
    for _ in range(3):
        match(account_id=account.pk, campaign_id=campaign.pk, called_number="+12063550199", now=now)
    flush()
    assert NumberCalls.objects.get().calls == 2
    assert dict(CampaignCalls.objects.values_list("basis", "calls")) == {"area_code": 2, "none": 1}


def test_each_sampled_match_counts_ten_times(record_decision, settings, monkeypatch):
    settings.RECORD_DECISIONS = 10
    monkeypatch.setattr(recorder, "random", random.Random("the same every time"))
    for _ in range(3_000):
        record_decision()
    flush()
    assert number_call_total() == campaign_call_total()
    assert campaign_call_total() % 10 == 0
    assert 2_500 < campaign_call_total() < 3_500


def test_nothing_is_recorded_when_the_setting_is_0(record_decision, settings):
    settings.RECORD_DECISIONS = 0
    record_decision()
    flush()
    assert (number_call_total(), campaign_call_total()) == (0, 0)


# Writing


def test_flush_without_matches_makes_no_query(db):
    with CaptureQueriesContext(connection) as queries:
        flush()
    assert not queries


def test_counts_are_written_in_batches_whatever_the_number_of_matches(account, record_decision, monkeypatch):
    monkeypatch.setattr(recorder, "CHUNK", 10)

    def inserts(numbers: list[PhoneNumber], times: int) -> int:
        for number in numbers * times:
            record_decision(number_id=number.pk)
        with CaptureQueriesContext(connection) as queries:
            flush()
        return sum("INSERT" in query["sql"] for query in queries)

    numbers = PhoneNumberFactory.create_batch(25, account=account)
    assert inserts(numbers, 1) == 3 + 1
    assert inserts(numbers, 40) == 3 + 1
    assert set(NumberCalls.objects.values_list("calls", flat=True)) == {41}
    assert campaign_call_total() == 25 * 41


@pytest.mark.parametrize("table", [NumberCalls, CampaignCalls])
def test_counts_that_cannot_be_written_are_kept_for_the_next_flush(record_decision, table):
    def refuse(execute, sql, params, many, context):
        if f"INSERT INTO {table._meta.db_table}" in sql:
            raise OperationalError("database is locked")
        return execute(sql, params, many, context)

    record_decision()
    with connection.execute_wrapper(refuse), pytest.raises(OperationalError):
        flush()
    record_decision()
    flush()
    assert (number_call_total(), campaign_call_total()) == (2, 2)


def test_failed_flush_is_logged_and_repeated(record_decision, caplog, monkeypatch):
    monkeypatch.setattr(connection, "close", lambda: None)  # it holds the test's transaction

    def refuse(execute, sql, params, many, context):
        raise OperationalError("disk I/O error")

    record_decision()
    with connection.execute_wrapper(refuse):
        writer.write_all()
    assert "could not be written" in caplog.text
    writer.write_all()
    assert campaign_call_total() == 1


def test_counts_of_deleted_numbers_and_campaigns_are_dropped(account, campaign, number, record_decision):
    gone, gone_campaign = PhoneNumberFactory(account=account), CampaignFactory(account=account)
    record_decision()
    record_decision(number_id=gone.pk, campaign_id=gone_campaign.pk)
    gone.delete()
    gone_campaign.delete()
    flush()
    assert list(NumberCalls.objects.values_list("number", "calls")) == [(number.pk, 1)]
    assert list(CampaignCalls.objects.values_list("campaign", "calls")) == [(campaign.pk, 1)]


@pytest.mark.django_db(transaction=True)
def test_no_match_is_lost_when_threads_record_during_a_flush(record_decision):
    def answer() -> None:
        for _ in range(2_000):
            record_decision()

    threads = [threading.Thread(target=answer) for _ in range(4)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            flush()
    finally:
        sys.setswitchinterval(before)
    flush()
    assert (number_call_total(), campaign_call_total()) == (8_000, 8_000)


# Real processes

RECORD_SCRIPT = """
import os, sys, time
import django
django.setup()
from datetime import date
from portal.db.background_writer import writer
from reputation.matching.recorder import record_match

for write in writer._writes:
    write.seconds = 1.0
account, campaign, number, decisions, seconds = map(int, sys.argv[1:6])

def answer(decisions, basis):
    for _ in range(decisions):
        record_match(account_id=account, campaign_id=campaign, number_id=number, day=date(2026, 11, 25), basis=basis,
               skipped_tagged=False, default_e164="", is_already_counted=False, seconds=0.001)
"""
WAIT_SCRIPT = "answer(decisions, 'state'); time.sleep(seconds)"
FORK_SCRIPT = """
answer(decisions, 'state')
if os.fork() == 0:
    answer(decisions, 'area_code')
    time.sleep(seconds)
    os._exit(0)  # nothing is written at this end: it is the child's own writer that wrote
os.wait()
"""


@pytest.mark.django_db(transaction=True)
class TestProcess:
    @pytest.fixture
    def answering(self, account, campaign, number):
        started = []

        def start(then: str, *, decisions: int, seconds: int) -> object:
            process = child_processes.start_python(
                RECORD_SCRIPT + then, account.pk, campaign.pk, number.pk, decisions, seconds
            )
            started.append(process)
            return process

        yield start
        for process in started:
            process.kill()
            process.wait()

    def test_running_process_writes_periodically(self, answering):
        process = answering(WAIT_SCRIPT, decisions=70, seconds=60)
        until = time.monotonic() + 30
        while campaign_call_total() < 70 and time.monotonic() < until:
            time.sleep(0.1)
        assert process.poll() is None, "it still runs"
        assert (number_call_total(), campaign_call_total()) == (70, 70)

    def test_processes_write_at_their_end_and_their_counts_add_up(self, answering):
        processes = [answering(WAIT_SCRIPT, decisions=50, seconds=0) for _ in range(3)]
        assert [process.wait(60) for process in processes] == [0, 0, 0]
        assert (number_call_total(), campaign_call_total()) == (150, 150)

    def test_forked_process_has_its_own_writer_and_no_counts_of_its_parent(self, answering):
        assert answering(FORK_SCRIPT, decisions=30, seconds=3).wait(60) == 0
        assert dict(CampaignCalls.objects.values_list("basis", "calls")) == {"state": 30, "area_code": 30}
        assert number_call_total() == 60
