"""Killed and concurrent workers, as real processes with a real receiver."""

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
from portal.webhooks.tasks import deliver_webhooks
from reputation.monitoring import capability
from tests.factories import AccountFactory, PhoneNumberFactory, WebhookEndpointFactory
from tests.portal.webhooks.helpers import CAPABILITY_STEPS, change_capability, in_order
from tests.portal.webhooks.receiver import respond, run_receiver
from tests.support.processes import start_python
from tests.support.waiting import TIMEOUT, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

DELIVER_SCRIPT = """
import sys
from datetime import timedelta
import django; django.setup()
from django.utils import timezone
from portal.webhooks import delivery as webhook_delivery
from portal.webhooks.tasks import deliver_webhooks
later = timedelta(seconds=float(sys.argv[1]))
webhook_delivery.deliver(clock=lambda: timezone.now() + later, wait_for_retry_seconds=0)
"""


@pytest.fixture
def numbers(provider):
    account = AccountFactory()
    return account, [PhoneNumberFactory(account=account).pk for _ in range(20)]


def respond_slowly(handler, request):
    time.sleep(0.05)
    respond(200)(handler, request)


def hold_after(receiver, *, from_the, until):
    """Respond until `from_the` requests have come, and then wait until the worker was killed."""

    def answer(handler, request):
        if len(receiver.requests) >= from_the:
            until.wait(TIMEOUT)
        respond(200)(handler, request)

    return answer


def test_no_event_is_lost_when_a_worker_is_killed_while_sending(numbers):
    """The worker is killed three times. Its deliveries are sent again when its claim has expired."""
    account, numbers = numbers
    with run_receiver() as receiver:
        endpoint = WebhookEndpointFactory(account=account, url=receiver.url)
        change_capability(numbers, timezone.now())
        later = timedelta(0)
        for arrived in (3, 17, 41):
            killed = threading.Event()
            receiver.answer = hold_after(receiver, from_the=arrived, until=killed)
            worker = start_python(DELIVER_SCRIPT, str(later.total_seconds()))
            wait_until(lambda arrived=arrived: len(receiver.requests) >= arrived)
            worker.send_signal(signal.SIGKILL)
            assert worker.wait(TIMEOUT) == -signal.SIGKILL
            killed.set()
            assert WebhookDelivery.objects.pending().filter(lease_until__isnull=False).exists(), "it died at work"
            later += LEASE_DURATION + timedelta(seconds=5)
        receiver.answer = respond(200)
        webhook_delivery.deliver(clock=lambda: timezone.now() + later, wait_for_retry_seconds=0)
        assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}
        assert len({request.event_id for request in receiver.requests}) == len(numbers) * len(CAPABILITY_STEPS)
        assert in_order(receiver.accepted_changes(), numbers)
        assert all(request.is_signed_by(endpoint.secret) for request in receiver.requests)


def test_two_workers_send_every_event_once_and_in_order(numbers):
    account, numbers = numbers
    with run_receiver() as receiver:
        receiver.answer = respond_slowly
        WebhookEndpointFactory(account=account, url=receiver.url)
        change_capability(numbers, timezone.now())
        workers = [start_python(DELIVER_SCRIPT, "0") for _ in range(2)]
        assert [worker.wait(TIMEOUT) for worker in workers] == [0, 0]
        webhook_delivery.deliver(clock=timezone.now, wait_for_retry_seconds=0)
        assert len(receiver.requests) == len(numbers) * len(CAPABILITY_STEPS)
        arrived = defaultdict(list)
        for request in receiver.requests:
            data = request.payload["data"]
            arrived[data["number"]["id"]].append(data["after"])
        assert set(map(tuple, arrived.values())) == {CAPABILITY_STEPS}
        assert len(arrived) == len(numbers)


def test_change_that_is_killed_before_its_commit_is_not_sent(numbers):
    account, numbers = numbers
    with run_receiver() as receiver:
        WebhookEndpointFactory(account=account, url=receiver.url)
        code = """
import os, signal, sys
import django; django.setup()
from django.db import transaction
from django.utils import timezone
from portal.audit import Context
from portal.models import WebhookDelivery
from reputation.monitoring import capability
with transaction.atomic():
    capability.enable([int(sys.argv[1])], context=Context.system(timezone.now()))
    assert WebhookDelivery.objects.exists()
    os.kill(os.getpid(), signal.SIGKILL)
"""
        assert start_python(code, str(numbers[0])).wait(TIMEOUT) == -signal.SIGKILL
        webhook_delivery.deliver(clock=timezone.now, wait_for_retry_seconds=0)
        assert receiver.requests == []
        capability.enable(numbers[:1], context=Context.system(timezone.now()))
        webhook_delivery.deliver(clock=timezone.now, wait_for_retry_seconds=0)
        assert len(receiver.requests) == 1


def test_task_delivers_and_a_second_one_returns_immediately(numbers):
    account, numbers = numbers
    code = "import django; django.setup(); from portal.webhooks.tasks import deliver_webhooks; deliver_webhooks()"
    second_returned = threading.Event()

    def hold_until_second_returned(handler, request):
        respond(200 if second_returned.wait(TIMEOUT) else 500)(handler, request)

    with run_receiver() as receiver:
        receiver.answer = hold_until_second_returned
        WebhookEndpointFactory(account=account, url=receiver.url)
        capability.enable(numbers[:1], context=Context.system(timezone.now()))
        first = start_python(code)
        wait_until(lambda: receiver.requests)
        deliver_webhooks()
        assert WebhookDelivery.objects.get().state == "pending"
        second_returned.set()
        assert first.wait(TIMEOUT) == 0
        assert WebhookDelivery.objects.get().state == "delivered"
        assert len(receiver.requests) == 1
