"""Telephone networks: which one a name means, however it is written, and also if it is the name of a brand on it."""

from __future__ import annotations

import re

# Each network with its other names, and with the brands that its owner runs on it. Others' brands change networks, so
# only those are here that run on one: Google Fi on T-Mobile, Xfinity Mobile and Spectrum Mobile on Verizon.
NAMES: dict[str, tuple[str, ...]] = {
    "AT&T": ("AT and T", "Cricket"),
    "T-Mobile": ("TMO", "Sprint", "Metro by T-Mobile", "Metro", "MetroPCS", "Mint Mobile", "Ultra Mobile", "Google Fi"),
    "Verizon": ("VZW", "Visible", "Visible by Verizon", "Total Wireless", "Xfinity Mobile", "Spectrum Mobile"),
    "U.S. Cellular": ("United States Cellular",),
}
# What look-ups add to the name of a network: "T-Mobile USA, Inc."
_ADDED = re.compile(r"(?:usa|us|wireless|mobility|inc|llc|postpaid|prepaid)+$")


def normalize_name(name: str) -> str:
    """Case, spaces and punctuation do not count."""
    return "".join(filter(str.isalnum, name.casefold()))


_BY_NAME = {normalize_name(name): network for network, others in NAMES.items() for name in (network, *others)}


def get_network(name: str) -> str:
    """The network that the name means, as NAMES writes it. A name that is not known stays as it is."""
    key = normalize_name(name)
    return _BY_NAME.get(key) or _BY_NAME.get(_ADDED.sub("", key)) or " ".join(name.split())


def get_network_key(name: str) -> str:
    """Equal for all names of a network; empty for an empty name."""
    return normalize_name(get_network(name))
