"""Addresses that webhooks may be sent to: the public internet only."""

import socket

import pytest

from portal.webhooks import addresses
from portal.webhooks.addresses import NotAllowed

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
def test_other_addresses_are_not_public_in_any_notation(address):
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
        ("https://no-such-name.invalid/", "No server that can be reached from the internet"),
        (f"https://{'a' * 70}.example/", "No server that can be reached from the internet"),
    ],
)
def test_invalid_url_is_refused_with_the_reason(url, said, public_addresses_only):
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
def test_private_address_is_refused_in_every_notation(host, public_addresses_only):
    with pytest.raises(NotAllowed):
        addresses.validate_url(f"http://{host}:8000/")


def test_public_address_is_accepted_with_any_port(public_addresses_only):
    for url in ("https://8.8.8.8/hook", "http://1.1.1.1:8080/a?b=c", "https://[2606:4700:4700::1111]:8443/"):
        addresses.validate_url(url)


def test_private_address_is_accepted_if_the_setting_allows_it(settings):
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    addresses.validate_url("http://127.0.0.1:8000/")


INTERNAL = {"intranet.example": "10.1.2.3", "metadata.example": "169.254.169.254", "mixed.example": "fd00::1"}


@pytest.fixture
def internal_names(monkeypatch) -> None:
    """A name server that knows the internal names, one of which never answers, and no others."""

    def look_up(host: str, port: int, **options: object) -> list:
        if host == "slow.example":
            raise TimeoutError
        if host not in INTERNAL:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (INTERNAL[host], port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_nothing_tells_an_internal_name_from_one_that_does_not_exist(public_addresses_only, internal_names):
    answers = set()
    for host in (*INTERNAL, "slow.example", "no-such-name.example"):
        with pytest.raises(NotAllowed) as refused:
            addresses.validate_url(f"https://{host}/hook")
        answers.add(str(refused.value).replace(host, "NAME"))
    (answer,) = answers
    assert not [address for address in INTERNAL.values() if address in answer]


def test_plain_http_needs_the_setting(settings):
    settings.WEBHOOK_PLAIN_HTTP = False
    with pytest.raises(NotAllowed, match="sent over https only"):
        addresses.validate_url("http://8.8.8.8/hook")
    with pytest.raises(NotAllowed, match="sent over https only"):
        addresses.parse_url("HTTP://8.8.8.8/hook")
    addresses.validate_url("https://8.8.8.8/hook")
    settings.WEBHOOK_PLAIN_HTTP = True
    addresses.validate_url("http://8.8.8.8/hook")
