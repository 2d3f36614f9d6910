"""Where webhooks may go: http(s) to the public internet only, unless WEBHOOK_PRIVATE_ADDRESSES allows others.

What a name leads to may change at any moment, so it is looked up and checked for every connection, and the connection
goes to the very address that was checked (`sending`). The check when an endpoint is saved only spares people waiting.
"""

from __future__ import annotations

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx
from django.conf import settings

RESOLVE_SECONDS = 5
DEFAULT_PORTS = {"http": 80, "https": 443}

# Public IPv6 is assigned from this block only (RFC 4291); in it, what carries an IPv4 address is judged by that one.
GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
# Teredo leads to whatever the other end of a tunnel is; the other is for documentation (RFC 9637), which the ipaddress
# of Python 3.11 does not know yet.
UNROUTABLE_NETWORKS = (IPv6Network("2001::/32"), IPv6Network("3fff::/20"))


class NotAllowed(Exception):
    """Nothing may be sent there; the message tells a person why, and what to do next."""


def is_public(address: str) -> bool:
    """Whether this IP address is one of the public internet, however it is written."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast
    if (carried := _embedded_ipv4(ip)) is not None:
        return is_public(str(carried))
    return ip in GLOBAL_UNICAST and ip.is_global and not any(ip in network for network in UNROUTABLE_NETWORKS)


def _embedded_ipv4(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for: mapped, behind NAT64, or 6to4."""
    return ip.ipv4_mapped or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else ip.sixtofour)


def parse_url(text: str) -> httpx.URL:
    """The address as the client will understand it. Raises NotAllowed where it is none that can be sent to."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise NotAllowed("This is not an address. Write it as https://example.com/hook.") from None
    if url.scheme not in DEFAULT_PORTS or not url.host:
        raise NotAllowed("The address must begin with https:// or http://, as https://example.com/hook.")
    if not re.fullmatch(r"[a-zA-Z0-9._:-]+", url.raw_host.decode("ascii")) or url.port == 0 or (url.port or 0) > 65_535:
        raise NotAllowed("The name or port in this address cannot be right. Write it as https://example.com/hook.")
    if url.userinfo:
        raise NotAllowed("An address with a name or password in it is not taken. Every message is signed instead.")
    if url.fragment:
        raise NotAllowed("What follows the # is never sent to a server. Leave it out.")
    return url


def resolve(url: httpx.URL) -> list[str]:
    """The IP addresses to connect to, in order. Raises NotAllowed unless all of them may be; OSError is not raised."""
    host = url.raw_host.decode("ascii")
    try:
        found = socket.getaddrinfo(host, url.port or DEFAULT_PORTS[url.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotAllowed(f"No server is known by the name {host}. Check how it is written, and its DNS.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not settings.WEBHOOK_PRIVATE_ADDRESSES and not all(map(is_public, addresses)):
        raise NotAllowed(
            f"{host} leads to an address that is not public, and nothing is sent there. Use a receiver that can be "
            "reached from the internet; whoever runs the portal can allow others."
        )
    return addresses


def validate_url(text: str) -> None:
    """For a form: raises NotAllowed where webhooks could not be sent there now. A slow DNS is not waited for."""
    url = parse_url(text)
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        pool.submit(resolve, url).result(RESOLVE_SECONDS)
    except TimeoutError:
        raise NotAllowed(f"The name {url.host} could not be looked up in time. Try again in a moment.") from None
    finally:
        pool.shutdown(wait=False)
