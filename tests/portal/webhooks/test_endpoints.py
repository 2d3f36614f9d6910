"""Endpoints: replaced secrets, sending by hand, removal."""

import threading
from datetime import timedelta

import pytest
from standardwebhooks import WebhookVerificationError

from portal.audit import Context
from portal.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from portal.webhooks import endpoints
from portal.webhooks.delivery import send_due_deliveries
from portal.webhooks.http import Sender, Timeouts
from portal.webhooks.results import record_results
from reputation.monitoring import capability
from tests.portal.webhooks.helpers import deliver
from tests.portal.webhooks.receiver import respond
from tests.support.waiting import TIMEOUT

pytestmark = pytest.mark.django_db


def test_replaced_secret_still_verifies_for_a_day(endpoint, receiver, numbers, now):
    former = endpoint.secret
    capability.enable(numbers[:1], context=Context.system(now))
    endpoints.rotate_secret(endpoint, expected_secret=former, context=Context.system(now))
    endpoint.refresh_from_db()
    assert endpoint.secret != former
    deliver(now)
    [request] = receiver.requests
    assert request.is_signed_by(former)
    assert request.is_signed_by(endpoint.secret)
    capability.accept(numbers[:1], context=Context.system(now))
    deliver(now + timedelta(days=1))
    request = receiver.requests[-1]
    assert request.is_signed_by(endpoint.secret)
    with pytest.raises(WebhookVerificationError):
        request.is_signed_by(former)


def test_secret_replaced_meanwhile_is_not_replaced_again(endpoint, now):
    former = endpoint.secret
    endpoints.rotate_secret(endpoint, expected_secret=former, context=Context.system(now))
    after = WebhookEndpoint.objects.values().get()
    with pytest.raises(endpoints.NotChanged, match="replaced meanwhile"):
        endpoints.rotate_secret(endpoint, expected_secret=former, context=Context.system(now))
    assert WebhookEndpoint.objects.values().get() == after


def test_test_event_is_sent_once_to_a_paused_endpoint_and_counts_no_failure(endpoint, receiver, numbers, now):
    endpoints.pause(endpoint, context=Context.system(now))
    capability.enable(numbers, context=Context.system(now))
    receiver.answer = respond(500)
    delivery = endpoints.send_test_event(endpoint, context=Context.system(now))
    deliver(now)
    deliver(now + timedelta(hours=1))
    [request] = receiver.requests
    assert request.is_signed_by(endpoint.secret)
    assert request.payload["type"] == "webhook.test"
    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_summary) == ("failed", "Answered 500 Internal Server Error.")
    endpoint.refresh_from_db()
    assert endpoint.consecutive_failures == 0


def test_redelivery_sends_the_same_message_in_a_new_delivery(endpoint, receiver, numbers, admin, actor, now):
    capability.enable(numbers[:1], context=Context.system(now))
    deliver(now)
    again = endpoints.redeliver(WebhookDelivery.objects.get(), context=Context(actor, now))
    deliver(now)
    first, second = receiver.requests
    assert (first.event_id, first.body) == (second.event_id, second.body)
    again.refresh_from_db()
    assert (again.state, again.requested_by, WebhookDelivery.objects.count()) == ("delivered", admin.user, 2)


def test_redelivery_of_a_pending_delivery_makes_it_due_now(endpoint, receiver, numbers, now):
    receiver.answer = respond(500)
    capability.enable(numbers[:1], context=Context.system(now))
    deliver(now)
    receiver.answer = respond(200)
    endpoints.redeliver(WebhookDelivery.objects.select_related("endpoint").get(), context=Context.system(now))
    deliver(now)
    assert WebhookDelivery.objects.get().state == "delivered"
    assert len(receiver.requests) == 2


def test_endpoint_removed_during_delivery_leaves_no_rows(endpoint, receiver, numbers, now):
    removed = threading.Event()

    def answer_after_removal(handler, request):
        respond(200 if removed.wait(TIMEOUT) else 500)(handler, request)

    receiver.answer = answer_after_removal
    capability.enable(numbers, context=Context.system(now))
    with Sender(Timeouts(total=2 * TIMEOUT)) as sender:
        in_flight = send_due_deliveries(sender, [], now)
        endpoints.remove(endpoint, context=Context.system(now))
        removed.set()
        results = [(sent, future.result()) for future, sent in in_flight.items()]
        record_results(results, now)
    assert {result.status_code for _, result in results} == {200}
    assert not WebhookDelivery.objects.exists()
    assert not WebhookAttempt.objects.exists()
