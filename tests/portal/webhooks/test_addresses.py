"""Where webhooks may go: the public internet only, checked when one is saved and again for every connection."""

import socket
import ssl
import subprocess

import pytest

from portal.audit import Context
from portal.models import WebhookAttempt
from portal.webhooks import addresses, endpoints
from portal.webhooks import delivery as webhook_delivery
from portal.webhooks.addresses import NotAllowed
from tests.factories import WebhookEndpointFactory
from tests.portal.webhooks.receiver import run_receiver

PUBLIC = """
8.8.8.8 1.1.1.1 93.184.216.34 172.15.255.255 172.32.0.1 192.167.255.255 100.63.255.255 100.128.0.1 223.255.255.254
2606:4700:4700::1111 2001:4860:4860::8888 2a00:1450:4001:82a::200e ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1
""".split()  # noqa: SIM905
NOT_PUBLIC = """
127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 169.254.169.254 100.64.0.1
100.127.255.255 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
255.255.255.255 :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1
64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b:1::808:808 2002:7f00:1::1 2002:a00:1::1 2001::1 2001:0:808:808::1 2001:db8::1
3fff::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1 100::1 4000::1
""".split()  # noqa: SIM905


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_public_internet_are_public(address):
    assert addresses.is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_other_address_is_however_it_is_written(address):
    assert not addresses.is_public(address)


@pytest.fixture
def public_addresses_only(settings):
    settings.WEBHOOK_PRIVATE_ADDRESSES = False


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "must begin with"),
        ("example.com/hook", "must begin with"),
        ("ftp://example.com/", "must begin with"),
        ("file:///etc/passwd", "must begin with"),
        ("javascript:alert(1)", "must begin with"),
        ("https://", "must begin with"),
        ("https:///hook", "must begin with"),
        ("https://name:word@example.com/", "name or password"),
        ("https://name@example.com/", "name or password"),
        ("https://example.com/#part", "follows the #"),
        ("https://exa mple.com/", "name or port"),
        ("https://[::1/", "not an address"),
        ("https://example.com:99999/", "name or port"),
        ("https://example.com:0/", "name or port"),
        ("https://[fe80::1%25eth0]/", "name or port|not an address"),
        ("https://example.com:port/", "not an address"),
        ("https://\x00example.com/", "not an address"),
        ("https://no-such-name.invalid/", "No server is known"),
        (f"https://{'a' * 70}.example/", "No server is known"),
    ],
)
def test_what_cannot_be_sent_to_is_refused_with_the_reason(url, said, public_addresses_only):
    with pytest.raises(NotAllowed, match=said):
        addresses.validate_url(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "[::1]",
        "10.0.0.1",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "①②⑦.⓪.⓪.①",
    ],
)
def test_every_way_to_write_an_address_at_home_is_refused(host, public_addresses_only):
    with pytest.raises(NotAllowed):
        addresses.validate_url(f"http://{host}:8000/")


def test_a_public_address_is_taken_with_any_port(public_addresses_only):
    for url in ("https://8.8.8.8/hook", "http://1.1.1.1:8080/a?b=c", "https://[2606:4700:4700::1111]:8443/"):
        addresses.validate_url(url)


def test_where_others_are_allowed_they_are_taken(settings):
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    addresses.validate_url("http://127.0.0.1:8000/")


def resolve_to(monkeypatch, *found):
    """DNS that answers these, one after the other; the last from then on."""
    left = list(found)
    real = socket.getaddrinfo

    def getaddrinfo(host, port, **options):
        if host != "receiver.test":
            return real(host, port, **options)
        return real((left.pop(0) if len(left) > 1 else left[0]), port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.django_db
def test_a_name_that_led_elsewhere_when_it_was_saved_is_not_connected_to(
    account, now, public_addresses_only, monkeypatch
):
    with run_receiver() as inner:
        url = f"http://receiver.test:{inner.port}/"
        resolve_to(monkeypatch, "93.184.216.34", "127.0.0.1")
        addresses.validate_url(url)
        endpoint = WebhookEndpointFactory(account=account, url=url)
        endpoints.send_test_event(endpoint, context=Context.system(now))
        webhook_delivery.deliver(clock=lambda: now)
        assert "leads to an address that is not public" in WebhookAttempt.objects.get().said
        assert inner.got == []


@pytest.mark.django_db
def test_the_connection_goes_to_the_address_that_was_checked_with_no_second_look_up(
    account, now, settings, monkeypatch
):
    asked = []
    real = addresses.resolve
    monkeypatch.setattr(addresses, "resolve", lambda url: asked.append(url.host) or real(url))
    with run_receiver() as receiver:
        resolve_to(monkeypatch, "127.0.0.1", "192.0.2.1")
        endpoint = WebhookEndpointFactory(account=account, url=f"http://receiver.test:{receiver.port}/hook")
        endpoints.send_test_event(endpoint, context=Context.system(now))
        webhook_delivery.deliver(clock=lambda: now)
        assert asked == ["receiver.test"]
        assert receiver.got[0].headers["host"] == f"receiver.test:{receiver.port}"


@pytest.mark.django_db
def test_no_proxy_of_the_environment_is_asked(account, now, monkeypatch):
    with run_receiver() as receiver, run_receiver() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        endpoint = WebhookEndpointFactory(account=account, url=receiver.url)
        endpoints.send_test_event(endpoint, context=Context.system(now))
        webhook_delivery.deliver(clock=lambda: now)
        assert len(receiver.taken) == 1
        assert proxy.got == []


@pytest.mark.django_db
def test_a_cookie_is_not_kept(account, now):
    from tests.portal.webhooks.receiver import respond

    with run_receiver() as receiver:
        receiver.answer = respond(200, **{"Set-Cookie": "who=1; Path=/"})
        endpoint = WebhookEndpointFactory(account=account, url=receiver.url)
        for _ in range(3):
            endpoints.send_test_event(endpoint, context=Context.system(now))
            webhook_delivery.deliver(clock=lambda: now)
        assert [got.headers.get("cookie") for got in receiver.got] == [None, None, None]


# TLS


@pytest.fixture
def tls_context(tmp_path, monkeypatch):
    """A server's side of TLS with a certificate for receiver.test, which this machine trusts."""
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


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "arrives"), [("receiver.test", True), ("127.0.0.1", False)])
def test_the_certificate_must_be_the_names_though_the_address_is_connected_to(
    account, now, monkeypatch, tls_context, name, arrives
):
    resolve_to(monkeypatch, "127.0.0.1")
    with run_receiver(tls=tls_context) as receiver:
        endpoint = WebhookEndpointFactory(account=account, url=f"https://{name}:{receiver.port}/hook")
        endpoints.send_test_event(endpoint, context=Context.system(now))
        webhook_delivery.deliver(clock=lambda: now)
        assert len(receiver.got) == arrives
        said = WebhookAttempt.objects.get().said
        assert said == "Answered 200 OK." if arrives else "certificate" in said.lower()
