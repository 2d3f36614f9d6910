"""Killed and concurrent workers, as real processes with a real mail server."""

import signal

import pytest
from django.utils import timezone

from portal.jobs.claims import LEASE_DURATION
from portal.models import OutgoingMail
from tests.portal.mail.helpers import enqueue_mails, states, sweep
from tests.support.mail_server import Hold, StandIn, run_mail_server
from tests.support.processes import start_python
from tests.support.waiting import TIMEOUT, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = """
import sys
import django; django.setup()
from django.conf import settings
settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", int(sys.argv[1])
from portal.mail.delivery import MailSender
with MailSender() as sender:
    while sender.send_next():
        pass
"""


@pytest.fixture
def addresses() -> list[str]:
    return [f"member{number}@example.com" for number in range(6)]


def kill_while_it_waits(port: int, hold: Hold) -> None:
    worker = start_python(WORKER, port)
    wait_until(lambda: hold.reached)
    worker.send_signal(signal.SIGKILL)
    assert worker.wait(TIMEOUT) == -signal.SIGKILL
    hold.release()


def hold_at(server: StandIn, address: str) -> Hold:
    """Let the server keep the client waiting after it got the text of this mail, before it says that it took it."""
    hold = Hold()
    server.on_data = lambda message: hold if message["To"] == address else None
    return hold


def test_worker_that_is_killed_while_sending_loses_no_mail_and_at_most_one_comes_twice(addresses, use_smtp):
    now = timezone.now()
    enqueue_mails(now, *addresses)
    with run_mail_server() as (server, port):
        hold = hold_at(server, addresses[2])
        kill_while_it_waits(port, hold)
        held = OutgoingMail.objects.get(recipient=addresses[2])
        assert (held.state, held.attempts) == ("waiting", 1)
        server.on_data = lambda message: None
        use_smtp(port)
        sweep(timezone.now())
        assert set(server.recipients()) >= set(addresses) - {addresses[2]}, "the others do not wait for the claim"
        sweep(timezone.now() + LEASE_DURATION)
        assert set(states().values()) == {"sent"}
        wait_until(lambda: set(server.recipients()) == set(addresses))
        copies = [message["Message-ID"] for message in server.taken if message["To"] == addresses[2]]
        assert len(set(copies)) == 1
        others = [address for address in server.recipients() if address != addresses[2]]
        assert len(others) == len(set(others))


def test_mail_in_which_every_worker_is_killed_does_not_stop_the_others(addresses, use_smtp):
    enqueue_mails(timezone.now(), *addresses)
    with run_mail_server() as (server, port):
        for place in (0, 1):
            kill_while_it_waits(port, hold_at(server, addresses[place]))
        server.on_data = lambda message: None
        use_smtp(port)
        sweep(timezone.now())
        assert list(states().values()).count("sent") == len(addresses) - 2
        sweep(timezone.now() + LEASE_DURATION)
        assert set(states().values()) == {"sent"}


def test_two_workers_send_each_mail_once(addresses):
    enqueue_mails(timezone.now(), *addresses)
    with run_mail_server() as (server, port):
        workers = [start_python(WORKER, port) for _ in range(2)]
        for worker in workers:
            assert worker.wait(TIMEOUT) == 0
        wait_until(lambda: len(server.taken) == len(addresses))
    assert sorted(server.recipients()) == sorted(addresses)
