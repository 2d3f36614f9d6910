"""Delivery to a real receiver: whatever it does, it gets every event once it is back, in order and verifiable."""

import itertools
import socket
import time
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from portal.audit import Context
from portal.models import AuditEvent, Member, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookMessage
from portal.webhooks import delivery as webhook_delivery
from portal.webhooks import endpoints, http, mails
from reputation.monitoring import capability
from tests.factories import AccountFactory, MemberFactory, PhoneNumberFactory, WebhookEndpointFactory
from tests.portal.webhooks.receiver import Receiver, respond, run_receiver

pytestmark = pytest.mark.django_db

CAPABILITY_STEPS = ("verifying", "on", "off")


@pytest.fixture
def receiver():
    with run_receiver() as one:
        yield one


@pytest.fixture
def endpoint(account, receiver):
    return WebhookEndpointFactory(account=account, url=receiver.url)


@pytest.fixture
def numbers(account, provider):
    return [PhoneNumberFactory(account=account).pk for _ in range(3)]


def change_capability(numbers, now):
    """Three events for each of the numbers."""
    capability.enable(numbers, context=Context.system(now))
    capability.accept(numbers, context=Context.system(now))
    capability.disable(numbers, context=Context.system(now))


def deliver(at) -> int:
    return webhook_delivery.deliver(clock=lambda: at, linger_seconds=0)


def deliver_until_done(now, *, most=40) -> None:
    """Again and again, each time when the next one is due, as the schedule would."""
    for _ in range(most):
        deliver(now)
        pending = WebhookDelivery.objects.pending()
        if not pending.exists():
            return
        rests = WebhookEndpoint.objects.order_by("-rests_until").values_list("rests_until", flat=True).first()
        now = max(filter(None, (pending.order_by("-next_action_at").first().next_action_at, rests))) + timedelta(
            seconds=1
        )
    pytest.fail("It never came to an end.")


def in_order(took, numbers) -> bool:
    return all(tuple(after for pk, after in took if pk == number) == CAPABILITY_STEPS for number in numbers)


def delivery_states() -> set[str]:
    return set(WebhookDelivery.objects.values_list("state", flat=True))


# All is well


def test_every_event_arrives_once_in_order_per_number_and_is_verified(endpoint, receiver, numbers, now):
    change_capability(numbers, now)
    assert deliver(now) == 9
    assert len(receiver.got) == 9
    assert in_order(receiver.took(), numbers)
    assert all(got.is_signed_by(endpoint.secret) for got in receiver.got)
    assert delivery_states() == {"delivered"}
    assert deliver(now) == 0


def test_what_is_sent_is_what_was_written_byte_for_byte(endpoint, receiver, numbers, now):
    change_capability(numbers[:1], now)
    deliver(now)
    sent = {got.event_id: got.body.decode() for got in receiver.got}
    assert sent == {message.event_id: message.payload for message in WebhookMessage.objects.all()}
    assert receiver.got[0].headers["content-type"] == "application/json"
    assert receiver.got[0].path == "/hook"


def test_each_attempt_is_noted_with_what_was_answered(endpoint, receiver, numbers, now):
    receiver.answer = respond(202, b"thank you\x00\xff")
    capability.enable(numbers[:1], context=Context.system(now))
    deliver(now)
    attempt = WebhookAttempt.objects.get()
    assert (attempt.status, attempt.said, attempt.answer) == (202, "Answered 202 Accepted.", "thank you\ufffd\ufffd")
    delivery = WebhookDelivery.objects.get()
    assert (delivery.attempts, delivery.last_said, delivery.next_action_at) == (1, attempt.said, None)
    endpoint.refresh_from_db()
    assert (endpoint.last_sent_at, endpoint.last_said) == (now, attempt.said)


def test_two_endpoints_each_get_everything(endpoint, account, receiver, numbers, now):
    with run_receiver() as second:
        WebhookEndpointFactory(account=account, url=second.url)
        change_capability(numbers, now)
        deliver(now)
        assert in_order(receiver.took(), numbers)
        assert in_order(second.took(), numbers)


# A receiver that is not well


def fail_first(times, answer):
    counter = itertools.count()
    return lambda handler, got: answer(handler, got) if next(counter) < times else respond(200)(handler, got)


def drop_connection(handler, got):
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def send_non_http(handler, got):
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
def test_a_receiver_that_fails_gets_every_event_once_it_is_back(endpoint, receiver, numbers, now, answer, said):
    receiver.answer = fail_first(4, answer)
    change_capability(numbers, now)
    deliver(now)
    assert WebhookAttempt.objects.filter(said__startswith=said).exists()
    deliver_until_done(now)
    assert in_order(receiver.took(), numbers)
    assert all(got.is_signed_by(endpoint.secret) for got in receiver.got)
    bodies = {(got.event_id, got.body) for got in receiver.got}
    assert len(bodies) == 9, "each delivery of a message has the same id and the same bytes"


def test_a_redirect_is_not_followed_and_is_said_clearly(endpoint, receiver, numbers, now):
    with run_receiver() as inner:
        receiver.answer = fail_first(3, respond(307, location=inner.url))
        change_capability(numbers, now)
        deliver(now)
        said = WebhookAttempt.objects.first().said
        assert said == f"Answered 307 and pointed to {inner.url}. Redirects are not followed: write the final address."
        deliver_until_done(now)
        assert in_order(receiver.took(), numbers)
        assert inner.got == []


def test_a_receiver_that_is_dead_for_an_hour_gets_everything_when_it_is_back(account, numbers, now):
    with run_receiver() as once:
        port = once.port
    endpoint = WebhookEndpointFactory(account=account, url=once.url)
    capability.enable(numbers, context=Context.system(now))
    deliver(now)
    capability.accept(numbers, context=Context.system(now + timedelta(minutes=20)))
    for minutes in range(0, 60, 2):
        deliver(now + timedelta(minutes=minutes))
    assert delivery_states() == {"pending"}
    assert WebhookAttempt.objects.first().said.startswith("No connection")
    capability.disable(numbers, context=Context.system(now + timedelta(minutes=59)))
    with run_receiver(Receiver(port=port)) as back:
        deliver_until_done(now + timedelta(hours=1))
        assert in_order(back.took(), numbers)
        assert all(got.is_signed_by(endpoint.secret) for got in back.got)
        assert len(back.got) == 9


def test_one_that_is_down_is_asked_a_few_times_and_not_once_for_each_message(
    endpoint, receiver, account, provider, now
):
    receiver.answer = respond(503)
    capability.enable([PhoneNumberFactory(account=account).pk for _ in range(100)], context=Context.system(now))
    for minutes in range(0, 24 * 60, 10):
        deliver(now + timedelta(minutes=minutes))
    assert len(receiver.got) < webhook_delivery.MAX_IN_FLIGHT_PER_ENDPOINT + 8
    receiver.answer = respond(200)
    deliver_until_done(now + timedelta(days=1))
    assert len({got.event_id for got in receiver.taken}) == 100


def test_a_message_that_is_not_taken_holds_up_its_number_and_no_other(endpoint, receiver, numbers, now):
    poison = numbers[0]

    def picky(handler, got):
        code = 422 if got.message["data"]["number"]["id"] == poison else 200
        respond(code)(handler, got)

    receiver.answer = picky
    change_capability(numbers, now)
    deliver(now)
    deliver(now + timedelta(minutes=10))
    assert in_order(receiver.took(), numbers[1:])
    assert {(got.message["data"]["number"]["id"], got.message["data"]["after"]) for got in receiver.got} >= {
        (poison, "verifying")
    }
    assert not any(got.message["data"]["after"] == "on" for got in receiver.got if got not in receiver.taken)
    receiver.answer = respond(200)
    deliver_until_done(now + timedelta(minutes=10))
    assert in_order(receiver.took(), numbers)


# One that takes its time


@pytest.fixture
def short_timeouts(monkeypatch):
    """What is measured in seconds, shorter."""
    monkeypatch.setattr(http, "TOTAL_SECONDS", 0.6)
    monkeypatch.setattr(http, "BODY_SECONDS", 0.3)


def hang(receiver):
    return lambda handler, got: receiver.over.wait(20) and None


def drip_headers(receiver):
    def answer(handler, got):
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"." * 10_000:
            handler.wfile.write(bytes([byte]))
            if receiver.over.wait(0.02):
                break
        handler.close_connection = True

    return answer


def endless_headers(receiver):
    def answer(handler, got):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not receiver.over.is_set():
            handler.wfile.write(b"X-More: and more\r\n" * 100)

    return answer


@pytest.mark.parametrize("way", [hang, drip_headers, endless_headers])
def test_one_that_never_answers_is_cut_off_in_time_and_asked_again(
    endpoint, receiver, numbers, now, short_timeouts, way
):
    receiver.answer = fail_first(3, way(receiver))
    change_capability(numbers, now)
    began = time.monotonic()
    deliver(now)
    assert time.monotonic() - began < 5
    assert "pending" in delivery_states()
    deliver_until_done(now)
    assert in_order(receiver.took(), numbers)


def drip_body(receiver):
    def answer(handler, got):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not receiver.over.wait(0.02):
            handler.wfile.write(b".")

    return answer


def endless_body(receiver):
    def answer(handler, got):
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        while not receiver.over.is_set():
            handler.wfile.write(b"and more " * 1000)

    return answer


@pytest.mark.parametrize("way", [drip_body, endless_body])
def test_an_answer_that_drips_or_never_ends_is_left_when_its_status_is_known(
    endpoint, receiver, numbers, now, short_timeouts, way
):
    receiver.answer = way(receiver)
    began = time.monotonic()
    change_capability(numbers, now)
    deliver(now)
    assert time.monotonic() - began < 10
    assert delivery_states() == {"delivered"}
    assert len(receiver.got) == 9
    assert all(len(attempt.answer) <= http.STORED_BODY_CHARS for attempt in WebhookAttempt.objects.all())


def test_a_slow_receiver_holds_up_no_other(account, numbers, now, receiver, monkeypatch):
    monkeypatch.setattr(http, "TOTAL_SECONDS", 3)
    receiver.answer = hang(receiver)
    WebhookEndpointFactory(account=account, url=receiver.url)
    arrived = []
    with run_receiver() as quick:
        quick.answer = lambda handler, got: (arrived.append(time.monotonic()), respond(200)(handler, got))
        WebhookEndpointFactory(account=account, url=quick.url)
        change_capability(numbers, now)
        began = time.monotonic()
        deliver(now)
        assert in_order(quick.took(), numbers)
        assert arrived[-1] - began < 2.5


def test_at_most_so_many_at_once_go_to_one_endpoint(endpoint, receiver, account, provider, now):
    at_once, most = [], []

    def counting(handler, got):
        at_once.append(got)
        most.append(len(at_once))
        time.sleep(0.03)
        at_once.remove(got)
        respond(200)(handler, got)

    receiver.answer = counting
    capability.enable([PhoneNumberFactory(account=account).pk for _ in range(40)], context=Context.system(now))
    deliver(now)
    assert len(receiver.taken) == 40
    assert 1 < max(most) <= webhook_delivery.MAX_IN_FLIGHT_PER_ENDPOINT


# Giving up


def test_the_waits_grow_and_end_within_three_days():
    assert list(webhook_delivery.RETRY_DELAYS) == sorted(webhook_delivery.RETRY_DELAYS)
    assert timedelta(days=2.5) < timedelta(seconds=sum(webhook_delivery.RETRY_DELAYS)) < timedelta(days=3)
    waits = [webhook_delivery.retry_delay(attempts) for attempts in range(1, len(webhook_delivery.RETRY_DELAYS) + 1)]
    for seconds, wait in zip(webhook_delivery.RETRY_DELAYS, waits, strict=True):
        assert 0.9 * seconds <= wait.total_seconds() <= seconds
    assert webhook_delivery.retry_delay(len(webhook_delivery.RETRY_DELAYS) + 1) is None


def test_waits_are_of_the_services_clock(settings):
    settings.SERVICE_DAY = timedelta(seconds=20)
    assert webhook_delivery.retry_delay(1) < timedelta(milliseconds=2)


def test_after_three_days_it_is_paused_its_owners_told_and_nothing_lost(
    endpoint, receiver, numbers, owner, account, now
):
    MemberFactory(account=account, role=Member.Role.ADMIN)
    MemberFactory(account=AccountFactory(), role=Member.Role.OWNER)
    receiver.answer = respond(500)
    change_capability(numbers, now)
    hours = 0
    while not WebhookEndpoint.objects.get().is_paused:
        deliver(now + timedelta(hours=hours))
        hours += 1
        assert hours < 24 * 4
    assert hours > 24 * 2
    endpoint.refresh_from_db()
    reason = "For three days it took nothing that was sent. The last attempt: Answered 500 Internal Server Error."
    assert endpoint.paused_because == reason
    assert AuditEvent.objects.get(what="webhook.paused").reason == reason
    later = now + timedelta(hours=hours)
    tried = len(receiver.got)
    assert deliver(later + timedelta(days=5)) == 0
    assert len(receiver.got) == tried
    mails.send_due(later)
    mails.send_due(later)
    [message] = mail.outbox
    assert message.to == [owner.user.email]
    assert endpoint.url in message.body
    assert reason in message.body
    assert "9 events wait now" in message.body
    assert f"/account/webhooks/{endpoint.pk}/" in message.body
    # What it missed goes out in order when it is resumed.
    receiver.answer = respond(200)
    assert endpoints.resume(endpoint, context=Context.system(later))
    deliver(later)
    assert in_order(receiver.took(), numbers)


def test_one_that_says_it_is_gone_is_paused_at_once(endpoint, receiver, numbers, now):
    receiver.answer = respond(410)
    capability.enable(numbers, context=Context.system(now))
    deliver(now)
    endpoint.refresh_from_db()
    assert endpoint.is_paused
    assert endpoint.paused_because == endpoints.RECEIVER_GONE
    assert endpoint.mail_due_at == now


def test_a_success_in_between_begins_the_three_days_anew(endpoint, receiver, numbers, now):
    receiver.answer = fail_first(2, respond(500))
    capability.enable(numbers[:1], context=Context.system(now))
    deliver(now)
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since) == (1, now)
    deliver_until_done(now)
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since, endpoint.rests_until) == (0, None, None)


def test_once_it_is_back_what_was_waiting_longer_does_not_wait_on(endpoint, receiver, numbers, now):
    receiver.answer = respond(500)
    capability.enable(numbers, context=Context.system(now))
    for hours in range(24):
        deliver(now + timedelta(hours=hours))
    receiver.answer = respond(200)
    rests_until = WebhookEndpoint.objects.get().rests_until
    deliver(rests_until)
    assert delivery_states() == {"delivered"}


# Secrets


def test_while_a_secret_is_replaced_both_verify_and_a_day_later_only_the_new_one(endpoint, receiver, numbers, now):
    former = endpoint.secret
    capability.enable(numbers[:1], context=Context.system(now))
    endpoints.rotate_secret(endpoint, shown=former, context=Context.system(now))
    endpoint.refresh_from_db()
    assert endpoint.secret != former
    deliver(now)
    [got] = receiver.got
    assert got.is_signed_by(former)
    assert got.is_signed_by(endpoint.secret)
    capability.accept(numbers[:1], context=Context.system(now))
    deliver(now + timedelta(days=1))
    got = receiver.got[-1]
    assert got.is_signed_by(endpoint.secret)
    from standardwebhooks import WebhookVerificationError

    with pytest.raises(WebhookVerificationError):
        got.is_signed_by(former)


def test_a_secret_that_was_replaced_meanwhile_is_not_replaced_again(endpoint, now):
    former = endpoint.secret
    endpoints.rotate_secret(endpoint, shown=former, context=Context.system(now))
    after = WebhookEndpoint.objects.values().get()
    with pytest.raises(endpoints.NotChanged, match="replaced meanwhile"):
        endpoints.rotate_secret(endpoint, shown=former, context=Context.system(now))
    assert WebhookEndpoint.objects.values().get() == after


# By hand


def test_a_test_event_goes_to_a_paused_endpoint_once_and_pauses_nothing(endpoint, receiver, numbers, now):
    endpoints.pause(endpoint, context=Context.system(now))
    capability.enable(numbers, context=Context.system(now))
    receiver.answer = respond(500)
    delivery = endpoints.send_test_event(endpoint, context=Context.system(now))
    deliver(now)
    deliver(now + timedelta(hours=1))
    [got] = receiver.got
    assert got.is_signed_by(endpoint.secret)
    assert got.message["type"] == "webhook.test"
    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_said) == ("failed", "Answered 500 Internal Server Error.")
    endpoint.refresh_from_db()
    assert endpoint.failures == 0


def test_sent_again_it_is_the_same_message_in_a_delivery_of_its_own(endpoint, receiver, numbers, admin, actor, now):
    capability.enable(numbers[:1], context=Context.system(now))
    deliver(now)
    again = endpoints.redeliver(WebhookDelivery.objects.get(), context=Context(actor, now))
    deliver(now)
    first, second = receiver.got
    assert (first.event_id, first.body) == (second.event_id, second.body)
    again.refresh_from_db()
    assert (again.state, again.asked_by, WebhookDelivery.objects.count()) == ("delivered", admin.user, 2)


def test_what_is_still_pending_is_tried_now_instead_of_twice(endpoint, receiver, numbers, now):
    receiver.answer = respond(500)
    capability.enable(numbers[:1], context=Context.system(now))
    deliver(now)
    receiver.answer = respond(200)
    endpoints.redeliver(WebhookDelivery.objects.select_related("endpoint").get(), context=Context.system(now))
    deliver(now)
    assert WebhookDelivery.objects.get().state == "delivered"
    assert len(receiver.got) == 2


def test_an_endpoint_removed_while_it_is_being_sent_to_leaves_nothing_behind(endpoint, receiver, numbers, now):
    def removed(handler, got):
        time.sleep(0.2)
        respond(200)(handler, got)

    receiver.answer = removed
    capability.enable(numbers, context=Context.system(now))
    with webhook_delivery.Sender() as courier:
        flights = webhook_delivery._claim_due([], now)
        futures = [(flight, courier.send(webhook_delivery._build_request(flight, now))) for flight in flights]
        endpoints.remove(endpoint, context=Context.system(now))
        webhook_delivery._record_results([(flight, future.result()) for flight, future in futures], now)
    assert not WebhookDelivery.objects.exists()
    assert not WebhookAttempt.objects.exists()


def test_a_first_failure_is_waited_for_where_it_may_soon_be_tried_again(endpoint, receiver, numbers, settings):
    settings.SERVICE_DAY = timedelta(seconds=86_400 / 50)  # 5 seconds last a tenth of one
    receiver.answer = fail_first(1, respond(500))
    capability.enable(numbers[:1], context=Context.system(timezone.now()))
    assert webhook_delivery.deliver(clock=timezone.now) == 2
    assert delivery_states() == {"delivered"}
