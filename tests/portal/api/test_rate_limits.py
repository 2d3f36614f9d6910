"""Rate limits, in one process and across several."""

from datetime import timedelta
from itertools import count

import pytest
import time_machine

from portal.api.rate_limits import RateLimiter
from portal.models import ApiUsage
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
    assert not ApiUsage.objects.exists()


def test_100_requests_in_a_second_cause_one_write(account, now, django_assert_num_queries):
    key, _ = create_api_key(account)
    process = RateLimiter(clock=lambda: 100.0)
    with django_assert_num_queries(1):
        for _ in range(100):
            status = process.count_request(key, "default", now=now)
    assert status.used == 100


def test_counts_of_all_processes_are_added(account, now, settings):
    """The clock advances by two seconds between requests, so every request is synchronized."""
    settings.API_RATE_LIMIT = 100
    key, _ = create_api_key(account)
    clock = count(start=0, step=2)
    processes = [RateLimiter(clock=lambda: float(next(clock))) for _ in range(3)]
    now = now.replace(second=5)
    for turn in range(90):
        status = processes[turn % 3].count_request(key, "default", now=now)
    assert status.used == 90
    assert ApiUsage.objects.get().request_count == 90


def test_processes_exceed_the_limit_by_at_most_one_second_of_requests(account, now, settings):
    settings.API_RATE_LIMIT = 1_000
    key, _ = create_api_key(account)
    clock = {"now": 0.0}
    processes = [RateLimiter(clock=lambda: clock["now"]) for _ in range(4)]
    now, answered = now.replace(second=0), 0
    for _second in range(10):  # each of the four answers 50 requests a second: 2,000 in these ten seconds
        clock["now"] += 1.0
        for process in processes:
            for _ in range(50):
                answered += not process.count_request(key, "default", now=now).is_exceeded
    assert 1_000 <= answered <= 1_000 + 4 * 50


def test_a_minute_that_was_counted_by_a_clock_an_hour_fast_limits_nothing_once_it_is_right(account, now, settings):
    settings.API_RATE_LIMIT = 10
    key, _ = create_api_key(account)
    fast = RateLimiter().count_request
    for _ in range(10):
        fast(key, "default", now=now + timedelta(hours=1))
    right = RateLimiter(clock=count(step=2).__next__).count_request
    statuses = [right(key, "default", now=now) for _ in range(10)]
    assert [status.used for status in statuses] == list(range(1, 11))
