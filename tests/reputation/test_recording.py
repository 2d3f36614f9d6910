"""Decisions are summed up in the process that answers, and written in batches, now and then and at its end."""

from __future__ import annotations

import random
import sys
import threading
import time
from datetime import date, timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from reputation.matching import recorder
from reputation.matching.match import match
from reputation.matching.recorder import record, write
from reputation.matching.tiers import Basis
from reputation.models import Campaign, CampaignCalls, NumberCalls, PhoneNumber
from tests import other_process
from tests.factories import CampaignFactory, PhoneNumberFactory

pytestmark = pytest.mark.django_db

DAY = date(2026, 11, 25)


@pytest.fixture
def campaign(account) -> Campaign:
    return CampaignFactory(account=account)


@pytest.fixture
def number(account, campaign) -> PhoneNumber:
    return PhoneNumberFactory(account=account, campaign=campaign, e164="+12064551000")


@pytest.fixture
def decided(account, campaign, number):
    """Notes a decision for the number, as matching does."""

    def note(**fields: object) -> None:
        of = {"account_id": account.pk, "campaign_id": campaign.pk, "number_id": number.pk, "day": DAY}
        record(**of | {"basis": Basis.STATE, "skipped_tagged": False, "is_counted": False} | fields)

    return note


def of_numbers() -> int:
    return sum(NumberCalls.objects.values_list("calls", flat=True))


def of_campaigns() -> int:
    return sum(CampaignCalls.objects.values_list("calls", flat=True))


# What is summed up


def test_decisions_are_summed_by_number_and_by_campaign_day_basis_and_whether_tags_were_skipped(decided, number):
    for _ in range(3):
        decided()
    decided(skipped_tagged=True)
    decided(basis=Basis.DEFAULT)
    decided(day=DAY + timedelta(days=1))
    decided(number_id=None, basis=Basis.NONE)
    write()
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


def test_what_is_noted_later_is_added_and_nothing_is_written_twice(decided):
    decided()
    write()
    write()
    assert (of_numbers(), of_campaigns()) == (1, 1)
    decided()
    decided()
    write()
    assert (of_numbers(), of_campaigns()) == (3, 3)


def test_a_call_that_a_daily_limit_counted_is_not_counted_again(account, campaign, number, now):
    Campaign.objects.update(daily_limit=2)
    for _ in range(3):
        match(account_id=account.pk, campaign_id=campaign.pk, called="+12063550199", now=now)
    write()
    assert NumberCalls.objects.get().calls == 2
    assert dict(CampaignCalls.objects.values_list("basis", "calls")) == {"area_code": 2, "none": 1}


def test_of_one_in_ten_each_counts_for_ten(decided, settings, monkeypatch):
    settings.RECORD_DECISIONS = 10
    monkeypatch.setattr(recorder, "random", random.Random("the same every time"))
    for _ in range(3_000):
        decided()
    write()
    assert of_numbers() == of_campaigns()
    assert of_campaigns() % 10 == 0
    assert 2_500 < of_campaigns() < 3_500


def test_nothing_is_recorded_where_the_setting_says_so(decided, settings):
    settings.RECORD_DECISIONS = 0
    decided()
    write()
    assert (of_numbers(), of_campaigns()) == (0, 0)


# How it is written


def test_an_idle_writer_asks_the_database_nothing(db):
    with CaptureQueriesContext(connection) as queries:
        write()
    assert not queries


def test_many_numbers_are_written_in_batches_and_a_number_asked_for_often_costs_no_more(account, decided, monkeypatch):
    monkeypatch.setattr(recorder, "CHUNK", 10)

    def inserts(numbers: list[PhoneNumber], times: int) -> int:
        for number in numbers * times:
            decided(number_id=number.pk)
        with CaptureQueriesContext(connection) as queries:
            write()
        return sum("INSERT" in query["sql"] for query in queries)

    numbers = PhoneNumberFactory.create_batch(25, account=account)
    assert inserts(numbers, 1) == 3 + 1
    assert inserts(numbers, 40) == 3 + 1
    assert set(NumberCalls.objects.values_list("calls", flat=True)) == {41}
    assert of_campaigns() == 25 * 41


@pytest.mark.parametrize("table", [NumberCalls, CampaignCalls])
def test_what_cannot_be_written_is_kept_for_the_next_time(decided, table):
    def refuse(execute, sql, params, many, context):
        if f"INSERT INTO {table._meta.db_table}" in sql:
            raise OperationalError("database is locked")
        return execute(sql, params, many, context)

    decided()
    with connection.execute_wrapper(refuse), pytest.raises(OperationalError):
        write()
    decided()
    write()
    assert (of_numbers(), of_campaigns()) == (2, 2)


def test_a_writer_that_fails_says_so_in_the_log_and_goes_on(decided, caplog, monkeypatch):
    monkeypatch.setattr(connection, "close", lambda: None)  # the test's own transaction lives in it

    def refuse(execute, sql, params, many, context):
        raise OperationalError("disk I/O error")

    decided()
    with connection.execute_wrapper(refuse):
        recorder._write_safely()
    assert "could not be recorded" in caplog.text
    recorder._write_safely()
    assert of_campaigns() == 1


def test_a_number_or_campaign_that_is_gone_meanwhile_is_left_out_and_the_rest_is_written(
    account, campaign, number, decided
):
    gone, gone_campaign = PhoneNumberFactory(account=account), CampaignFactory(account=account)
    decided()
    decided(number_id=gone.pk, campaign_id=gone_campaign.pk)
    gone.delete()
    gone_campaign.delete()
    write()
    assert list(NumberCalls.objects.values_list("number", "calls")) == [(number.pk, 1)]
    assert list(CampaignCalls.objects.values_list("campaign", "calls")) == [(campaign.pk, 1)]


@pytest.mark.django_db(transaction=True)
def test_no_decision_is_lost_while_threads_answer_and_the_writer_writes(decided):
    def answer() -> None:
        for _ in range(2_000):
            decided()

    threads = [threading.Thread(target=answer) for _ in range(4)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            write()
    finally:
        sys.setswitchinterval(before)
    write()
    assert (of_numbers(), of_campaigns()) == (8_000, 8_000)


# Real processes

ANSWERING = """
import os, sys, time
import django
django.setup()
from datetime import date
from reputation.matching import recorder
from reputation.matching.recorder import record

recorder.EVERY_SECONDS = 1.0
account, campaign, number, decisions, seconds = map(int, sys.argv[1:6])

def answer(decisions, basis):
    for _ in range(decisions):
        record(account_id=account, campaign_id=campaign, number_id=number, day=date(2026, 11, 25), basis=basis,
               skipped_tagged=False, is_counted=False)
"""
AND_WAIT = "answer(decisions, 'state'); time.sleep(seconds)"
AND_FORK = """
answer(decisions, 'state')
if os.fork() == 0:
    answer(decisions, 'area_code')
    time.sleep(seconds)
    os._exit(0)  # nothing is written at this end: it is the child's own writer that wrote
os.wait()
"""


@pytest.mark.django_db(transaction=True)
class TestAProcess:
    @pytest.fixture
    def answering(self, account, campaign, number):
        started = []

        def start(then: str, *, decisions: int, seconds: int) -> object:
            process = other_process.start(ANSWERING + then, account.pk, campaign.pk, number.pk, decisions, seconds)
            started.append(process)
            return process

        yield start
        for process in started:
            process.kill()
            process.wait()

    def test_it_writes_now_and_then_while_it_answers(self, answering):
        process = answering(AND_WAIT, decisions=70, seconds=60)
        until = time.monotonic() + 30
        while of_campaigns() < 70 and time.monotonic() < until:
            time.sleep(0.1)
        assert process.poll() is None, "it still runs"
        assert (of_numbers(), of_campaigns()) == (70, 70)

    def test_it_writes_at_its_end_and_several_at_once_add_up(self, answering):
        processes = [answering(AND_WAIT, decisions=50, seconds=0) for _ in range(3)]
        assert [process.wait(60) for process in processes] == [0, 0, 0]
        assert (of_numbers(), of_campaigns()) == (150, 150)

    def test_a_forked_process_starts_a_writer_of_its_own_and_writes_nothing_of_its_parents(self, answering):
        assert answering(AND_FORK, decisions=30, seconds=3).wait(60) == 0
        assert dict(CampaignCalls.objects.values_list("basis", "calls")) == {"state": 30, "area_code": 30}
        assert of_numbers() == 60
