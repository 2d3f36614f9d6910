"""A provider's call ends, whatever its vendor does."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import httpx
import pytest

from reputation.models import CircuitBreaker
from reputation.providers import client
from reputation.providers.protocol import Limits
from reputation.providers.time_limit import time_limit
from tests.support.lookups import create_due_numbers, look_up_all
from tests.support.provider import FakeProvider


class Dripping(FakeProvider):
    limits = Limits(timeout=0.3)
    url = ""

    def look_up(self, numbers):
        return httpx.get(self.url, timeout=self.limits.timeout, trust_env=False).json()


@pytest.fixture
def dripping_url():
    """A server whose answer comes byte by byte, for ten seconds."""
    ended = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            for _ in range(200):
                if ended.wait(0.05):
                    return
                self.wfile.write(b" ")

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}"
    ended.set()
    server.shutdown()
    server.server_close()


@pytest.mark.django_db
def test_a_vendor_that_sends_a_byte_now_and_then_counts_as_unavailable(
    dripping_url, use_providers, account, now, monkeypatch
):
    monkeypatch.setattr(client, "EXTRA_SECONDS", 0)
    monkeypatch.setattr(Dripping, "url", dripping_url)
    use_providers(Dripping)
    create_due_numbers(account, 1)
    look_up_all(now)
    assert "0.3 seconds" in CircuitBreaker.objects.get().reason


@pytest.fixture
def alarms():
    """The alarms of an outer timer, such as that of a task."""
    received: list[int] = []
    former = signal.signal(signal.SIGALRM, lambda number, frame: received.append(number))
    yield received
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, former)


def test_an_outer_timer_goes_on(alarms):
    signal.setitimer(signal.ITIMER_REAL, 600)
    with pytest.raises(TimeoutError), time_limit(0.05):
        time.sleep(600)
    assert 500 < signal.getitimer(signal.ITIMER_REAL)[0] < 600
    signal.raise_signal(signal.SIGALRM)
    assert alarms == [signal.SIGALRM]


def test_an_outer_timer_that_ends_first_has_precedence(alarms):
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    with time_limit(600):
        signal.pause()
    assert alarms == [signal.SIGALRM]


def test_a_block_that_ends_in_time_leaves_no_timer():
    with time_limit(600):
        pass
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_outside_the_main_thread_there_is_no_limit():
    def run():
        with time_limit(0.01):
            time.sleep(0.05)
            return "ended"

    with ThreadPoolExecutor() as threads:
        assert threads.submit(run).result() == "ended"
