"""Rate limits, in one process and across several."""

from datetime import timedelta

import pytest
import time_machine
from django.db import OperationalError, connection

from portal.api import rate_limits
from portal.api.rate_limits import RateLimiter
from portal.models import ApiKey, ApiUsage
from tests.portal.api.helpers import NUMBERS, assert_problem
from tests.support.urls import create_api_key

pytestmark = pytest.mark.django_db


def test_every_response_states_the_remaining_requests(api_client, settings):
    settings.API_RATE_LIMIT = 5
    with time_machine.travel("2026-11-25T10:00:20Z", tick=False):
        left = [api_client.get(NUMBERS).headers for _ in range(2)]
    assert [one["RateLimit-Policy"] for one in left] == ['"default";q=5;w=60'] * 2
    assert [one["RateLimit"] for one in left] == ['"default";r=4;t=40', '"default";r=3;t=40']


def test_client_over_the_limit_is_told_when_to_retry(api_client, settings):
    settings.API_RATE_LIMIT = 3
    with time_machine.travel("2026-11-25T10:00:20Z", tick=False):
        answers = [api_client.get(NUMBERS) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert_problem(answers[-1], "rate_limited")
        assert answers[-1].headers["Retry-After"] == "40"
        assert answers[-1].headers["RateLimit"] == '"default";r=0;t=40'
    with time_machine.travel("2026-11-25T10:01:00Z", tick=False):
        assert api_client.get(NUMBERS).status_code == 200


def test_each_api_key_has_its_own_limit(account, api_client_for, settings):
    settings.API_RATE_LIMIT = 1
    one, other = api_client_for(account), api_client_for(account)
    with time_machine.travel("2026-11-25T10:00:20Z", tick=False):
        assert [client.get(NUMBERS).status_code for client in (one, one, other)] == [200, 429, 200]


def test_without_a_limit_nothing_is_counted(api_client, settings):
    settings.API_RATE_LIMIT = 0
    assert "RateLimit" not in api_client.get(NUMBERS).headers
    rate_limits.write_counts()
    assert not ApiUsage.objects.exists()


def test_requests_are_written_together_and_not_by_themselves(account, now, django_assert_num_queries):
    key, _ = create_api_key(account)
    process = RateLimiter()
    with django_assert_num_queries(0):
        for _ in range(100):
            status = process.count_request(key, "default", now=now)
            process.count_request(key, "match", now=now)
    assert status.used == 100
    with django_assert_num_queries(1):
        process.write_counts()
        process.write_counts()
    assert dict(ApiUsage.objects.values_list("policy", "request_count")) == {"default": 100, "match": 100}
    assert process.count_request(key, "default", now=now).used == 101


def test_counts_of_all_processes_are_added(account, now, settings):
    settings.API_RATE_LIMIT = 100
    key, _ = create_api_key(account)
    processes = [RateLimiter() for _ in range(3)]
    now = now.replace(second=5)
    for turn in range(90):
        processes[turn % 3].count_request(key, "default", now=now)
        processes[turn % 3].write_counts()
    assert processes[2].count_request(key, "default", now=now).used == 91
    assert ApiUsage.objects.get().request_count == 90


def test_processes_exceed_the_limit_by_at_most_one_second_of_requests(account, now, settings):
    settings.API_RATE_LIMIT = 1_000
    key, _ = create_api_key(account)
    processes = [RateLimiter() for _ in range(4)]
    now, answered = now.replace(second=0), 0
    for _second in range(10):  # each of the four answers 50 requests a second: 2,000 in these ten seconds
        for process in processes:
            for _ in range(50):
                answered += not process.count_request(key, "default", now=now).is_exceeded
        for process in processes:
            process.write_counts()
    assert 1_000 <= answered <= 1_000 + 4 * 50


def test_counts_that_cannot_be_written_limit_the_process_and_are_written_next_time(account, now, settings):
    settings.API_RATE_LIMIT = 10
    key, _ = create_api_key(account)
    process, used = RateLimiter(), []

    def refuse(*_):
        used.append(process.count_request(key, "default", now=now).used)  # while it is being written
        raise OperationalError("database is locked")

    for _ in range(3):
        process.count_request(key, "default", now=now)
    with connection.execute_wrapper(refuse), pytest.raises(OperationalError):
        process.write_counts()
    used.append(process.count_request(key, "default", now=now).used)
    assert used == [4, 5]
    process.write_counts()
    assert ApiUsage.objects.get().request_count == 5


def test_counts_of_deleted_keys_are_dropped(account, now):
    (gone, _), (key, _) = create_api_key(account), create_api_key(account)
    process = RateLimiter()
    for one in (gone, key):
        process.count_request(one, "default", now=now)
    ApiKey.objects.filter(pk=gone.pk).delete()
    process.write_counts()
    assert list(ApiUsage.objects.values_list("api_key", "request_count")) == [(key.pk, 1)]


def test_a_minute_that_was_counted_by_a_clock_an_hour_fast_limits_nothing_once_it_is_right(account, now, settings):
    settings.API_RATE_LIMIT = 10
    key, _ = create_api_key(account)
    fast, right = RateLimiter(), RateLimiter()
    for _ in range(10):
        fast.count_request(key, "default", now=now + timedelta(hours=1))
    fast.write_counts()
    used = []
    for _ in range(10):
        used.append(right.count_request(key, "default", now=now).used)
        right.write_counts()
    assert used == list(range(1, 11))
