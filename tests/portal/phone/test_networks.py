"""Names of networks: spellings and brands of one network."""

import pytest

from portal.phone.networks import NAMES, get_network, get_network_key, normalize_name


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("t-mobile", "T-Mobile"),
        ("T-Mobile USA, Inc.", "T-Mobile"),
        ("T-Mobile US", "T-Mobile"),
        ("Mint Mobile", "T-Mobile"),
        ("Metro by T-Mobile", "T-Mobile"),
        ("AT&T Mobility", "AT&T"),
        ("Cricket Wireless", "AT&T"),
        ("Verizon Wireless", "Verizon"),
        ("US Cellular", "U.S. Cellular"),
        ("  Smalltown   Wireless ", "Smalltown Wireless"),
        ("US", "US"),
        ("", ""),
    ],
)
def test_a_network_is_known_by_its_spellings_and_brands(name, network):
    assert get_network(name) == network


def test_names_that_are_not_known_are_compared_without_case_and_punctuation():
    assert get_network_key("Smalltown Wireless") == get_network_key("smalltown-wireless")
    assert get_network_key("Smalltown Wireless") != get_network_key("Smalltown")


def test_each_name_belongs_to_one_network():
    names = [normalize_name(name) for network, others in NAMES.items() for name in (network, *others)]
    assert len(names) == len(set(names))
