"""The address from which a request comes, for limits, the audit trail and API keys that are bound to addresses."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest


def get_client_address(request: HttpRequest) -> str:
    """Return the client's IP address, or "" if it is not known, as with a Unix socket.

    With BEHIND_PROXY=1, it is the last address in X-Forwarded-For: the one that the proxy itself saw and added. A
    client may send the header too, so what comes before it proves nothing. Without BEHIND_PROXY, the header is ignored.
    A request without the header did not come through the proxy, and has the address of its connection.

    IPv4 addresses that are written as IPv6 (::ffff:203.0.113.9) are returned as IPv4.
    """
    if settings.BEHIND_PROXY and (forwarded := request.META.get("HTTP_X_FORWARDED_FOR", "")):
        return normalize_address(forwarded.rpartition(",")[2])
    return normalize_address(request.META.get("REMOTE_ADDR", ""))


def normalize_address(text: str) -> str:
    """Return the address in its one form, without brackets, port or zone. "" if the text is no address."""
    text = text.strip()
    if text.startswith("["):  # [2001:db8::7]:4711
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 203.0.113.9:4711
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
