"""The networks from which a key may be used, as a text: 203.0.113.7 2001:db8::/32. An empty text allows all."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

MAX_NETWORKS = 50


class InvalidNetwork(ValueError):
    """The message, for the person who typed the networks, says which one is wrong and how to write it."""


def normalize_networks(text: str) -> str:
    """Return the addresses and networks in their one form, each once, separated by spaces. Raises InvalidNetwork.

    They may be separated by commas, spaces or lines.
    """
    words = [word for word in re.split(r"[\s,;]+", text) if word]
    if len(words) > MAX_NETWORKS:
        raise InvalidNetwork(f"These are {len(words)} addresses. Write at most {MAX_NETWORKS}, or a network for many.")
    networks = dict.fromkeys(_parse_network(word) for word in words)
    return " ".join(_format_network(network) for network in networks)


def is_allowed(address: str, networks: str) -> bool:
    """Whether the address (from portal.client_address) is in one of the networks. An unknown address is in none."""
    if not networks:
        return True
    if not address:
        return False
    parsed = ip_address(address)
    return any(parsed in network for network in _read_networks(networks))


@lru_cache(maxsize=1024)
def _read_networks(networks: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(network) for network in networks.split())


def _parse_network(word: str) -> IPv4Network | IPv6Network:
    shown = word[:60]
    try:
        network = ip_network(word, strict=False)
    except ValueError:
        raise InvalidNetwork(
            f"{shown} is no address and no network. Write one as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32."
        ) from None
    if isinstance(network, IPv6Network) and network.prefixlen >= 96 and network.network_address.ipv4_mapped:
        network = IPv4Network((network.network_address.ipv4_mapped, network.prefixlen - 96))
    elif network.network_address != ip_address(word.partition("/")[0]):
        raise InvalidNetwork(f"{shown} is an address inside a network. The network is {network}.")
    if network.prefixlen == 0:
        raise InvalidNetwork(f"{shown} is every address. Leave the field empty for that.")
    return network


def _format_network(network: IPv4Network | IPv6Network) -> str:
    is_single = network.prefixlen == network.max_prefixlen
    return str(network.network_address if is_single else network)
