"""Requests to receivers: time limits, connections to checked addresses only, TLS for the name, no proxy, no cookies."""

import itertools
import socket
import ssl
import subprocess
import threading

import pytest

from portal.audit import Context
from portal.models import WebhookAttempt, WebhookDelivery
from portal.webhooks import addresses, endpoints, http
from portal.webhooks import delivery as webhook_delivery
from portal.webhooks.http import Timeouts
from tests.factories import WebhookEndpointFactory
from tests.portal.webhooks.helpers import (
    change_capability,
    deliver,
    deliver_until_done,
    delivery_states,
    fail_first,
    in_order,
)
from tests.portal.webhooks.receiver import respond, run_receiver
from tests.support.waiting import TIMEOUT

pytestmark = pytest.mark.django_db


@pytest.fixture
def public_addresses_only(settings):
    settings.WEBHOOK_PRIVATE_ADDRESSES = False


# Slow receivers. Each runs until the end of the test, at most until TIMEOUT.


def hang(receiver):
    return lambda handler, request: receiver.closing.wait(TIMEOUT) and None


def drip_headers(receiver):
    def answer(handler, request):
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"." * 10_000:
            handler.wfile.write(bytes([byte]))
            if receiver.closing.wait(0.02):
                break
        handler.close_connection = True

    return answer


def endless_headers(receiver):
    def answer(handler, request):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not receiver.closing.is_set():
            handler.wfile.write(b"X-More: and more\r\n" * 100)

    return answer


@pytest.mark.parametrize("way", [hang, drip_headers, endless_headers])
def test_request_without_a_response_times_out_and_is_sent_again(endpoint, receiver, numbers, now, way):
    receiver.answer = fail_first(3, way(receiver))
    change_capability(numbers, now)
    webhook_delivery.deliver(clock=lambda: now, wait_for_retry_seconds=0, timeouts=Timeouts(total=0.5))
    summaries = set(WebhookAttempt.objects.values_list("summary", flat=True))
    if way is endless_headers:  # the client may refuse so many headers before the timeout
        assert len(summaries) >= 1
    else:
        assert summaries == {"No answer within 0.5 seconds."}
    assert delivery_states() == {"pending"}
    deliver_until_done(now)
    assert in_order(receiver.accepted_changes(), numbers)


# Fewer bytes than are stored of a body, so that the test notices a body that was read to its end.
DRIPPED_BYTES = http.STORED_BODY_CHARS - 1


def drip_body(receiver):
    def answer(handler, request):
        handler.send_response(200)
        handler.send_header("Content-Length", str(DRIPPED_BYTES))
        handler.end_headers()
        while not receiver.closing.wait(0.02):
            handler.wfile.write(b".")

    return answer


def endless_body(receiver):
    def answer(handler, request):
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        while not receiver.closing.is_set():
            handler.wfile.write(b"and more " * 1000)

    return answer


@pytest.mark.parametrize("way", [drip_body, endless_body])
def test_slow_or_endless_body_is_not_read_to_its_end(endpoint, receiver, numbers, now, way):
    receiver.answer = way(receiver)
    change_capability(numbers, now)
    webhook_delivery.deliver(clock=lambda: now, timeouts=Timeouts(body=0.2))
    assert delivery_states() == {"delivered"}
    assert len(receiver.requests) == 9
    bodies = WebhookAttempt.objects.values_list("response_body", flat=True)
    assert all(
        len(body) < DRIPPED_BYTES if way is drip_body else len(body) == http.STORED_BODY_CHARS for body in bodies
    )


def test_slow_receiver_does_not_delay_others(endpoint, account, numbers, now, receiver):
    others_served = threading.Event()

    def answer_slowly(handler, request):
        respond(200 if others_served.wait(TIMEOUT) else 500)(handler, request)

    def count_requests(handler, request):
        respond(200)(handler, request)
        if next(served) == 9:
            others_served.set()

    receiver.answer, served = answer_slowly, itertools.count(1)
    with run_receiver() as quick:
        quick.answer = count_requests
        WebhookEndpointFactory(account=account, url=quick.url)
        change_capability(numbers, now)
        webhook_delivery.deliver(clock=lambda: now, wait_for_retry_seconds=0, timeouts=Timeouts(total=2 * TIMEOUT))
        assert in_order(quick.accepted_changes(), numbers)
    assert others_served.is_set()
    assert not WebhookDelivery.objects.exclude(state="delivered").exists()


# Connections


def resolve_to(monkeypatch, *found):
    """Make DNS resolve receiver.test to these addresses in turn, and then always to the last one."""
    left = list(found)
    real = socket.getaddrinfo

    def getaddrinfo(host, port, **options):
        if host != "receiver.test":
            return real(host, port, **options)
        return real((left.pop(0) if len(left) > 1 else left[0]), port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_host_that_now_resolves_to_a_private_address_is_not_connected_to(
    account, now, public_addresses_only, monkeypatch
):
    with run_receiver() as inner:
        url = f"http://receiver.test:{inner.port}/"
        resolve_to(monkeypatch, "93.184.216.34", "127.0.0.1")
        addresses.validate_url(url)
        endpoint = WebhookEndpointFactory(account=account, url=url)
        endpoints.send_test_event(endpoint, context=Context.system(now))
        deliver(now)
        assert "No server that can be reached from the internet" in WebhookAttempt.objects.get().summary
        assert inner.requests == []


def test_connection_uses_the_checked_address_without_resolving_again(account, now, settings, monkeypatch):
    resolved = []
    real = addresses.resolve

    def resolve(url):
        resolved.append(url.host)
        return real(url)

    monkeypatch.setattr(addresses, "resolve", resolve)
    with run_receiver() as receiver:
        resolve_to(monkeypatch, "127.0.0.1", "192.0.2.1")
        endpoint = WebhookEndpointFactory(account=account, url=f"http://receiver.test:{receiver.port}/hook")
        endpoints.send_test_event(endpoint, context=Context.system(now))
        deliver(now)
        assert resolved == ["receiver.test"]
        assert receiver.requests[0].headers["host"] == f"receiver.test:{receiver.port}"


def test_proxy_of_the_environment_is_not_used(account, now, monkeypatch):
    with run_receiver() as receiver, run_receiver() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        endpoint = WebhookEndpointFactory(account=account, url=receiver.url)
        endpoints.send_test_event(endpoint, context=Context.system(now))
        deliver(now)
        assert len(receiver.accepted) == 1
        assert proxy.requests == []


def test_cookies_are_not_stored(account, now):
    with run_receiver() as receiver:
        receiver.answer = respond(200, **{"Set-Cookie": "who=1; Path=/"})
        endpoint = WebhookEndpointFactory(account=account, url=receiver.url)
        for _ in range(3):
            endpoints.send_test_event(endpoint, context=Context.system(now))
            deliver(now)
        assert [request.headers.get("cookie") for request in receiver.requests] == [None, None, None]


# TLS


@pytest.fixture
def tls_context(tmp_path, monkeypatch):
    """The server side of TLS, with a certificate for receiver.test that the portal trusts."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=receiver.test",
         "-addext", "subjectAltName=DNS:receiver.test", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.parametrize(("name", "arrives"), [("receiver.test", True), ("127.0.0.1", False)])
def test_certificate_must_match_the_host_name(account, now, monkeypatch, tls_context, name, arrives):
    resolve_to(monkeypatch, "127.0.0.1")
    with run_receiver(tls=tls_context) as receiver:
        endpoint = WebhookEndpointFactory(account=account, url=f"https://{name}:{receiver.port}/hook")
        endpoints.send_test_event(endpoint, context=Context.system(now))
        deliver(now)
        assert len(receiver.requests) == arrives
        summary = WebhookAttempt.objects.get().summary
        assert summary == "Answered 200 OK." if arrives else "certificate" in summary.lower()
