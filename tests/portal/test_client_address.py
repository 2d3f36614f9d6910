"""The address of a client: behind the proxy it is the one that the proxy saw, and never one that the client wrote."""

import pytest

from portal.client_address import get_client_address

PROXY = "127.0.0.1"


def address_of(rf, *, forwarded=None, remote=PROXY) -> str:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return get_client_address(rf.get("/", headers=headers, REMOTE_ADDR=remote))


def test_without_a_proxy_the_header_is_ignored(rf, settings):
    settings.BEHIND_PROXY = False
    assert address_of(rf, forwarded="203.0.113.9", remote="198.51.100.7") == "198.51.100.7"


def test_behind_a_proxy_the_last_address_counts(rf, settings):
    settings.BEHIND_PROXY = True
    assert address_of(rf, forwarded="203.0.113.9") == "203.0.113.9"
    assert address_of(rf, forwarded="10.0.0.1, 192.0.2.1,203.0.113.9") == "203.0.113.9", "a client sent the others"


def test_a_request_that_did_not_come_through_the_proxy_has_the_address_of_its_connection(rf, settings):
    settings.BEHIND_PROXY = True
    assert address_of(rf, remote="198.51.100.7") == "198.51.100.7"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (" 203.0.113.9 ", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:DB8:0:0::7", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("", ""),
        ("203.0.113.9, ", ""),
        ("unknown", ""),
        ("203.0.113.9\x00", ""),
        ("203.0.113.999", ""),
    ],
)
def test_addresses_have_one_form_and_others_are_unknown(rf, settings, written, read):
    settings.BEHIND_PROXY = True
    assert address_of(rf, forwarded=written, remote="") == read
    settings.BEHIND_PROXY = False
    assert address_of(rf, remote=written.rpartition(",")[2] or written) == read
