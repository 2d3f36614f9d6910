"""Keys that are bound to addresses: what is accepted in the form, and which addresses are allowed."""

import pytest

from portal.accounts.api_keys.networks import MAX_NETWORKS, InvalidNetwork, is_allowed, normalize_networks
from tests.portal.api.helpers import NUMBERS, assert_problem
from tests.support.urls import create_api_key


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("", ""),
        (" \n ", ""),
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7/32, 203.0.113.0/24", "203.0.113.7 203.0.113.0/24"),
        ("203.0.113.7;203.0.113.7\n2001:DB8:0::/32", "203.0.113.7 2001:db8::/32"),
        ("2001:db8::7/128", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
    ],
)
def test_networks_are_stored_in_one_form(typed, stored):
    assert normalize_networks(typed) == stored
    assert normalize_networks(stored) == stored


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("example.com", "example.com is no address"),
        ("203.0.113.999", "203.0.113.999 is no address"),
        ("203.0.113.0/33", "203.0.113.0/33 is no address"),
        ("203.0.113.7/24", "The network is 203.0.113.0/24"),
        ("2001:db8::7/32", "The network is 2001:db8::/32"),
        ("0.0.0.0/0", "is every address"),
        ("::/0", "is every address"),
        ("\x00", "is no address"),
        ("203.0.113.7 " * (MAX_NETWORKS + 1), "at most 50"),
    ],
)
def test_others_are_refused_with_the_reason(typed, message):
    with pytest.raises(InvalidNetwork, match=message):
        normalize_networks(typed)


@pytest.mark.parametrize(
    ("address", "networks", "allowed"),
    [
        ("203.0.113.9", "", True),
        ("", "", True),
        ("", "203.0.113.0/24", False),
        ("203.0.113.9", "203.0.113.0/24", True),
        ("203.0.114.9", "203.0.113.0/24", False),
        ("203.0.113.9", "2001:db8::/32 203.0.113.9", True),
        ("2001:db8::7", "2001:db8::/32 203.0.113.9", True),
        ("2001:db9::7", "2001:db8::/32", False),
        ("203.0.113.9", "::/96", False),
    ],
)
def test_an_address_is_allowed_if_it_is_in_one_of_the_networks(address, networks, allowed):
    assert is_allowed(address, networks) == allowed


@pytest.mark.django_db
def test_a_request_from_another_address_is_refused_and_told_so(client, account, settings):
    settings.BEHIND_PROXY = True
    _, token = create_api_key(account, allowed_networks="203.0.113.0/24 2001:db8::/32")
    headers = {"Authorization": f"Bearer {token}"}

    def get(forwarded: str):
        return client.get(NUMBERS, headers=headers | {"X-Forwarded-For": forwarded}, REMOTE_ADDR="127.0.0.1")

    assert get("203.0.113.9").status_code == 200
    assert get("::ffff:203.0.113.9").status_code == 200
    assert get("2001:db8::9").status_code == 200
    answer = get("203.0.113.9, 198.51.100.1")
    assert_problem(answer, "address_not_allowed")
    assert answer.status_code == 403
    assert answer.json()["detail"] == "This API key may not be used from 198.51.100.1."
    assert get("nonsense").json()["detail"] == "This API key may not be used from an unknown address."
    settings.BEHIND_PROXY = False
    assert get("203.0.113.9").json()["detail"] == "This API key may not be used from 127.0.0.1."


@pytest.mark.django_db
def test_only_whoever_knows_the_secret_learns_that_a_key_is_bound(client, account):
    _, token = create_api_key(account, allowed_networks="203.0.113.0/24")
    assert_problem(client.get(NUMBERS, headers={"Authorization": f"Bearer {token[:-1]}x"}), "key_unknown")
