"""Delivery to a real receiver: every event arrives, in order and verifiable, also after failures."""

import socket
import threading
from datetime import timedelta

import pytest

from portal.audit import Context
from portal.models import WebhookAttempt, WebhookDelivery, WebhookMessage
from portal.webhooks import delivery as webhook_delivery
from portal.webhooks.http import Timeouts
from reputation.monitoring import capability
from tests.factories import PhoneNumberFactory, WebhookEndpointFactory
from tests.portal.webhooks.helpers import (
    change_capability,
    deliver,
    deliver_until_done,
    delivery_states,
    fail_first,
    in_order,
)
from tests.portal.webhooks.receiver import Receiver, respond, run_receiver
from tests.support.waiting import TIMEOUT

pytestmark = pytest.mark.django_db


def test_every_event_arrives_once_in_order_for_each_number_with_a_valid_signature(endpoint, receiver, numbers, now):
    change_capability(numbers, now)
    assert deliver(now) == 9
    assert len(receiver.requests) == 9
    assert in_order(receiver.accepted_changes(), numbers)
    assert all(request.is_signed_by(endpoint.secret) for request in receiver.requests)
    assert delivery_states() == {"delivered"}
    assert deliver(now) == 0


def test_payload_is_sent_byte_for_byte_as_it_was_stored(endpoint, receiver, numbers, now):
    change_capability(numbers[:1], now)
    deliver(now)
    sent = {request.event_id: request.body.decode() for request in receiver.requests}
    assert sent == {message.event_id: message.payload for message in WebhookMessage.objects.all()}
    assert receiver.requests[0].headers["content-type"] == "application/json"
    assert receiver.requests[0].path == "/hook"


def test_each_attempt_is_stored_with_its_response(endpoint, receiver, numbers, now):
    receiver.answer = respond(202, b"thank you\x00\xff")
    capability.enable(numbers[:1], context=Context.system(now))
    deliver(now)
    attempt = WebhookAttempt.objects.get()
    assert (attempt.status_code, attempt.summary, attempt.response_body) == (
        202,
        "Answered 202 Accepted.",
        "thank you\ufffd\ufffd",
    )
    delivery = WebhookDelivery.objects.get()
    assert (delivery.attempts, delivery.last_summary, delivery.next_action_at) == (1, attempt.summary, None)
    endpoint.refresh_from_db()
    assert (endpoint.last_sent_at, endpoint.last_summary) == (now, attempt.summary)


def test_each_of_two_endpoints_gets_every_event(endpoint, account, receiver, numbers, now):
    with run_receiver() as second:
        WebhookEndpointFactory(account=account, url=second.url)
        change_capability(numbers, now)
        deliver(now)
        assert in_order(receiver.accepted_changes(), numbers)
        assert in_order(second.accepted_changes(), numbers)


def drop_connection(handler, request):
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def send_non_http(handler, request):
    handler.wfile.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (respond(500), "Answered 500 Internal Server Error."),
        (respond(404), "Answered 404 Not Found."),
        (respond(599), "Answered 599."),
        (drop_connection, "The connection broke off before an answer"),
        (send_non_http, "The connection broke off before an answer"),
    ],
    ids=["500", "404", "599", "drops", "no HTTP"],
)
def test_receiver_that_failed_gets_every_event_after_it_recovers(endpoint, receiver, numbers, now, answer, said):
    receiver.answer = fail_first(4, answer)
    change_capability(numbers, now)
    deliver(now)
    assert WebhookAttempt.objects.filter(summary__startswith=said).exists()
    deliver_until_done(now)
    assert in_order(receiver.accepted_changes(), numbers)
    assert all(request.is_signed_by(endpoint.secret) for request in receiver.requests)
    bodies = {(request.event_id, request.body) for request in receiver.requests}
    assert len(bodies) == 9, "each delivery of a message has the same id and the same bytes"


def test_redirect_is_not_followed_and_the_attempt_says_so(endpoint, receiver, numbers, now):
    with run_receiver() as inner:
        receiver.answer = fail_first(3, respond(307, location=inner.url))
        change_capability(numbers, now)
        deliver(now)
        said = WebhookAttempt.objects.first().summary
        assert said == f"Answered 307 and pointed to {inner.url}. Redirects are not followed: write the final address."
        deliver_until_done(now)
        assert in_order(receiver.accepted_changes(), numbers)
        assert inner.requests == []


def test_receiver_that_was_down_for_an_hour_gets_every_event_afterwards(account, numbers, now):
    with run_receiver() as once:
        port = once.port
    endpoint = WebhookEndpointFactory(account=account, url=once.url)
    capability.enable(numbers, context=Context.system(now))
    deliver(now)
    capability.accept(numbers, context=Context.system(now + timedelta(minutes=20)))
    for minutes in range(0, 60, 2):
        deliver(now + timedelta(minutes=minutes))
    assert delivery_states() == {"pending"}
    assert WebhookAttempt.objects.first().summary.startswith("No connection")
    capability.disable(numbers, context=Context.system(now + timedelta(minutes=59)))
    with run_receiver(Receiver(port=port)) as back:
        deliver_until_done(now + timedelta(hours=1))
        assert in_order(back.accepted_changes(), numbers)
        assert all(request.is_signed_by(endpoint.secret) for request in back.requests)
        assert len(back.requests) == 9


def test_endpoint_that_is_down_is_not_tried_for_each_message(endpoint, receiver, account, provider, now):
    receiver.answer = respond(503)
    capability.enable([PhoneNumberFactory(account=account).pk for _ in range(100)], context=Context.system(now))
    for minutes in range(0, 24 * 60, 10):
        deliver(now + timedelta(minutes=minutes))
    assert len(receiver.requests) < webhook_delivery.MAX_IN_FLIGHT_PER_ENDPOINT + 8
    receiver.answer = respond(200)
    deliver_until_done(now + timedelta(days=1))
    assert len({request.event_id for request in receiver.accepted}) == 100


def test_refused_message_delays_only_later_messages_of_its_number(endpoint, receiver, numbers, now):
    poison = numbers[0]

    def picky(handler, request):
        code = 422 if request.payload["data"]["number"]["id"] == poison else 200
        respond(code)(handler, request)

    receiver.answer = picky
    change_capability(numbers, now)
    deliver(now)
    deliver(now + timedelta(minutes=10))
    assert in_order(receiver.accepted_changes(), numbers[1:])
    assert {
        (request.payload["data"]["number"]["id"], request.payload["data"]["after"]) for request in receiver.requests
    } >= {(poison, "verifying")}
    assert not any(
        request.payload["data"]["after"] == "on" for request in receiver.requests if request not in receiver.accepted
    )
    receiver.answer = respond(200)
    deliver_until_done(now + timedelta(minutes=10))
    assert in_order(receiver.accepted_changes(), numbers)


def test_concurrent_requests_to_one_endpoint_are_limited(endpoint, receiver, account, provider, now):
    limit, lock = webhook_delivery.MAX_IN_FLIGHT_PER_ENDPOINT, threading.Lock()
    running, most, limit_reached = 0, 0, threading.Event()

    def hold_until_limit(handler, request):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == limit:
                limit_reached.set()
        limit_reached.wait(TIMEOUT)
        with lock:
            running -= 1
        respond(200)(handler, request)

    receiver.answer = hold_until_limit
    capability.enable([PhoneNumberFactory(account=account).pk for _ in range(40)], context=Context.system(now))
    webhook_delivery.deliver(clock=lambda: now, timeouts=Timeouts(total=2 * TIMEOUT))
    assert len(receiver.accepted) == 40
    assert limit_reached.is_set()
    assert most == limit
