"""Answers health checks before anything else looks at the request.

A monitor on the machine asks http://127.0.0.1:8000, whose host is not in ALLOWED_HOSTS, and which others are redirected
from to https.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseNotFound
from django.utils import timezone

from portal.health import views

_VIEWS: Final[dict[str, Callable[[], HttpResponse]]] = {
    "/healthz": views.healthz,
    "/readyz": lambda: views.readyz(timezone.now()),
}
# Every proxy sets one of these.
_PROXY_HEADERS: Final = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_VIA",
)


def health_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        view = _VIEWS.get(request.path_info)
        if view is None:
            return get_response(request)
        if not is_local(request):
            return HttpResponseNotFound("Not found\n", content_type="text/plain")
        return view() if request.method in ("GET", "HEAD") else HttpResponseNotAllowed(["GET", "HEAD"])

    return middleware


def is_local(request: HttpRequest) -> bool:
    """Whether the request comes from this machine, and not through a proxy on it.

    A request through a Unix socket has no address. Only programs of this machine can open one.
    """
    if any(name in request.META for name in _PROXY_HEADERS):
        return False
    address = request.META.get("REMOTE_ADDR", "")
    if not address:
        return True
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return (mapped or parsed).is_loopback
