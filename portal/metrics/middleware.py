"""Answers /metrics: to programs on this machine, and to others that know METRICS_TOKEN. To anybody else it is 404."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseNotFound
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from portal.health.middleware import is_local
from portal.metrics.collectors import PortalCollector

logger = logging.getLogger(__name__)


def metrics_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path_info != "/metrics":
            return get_response(request)
        if not is_local(request) and not has_token(request):
            return HttpResponseNotFound("Not found\n", content_type="text/plain")
        return show_metrics() if request.method in ("GET", "HEAD") else HttpResponseNotAllowed(["GET", "HEAD"])

    return middleware


def has_token(request: HttpRequest) -> bool:
    """Whether the request has METRICS_TOKEN as its bearer token. Never, if the setting is empty."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    is_bearer = scheme.lower() == "bearer" and bool(settings.METRICS_TOKEN)
    return is_bearer and constant_time_compare(token.strip(), settings.METRICS_TOKEN)


def show_metrics() -> HttpResponse:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(PortalCollector(timezone.now()))
    try:
        text = generate_latest(registry)
    except Error as error:
        logger.warning("The metrics cannot be read from the database: %s", error)
        return HttpResponse("The database cannot be used.\n", status=503, content_type="text/plain")
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})
