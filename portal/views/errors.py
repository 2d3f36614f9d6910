"""The response to an error that no view handles."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error

from portal.api.problems import RETRY_AFTER_SECONDS
from portal.db.outages import is_disk_full, is_outage


def handle_error(request: HttpRequest) -> HttpResponse:
    """A page with status 503 during an outage, otherwise with 500. Django calls it while it handles the exception."""
    error = sys.exc_info()[1]
    if error is None or not is_outage(error):
        return server_error(request)
    # Without the request: what pages show around their content comes from the database.
    content = render_to_string("503.html", {"is_disk_full": is_disk_full(error)})
    return HttpResponse(content, status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
