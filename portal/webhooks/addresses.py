"""Which addresses webhooks may be sent to: https on the public internet, unless settings allow more.

WEBHOOK_PRIVATE_ADDRESSES allows other addresses, and WEBHOOK_PLAIN_HTTP allows http.

DNS may change at any moment, so a name is resolved and checked for every connection, and the connection goes to the
checked address (see http.py). The check when an endpoint is saved only gives the person an early answer.
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

# The only block that public IPv6 addresses are assigned from (RFC 4291).
GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
# Teredo, whose addresses lead through a tunnel to any other address, and the block for documentation (RFC 9637), which
# Python 3.11's ipaddress does not know.
UNROUTABLE_NETWORKS = (IPv6Network("2001::/32"), IPv6Network("3fff::/20"))


class NotAllowed(Exception):
    """Webhooks must not be sent to this address. The message, shown to a person, says why and what to do next."""


class NoPublicServer(NotAllowed):
    """The name does not exist, could not be looked up, or leads to an address that is not allowed."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"No server that can be reached from the internet was found by the name {host}. Check how it is written, "
            "and its DNS, and try again. Whoever runs the portal can allow other addresses."
        )


def is_public(address: str) -> bool:
    """Return whether this IP address, in any notation, is on the public internet."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast
    if (embedded := _embedded_ipv4(ip)) is not None:
        return is_public(str(embedded))
    return ip in GLOBAL_UNICAST and ip.is_global and not any(ip in network for network in UNROUTABLE_NETWORKS)


def _embedded_ipv4(ip: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address inside a mapped, NAT64 or 6to4 address."""
    return ip.ipv4_mapped or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else ip.sixtofour)


def parse_url(text: str) -> httpx.URL:
    """Parse a URL as the HTTP client does. Raises NotAllowed if it cannot be used."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise NotAllowed("This is not an address. Write it as https://example.com/hook.") from None
    if url.scheme not in DEFAULT_PORTS or not url.host:
        raise NotAllowed("The address must begin with https://, as https://example.com/hook.")
    if url.scheme == "http" and not settings.WEBHOOK_PLAIN_HTTP:
        raise NotAllowed(
            "Webhooks are sent over https only. Write the address as https://example.com/hook; whoever runs the portal "
            "can allow plain http."
        )
    if not re.fullmatch(r"[a-zA-Z0-9._:-]+", url.raw_host.decode("ascii")) or url.port == 0 or (url.port or 0) > 65_535:
        raise NotAllowed("The name or port in this address cannot be right. Write it as https://example.com/hook.")
    if url.userinfo:
        raise NotAllowed("An address with a name or password in it is not taken. Every message is signed instead.")
    if url.fragment:
        raise NotAllowed("What follows the # is never sent to a server. Leave it out.")
    return url


def resolve(url: httpx.URL) -> list[str]:
    """Return the IP addresses to connect to, in order. Raises NotAllowed if there are none or one is not allowed.

    The message is the same for a name that does not exist and for one of an internal address. Otherwise, anybody who
    may add a webhook could ask which names the network of the portal knows.
    """
    host = url.raw_host.decode("ascii")
    try:
        found = socket.getaddrinfo(host, url.port or DEFAULT_PORTS[url.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NoPublicServer(host) from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not settings.WEBHOOK_PRIVATE_ADDRESSES and not all(map(is_public, addresses)):
        raise NoPublicServer(host)
    return addresses


def validate_url(text: str) -> None:
    """Check an address that was entered in a form, with a time limit for DNS. Raises NotAllowed."""
    url = parse_url(text)
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        pool.submit(resolve, url).result(RESOLVE_SECONDS)
    except TimeoutError:
        raise NoPublicServer(url.host) from None
    finally:
        pool.shutdown(wait=False)
