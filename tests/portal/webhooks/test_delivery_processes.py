"""Workers that die, and workers that come together: real processes on the test's database, and a real receiver."""

import signal
import threading
import time
from collections import defaultdict
from datetime import timedelta

import pytest
from django.utils import timezone

from portal.audit import Context
from portal.jobs.claims import LEASE_DURATION
from portal.models import WebhookDelivery
from portal.webhooks import delivery as webhook_delivery
from reputation.monitoring import capability
from tests.factories import AccountFactory, PhoneNumberFactory, WebhookEndpointFactory
from tests.portal.webhooks.receiver import respond, run_receiver
from tests.portal.webhooks.test_delivery import CAPABILITY_STEPS, change_capability, in_order
from tests.support.processes import start_python as process

pytestmark = pytest.mark.django_db(transaction=True)

DELIVER_SCRIPT = """
import sys
from datetime import timedelta
import django; django.setup()
from django.utils import timezone
from portal.webhooks import delivery as webhook_delivery
later = timedelta(seconds=float(sys.argv[1]))
webhook_delivery.deliver(clock=lambda: timezone.now() + later, linger_seconds=0)
"""


@pytest.fixture
def numbers(provider):
    account = AccountFactory()
    return account, [PhoneNumberFactory(account=account).pk for _ in range(20)]


def respond_slowly(handler, got):
    time.sleep(0.05)
    respond(200)(handler, got)


def hold_after(receiver, *, from_the, until):
    """Answers until so many have come, and then no more until the worker is killed, so that it dies at work."""

    def answer(handler, got):
        if len(receiver.got) >= from_the:
            until.wait(30)
        respond(200)(handler, got)

    return answer


def test_a_worker_killed_in_the_middle_of_sending_loses_no_event(numbers):
    """Killed at three moments with what it has in hand, which is sent again when its lease is over."""
    account, numbers = numbers
    with run_receiver() as receiver:
        endpoint = WebhookEndpointFactory(account=account, url=receiver.url)
        change_capability(numbers, timezone.now())
        later = timedelta(0)
        for arrived in (3, 17, 41):
            killed = threading.Event()
            receiver.answer = hold_after(receiver, from_the=arrived, until=killed)
            worker = process(DELIVER_SCRIPT, str(later.total_seconds()))
            until = time.monotonic() + 30
            while len(receiver.got) < arrived and time.monotonic() < until:
                time.sleep(0.005)
            worker.send_signal(signal.SIGKILL)
            assert worker.wait(10) == -signal.SIGKILL
            killed.set()
            assert len(receiver.got) >= arrived
            assert WebhookDelivery.objects.pending().filter(lease_until__isnull=False).exists(), "it died at work"
            later += LEASE_DURATION + timedelta(seconds=5)
        receiver.answer = respond(200)
        webhook_delivery.deliver(clock=lambda: timezone.now() + later, linger_seconds=0)
        assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}
        assert len({got.event_id for got in receiver.got}) == len(numbers) * len(CAPABILITY_STEPS)
        assert in_order(receiver.took(), numbers)
        assert all(got.is_signed_by(endpoint.secret) for got in receiver.got)


def test_two_workers_at_once_send_everything_once_and_in_order(numbers):
    account, numbers = numbers
    with run_receiver() as receiver:
        receiver.answer = respond_slowly
        WebhookEndpointFactory(account=account, url=receiver.url)
        change_capability(numbers, timezone.now())
        workers = [process(DELIVER_SCRIPT, "0") for _ in range(2)]
        assert [worker.wait(60) for worker in workers] == [0, 0]
        webhook_delivery.deliver(clock=timezone.now, linger_seconds=0)
        assert len(receiver.got) == len(numbers) * len(CAPABILITY_STEPS)
        arrived = defaultdict(list)
        for got in receiver.got:
            data = got.message["data"]
            arrived[data["number"]["id"]].append(data["after"])
        assert set(map(tuple, arrived.values())) == {CAPABILITY_STEPS}
        assert len(arrived) == len(numbers)


def test_a_change_whose_process_is_killed_before_its_commit_is_not_told(numbers):
    account, numbers = numbers
    with run_receiver() as receiver:
        WebhookEndpointFactory(account=account, url=receiver.url)
        code = """
import os, signal, sys
import django; django.setup()
from django.db import transaction
from django.utils import timezone
from portal.audit import SYSTEM
from portal.models import WebhookDelivery
from reputation.monitoring import capability
with transaction.atomic():
    capability.enable([int(sys.argv[1])], actor=SYSTEM, now=timezone.now())
    assert WebhookDelivery.objects.exists()
    os.kill(os.getpid(), signal.SIGKILL)
"""
        assert process(code, str(numbers[0])).wait(30) == -signal.SIGKILL
        webhook_delivery.deliver(clock=timezone.now, linger_seconds=0)
        assert receiver.got == []
        capability.enable(numbers[:1], context=Context.system(timezone.now()))
        webhook_delivery.deliver(clock=timezone.now, linger_seconds=0)
        assert len(receiver.got) == 1


def test_the_task_delivers_and_one_that_comes_meanwhile_returns_at_once(numbers):
    account, numbers = numbers
    code = "import django; django.setup(); from portal.webhooks.tasks import deliver_webhooks; deliver_webhooks()"
    with run_receiver() as receiver:
        receiver.answer = lambda handler, got: (time.sleep(1.5), respond(200)(handler, got))
        WebhookEndpointFactory(account=account, url=receiver.url)
        capability.enable(numbers[:1], context=Context.system(timezone.now()))
        first = process(code)
        until = time.monotonic() + 30
        while not receiver.got and time.monotonic() < until:
            time.sleep(0.01)
        from portal.webhooks.tasks import deliver_webhooks

        began = time.monotonic()
        deliver_webhooks()
        assert time.monotonic() - began < 1
        assert first.wait(30) == 0
        assert WebhookDelivery.objects.get().state == "delivered"
        assert len(receiver.got) == 1
