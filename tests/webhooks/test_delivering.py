"""Delivery to a real receiver: whatever it does, it gets every event once it is back, in order and verifiable."""

import itertools
import socket
import time
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from portal.audit import SYSTEM
from portal.models import AuditEvent, Member, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookMessage
from portal.webhooks import delivery as webhook_delivery
from portal.webhooks import endpoints, http, mails
from reputation.monitoring import capability
from tests.factories import AccountFactory, MemberFactory, PhoneNumberFactory, WebhookEndpointFactory
from tests.webhooks.receiver import Receiver, receiving, status

pytestmark = pytest.mark.django_db

STEPS = ("verifying", "on", "off")


@pytest.fixture
def receiver():
    with receiving() as one:
        yield one


@pytest.fixture
def endpoint(account, receiver):
    return WebhookEndpointFactory(account=account, url=receiver.url)


@pytest.fixture
def numbers(account, vendor):
    return [PhoneNumberFactory(account=account).pk for _ in range(3)]


def change(numbers, now):
    """Three events for each of the numbers."""
    capability.enable(numbers, actor=SYSTEM, now=now)
    capability.accept(numbers, actor=SYSTEM, now=now)
    capability.disable(numbers, actor=SYSTEM, now=now)


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
    return all(tuple(after for pk, after in took if pk == number) == STEPS for number in numbers)


def states() -> set[str]:
    return set(WebhookDelivery.objects.values_list("state", flat=True))


# All is well


def test_every_event_arrives_once_in_order_per_number_and_is_verified(endpoint, receiver, numbers, now):
    change(numbers, now)
    assert deliver(now) == 9
    assert len(receiver.got) == 9
    assert in_order(receiver.took(), numbers)
    assert all(got.is_signed_by(endpoint.secret) for got in receiver.got)
    assert states() == {"delivered"}
    assert deliver(now) == 0


def test_what_is_sent_is_what_was_written_byte_for_byte(endpoint, receiver, numbers, now):
    change(numbers[:1], now)
    deliver(now)
    sent = {got.event_id: got.body.decode() for got in receiver.got}
    assert sent == {message.event_id: message.payload for message in WebhookMessage.objects.all()}
    assert receiver.got[0].headers["content-type"] == "application/json"
    assert receiver.got[0].path == "/hook"


def test_each_attempt_is_noted_with_what_was_answered(endpoint, receiver, numbers, now):
    receiver.answer = status(202, b"thank you\x00\xff")
    capability.enable(numbers[:1], actor=SYSTEM, now=now)
    deliver(now)
    attempt = WebhookAttempt.objects.get()
    assert (attempt.status, attempt.said, attempt.answer) == (202, "Answered 202 Accepted.", "thank you\ufffd\ufffd")
    delivery = WebhookDelivery.objects.get()
    assert (delivery.attempts, delivery.last_said, delivery.next_action_at) == (1, attempt.said, None)
    endpoint.refresh_from_db()
    assert (endpoint.last_sent_at, endpoint.last_said) == (now, attempt.said)


def test_two_endpoints_each_get_everything(endpoint, account, receiver, numbers, now):
    with receiving() as second:
        WebhookEndpointFactory(account=account, url=second.url)
        change(numbers, now)
        deliver(now)
        assert in_order(receiver.took(), numbers)
        assert in_order(second.took(), numbers)


# A receiver that is not well


def failing_first(times, answer):
    counter = itertools.count()
    return lambda handler, got: answer(handler, got) if next(counter) < times else status(200)(handler, got)


def drop(handler, got):
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def odd(handler, got):
    handler.wfile.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(500), "Answered 500 Internal Server Error."),
        (status(404), "Answered 404 Not Found."),
        (status(599), "Answered 599."),
        (drop, "The connection broke off before an answer"),
        (odd, "The connection broke off before an answer"),
    ],
    ids=["500", "404", "599", "drops", "no HTTP"],
)
def test_a_receiver_that_fails_gets_every_event_once_it_is_back(endpoint, receiver, numbers, now, answer, said):
    receiver.answer = failing_first(4, answer)
    change(numbers, now)
    deliver(now)
    assert WebhookAttempt.objects.filter(said__startswith=said).exists()
    deliver_until_done(now)
    assert in_order(receiver.took(), numbers)
    assert all(got.is_signed_by(endpoint.secret) for got in receiver.got)
    bodies = {(got.event_id, got.body) for got in receiver.got}
    assert len(bodies) == 9, "each delivery of a message has the same id and the same bytes"


def test_a_redirect_is_not_followed_and_is_said_clearly(endpoint, receiver, numbers, now):
    with receiving() as inner:
        receiver.answer = failing_first(3, status(307, location=inner.url))
        change(numbers, now)
        deliver(now)
        said = WebhookAttempt.objects.first().said
        assert said == f"Answered 307 and pointed to {inner.url}. Redirects are not followed: write the final address."
        deliver_until_done(now)
        assert in_order(receiver.took(), numbers)
        assert inner.got == []


def test_a_receiver_that_is_dead_for_an_hour_gets_everything_when_it_is_back(account, numbers, now):
    with receiving() as once:
        port = once.port
    endpoint = WebhookEndpointFactory(account=account, url=once.url)
    capability.enable(numbers, actor=SYSTEM, now=now)
    deliver(now)
    capability.accept(numbers, actor=SYSTEM, now=now + timedelta(minutes=20))
    for minutes in range(0, 60, 2):
        deliver(now + timedelta(minutes=minutes))
    assert states() == {"pending"}
    assert WebhookAttempt.objects.first().said.startswith("No connection")
    capability.disable(numbers, actor=SYSTEM, now=now + timedelta(minutes=59))
    with receiving(Receiver(port=port)) as back:
        deliver_until_done(now + timedelta(hours=1))
        assert in_order(back.took(), numbers)
        assert all(got.is_signed_by(endpoint.secret) for got in back.got)
        assert len(back.got) == 9


def test_one_that_is_down_is_asked_a_few_times_and_not_once_for_each_message(endpoint, receiver, account, vendor, now):
    receiver.answer = status(503)
    capability.enable([PhoneNumberFactory(account=account).pk for _ in range(100)], actor=SYSTEM, now=now)
    for minutes in range(0, 24 * 60, 10):
        deliver(now + timedelta(minutes=minutes))
    assert len(receiver.got) < webhook_delivery.PER_ENDPOINT + 8
    receiver.answer = status(200)
    deliver_until_done(now + timedelta(days=1))
    assert len({got.event_id for got in receiver.taken}) == 100


def test_a_message_that_is_not_taken_holds_up_its_number_and_no_other(endpoint, receiver, numbers, now):
    poison = numbers[0]

    def picky(handler, got):
        code = 422 if got.message["data"]["number"]["id"] == poison else 200
        status(code)(handler, got)

    receiver.answer = picky
    change(numbers, now)
    deliver(now)
    deliver(now + timedelta(minutes=10))
    assert in_order(receiver.took(), numbers[1:])
    assert {(got.message["data"]["number"]["id"], got.message["data"]["after"]) for got in receiver.got} >= {
        (poison, "verifying")
    }
    assert not any(got.message["data"]["after"] == "on" for got in receiver.got if got not in receiver.taken)
    receiver.answer = status(200)
    deliver_until_done(now + timedelta(minutes=10))
    assert in_order(receiver.took(), numbers)


# One that takes its time


@pytest.fixture
def hasty(monkeypatch):
    """What is measured in seconds, shorter."""
    monkeypatch.setattr(http, "TOTAL_SECONDS", 0.6)
    monkeypatch.setattr(http, "ANSWER_SECONDS", 0.3)


def hang(receiver):
    return lambda handler, got: receiver.over.wait(20) and None


def drip_head(receiver):
    def answer(handler, got):
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"." * 10_000:
            handler.wfile.write(bytes([byte]))
            if receiver.over.wait(0.02):
                break
        handler.close_connection = True

    return answer


def endless_head(receiver):
    def answer(handler, got):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not receiver.over.is_set():
            handler.wfile.write(b"X-More: and more\r\n" * 100)

    return answer


@pytest.mark.parametrize("way", [hang, drip_head, endless_head])
def test_one_that_never_answers_is_cut_off_in_time_and_asked_again(endpoint, receiver, numbers, now, hasty, way):
    receiver.answer = failing_first(3, way(receiver))
    change(numbers, now)
    began = time.monotonic()
    deliver(now)
    assert time.monotonic() - began < 5
    assert "pending" in states()
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
    endpoint, receiver, numbers, now, hasty, way
):
    receiver.answer = way(receiver)
    began = time.monotonic()
    change(numbers, now)
    deliver(now)
    assert time.monotonic() - began < 10
    assert states() == {"delivered"}
    assert len(receiver.got) == 9
    assert all(len(attempt.answer) <= http.KEPT_OF_ANSWER for attempt in WebhookAttempt.objects.all())


def test_a_slow_receiver_holds_up_no_other(account, numbers, now, receiver, monkeypatch):
    monkeypatch.setattr(http, "TOTAL_SECONDS", 3)
    receiver.answer = hang(receiver)
    WebhookEndpointFactory(account=account, url=receiver.url)
    arrived = []
    with receiving() as quick:
        quick.answer = lambda handler, got: (arrived.append(time.monotonic()), status(200)(handler, got))
        WebhookEndpointFactory(account=account, url=quick.url)
        change(numbers, now)
        began = time.monotonic()
        deliver(now)
        assert in_order(quick.took(), numbers)
        assert arrived[-1] - began < 2.5


def test_at_most_so_many_at_once_go_to_one_endpoint(endpoint, receiver, account, vendor, now):
    at_once, most = [], []

    def counting(handler, got):
        at_once.append(got)
        most.append(len(at_once))
        time.sleep(0.03)
        at_once.remove(got)
        status(200)(handler, got)

    receiver.answer = counting
    capability.enable([PhoneNumberFactory(account=account).pk for _ in range(40)], actor=SYSTEM, now=now)
    deliver(now)
    assert len(receiver.taken) == 40
    assert 1 < max(most) <= webhook_delivery.PER_ENDPOINT


# Giving up


def test_the_waits_grow_and_end_within_three_days():
    assert list(webhook_delivery.WAITS) == sorted(webhook_delivery.WAITS)
    assert timedelta(days=2.5) < timedelta(seconds=sum(webhook_delivery.WAITS)) < timedelta(days=3)
    waits = [webhook_delivery.wait_after(attempts) for attempts in range(1, len(webhook_delivery.WAITS) + 1)]
    for seconds, wait in zip(webhook_delivery.WAITS, waits, strict=True):
        assert 0.9 * seconds <= wait.total_seconds() <= seconds
    assert webhook_delivery.wait_after(len(webhook_delivery.WAITS) + 1) is None


def test_waits_are_of_the_services_clock(settings):
    settings.DAY = timedelta(seconds=20)
    assert webhook_delivery.wait_after(1) < timedelta(milliseconds=2)


def test_after_three_days_it_is_paused_its_owners_told_and_nothing_lost(
    endpoint, receiver, numbers, owner, account, now
):
    MemberFactory(account=account, role=Member.Role.ADMIN)
    MemberFactory(account=AccountFactory(), role=Member.Role.OWNER)
    receiver.answer = status(500)
    change(numbers, now)
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
    receiver.answer = status(200)
    assert endpoints.resume(endpoint, actor=SYSTEM, now=later)
    deliver(later)
    assert in_order(receiver.took(), numbers)


def test_one_that_says_it_is_gone_is_paused_at_once(endpoint, receiver, numbers, now):
    receiver.answer = status(410)
    capability.enable(numbers, actor=SYSTEM, now=now)
    deliver(now)
    endpoint.refresh_from_db()
    assert endpoint.is_paused
    assert endpoint.paused_because == endpoints.GONE
    assert endpoint.mail_due_at == now


def test_a_success_in_between_begins_the_three_days_anew(endpoint, receiver, numbers, now):
    receiver.answer = failing_first(2, status(500))
    capability.enable(numbers[:1], actor=SYSTEM, now=now)
    deliver(now)
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since) == (1, now)
    deliver_until_done(now)
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since, endpoint.rests_until) == (0, None, None)


def test_once_it_is_back_what_was_waiting_longer_does_not_wait_on(endpoint, receiver, numbers, now):
    receiver.answer = status(500)
    capability.enable(numbers, actor=SYSTEM, now=now)
    for hours in range(24):
        deliver(now + timedelta(hours=hours))
    receiver.answer = status(200)
    rests_until = WebhookEndpoint.objects.get().rests_until
    deliver(rests_until)
    assert states() == {"delivered"}


# Secrets


def test_while_a_secret_is_replaced_both_verify_and_a_day_later_only_the_new_one(endpoint, receiver, numbers, now):
    former = endpoint.secret
    capability.enable(numbers[:1], actor=SYSTEM, now=now)
    endpoints.rotate(endpoint, shown=former, actor=SYSTEM, now=now)
    endpoint.refresh_from_db()
    assert endpoint.secret != former
    deliver(now)
    [got] = receiver.got
    assert got.is_signed_by(former)
    assert got.is_signed_by(endpoint.secret)
    capability.accept(numbers[:1], actor=SYSTEM, now=now)
    deliver(now + timedelta(days=1))
    got = receiver.got[-1]
    assert got.is_signed_by(endpoint.secret)
    from standardwebhooks import WebhookVerificationError

    with pytest.raises(WebhookVerificationError):
        got.is_signed_by(former)


def test_a_secret_that_was_replaced_meanwhile_is_not_replaced_again(endpoint, now):
    former = endpoint.secret
    endpoints.rotate(endpoint, shown=former, actor=SYSTEM, now=now)
    after = WebhookEndpoint.objects.values().get()
    with pytest.raises(endpoints.NotChanged, match="replaced meanwhile"):
        endpoints.rotate(endpoint, shown=former, actor=SYSTEM, now=now)
    assert WebhookEndpoint.objects.values().get() == after


# By hand


def test_a_test_event_goes_to_a_paused_endpoint_once_and_pauses_nothing(endpoint, receiver, numbers, now):
    endpoints.pause(endpoint, actor=SYSTEM, now=now)
    capability.enable(numbers, actor=SYSTEM, now=now)
    receiver.answer = status(500)
    delivery = endpoints.test(endpoint, actor=SYSTEM, now=now)
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
    capability.enable(numbers[:1], actor=SYSTEM, now=now)
    deliver(now)
    again = endpoints.send_again(WebhookDelivery.objects.get(), actor=actor, now=now)
    deliver(now)
    first, second = receiver.got
    assert (first.event_id, first.body) == (second.event_id, second.body)
    again.refresh_from_db()
    assert (again.state, again.asked_by, WebhookDelivery.objects.count()) == ("delivered", admin.user, 2)


def test_what_is_still_pending_is_tried_now_instead_of_twice(endpoint, receiver, numbers, now):
    receiver.answer = status(500)
    capability.enable(numbers[:1], actor=SYSTEM, now=now)
    deliver(now)
    receiver.answer = status(200)
    endpoints.send_again(WebhookDelivery.objects.select_related("endpoint").get(), actor=SYSTEM, now=now)
    deliver(now)
    assert WebhookDelivery.objects.get().state == "delivered"
    assert len(receiver.got) == 2


def test_an_endpoint_removed_while_it_is_being_sent_to_leaves_nothing_behind(endpoint, receiver, numbers, now):
    def removed(handler, got):
        time.sleep(0.2)
        status(200)(handler, got)

    receiver.answer = removed
    capability.enable(numbers, actor=SYSTEM, now=now)
    with webhook_delivery.Courier() as courier:
        flights = webhook_delivery._take_off([], now)
        futures = [(flight, courier.send(webhook_delivery._sending(flight, now))) for flight in flights]
        endpoints.remove(endpoint, actor=SYSTEM, now=now)
        webhook_delivery._note([(flight, future.result()) for flight, future in futures], now)
    assert not WebhookDelivery.objects.exists()
    assert not WebhookAttempt.objects.exists()


def test_a_first_failure_is_waited_for_where_it_may_soon_be_tried_again(endpoint, receiver, numbers, settings):
    settings.DAY = timedelta(seconds=86_400 / 50)  # 5 seconds last a tenth of one
    receiver.answer = failing_first(1, status(500))
    capability.enable(numbers[:1], actor=SYSTEM, now=timezone.now())
    assert webhook_delivery.deliver(clock=timezone.now) == 2
    assert states() == {"delivered"}
