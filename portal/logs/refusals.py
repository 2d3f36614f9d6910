"""One line for a request that is refused, without a traceback: 403, 404, a failed CSRF check, a malformed request."""

from __future__ import annotations

import logging
from typing import Final

from django.http import HttpRequest

_LOGGED_ATTRIBUTE: Final = "_refusal_is_logged"


class QuietRefusals(logging.Filter):
    """Drops the traceback of a response 4xx, and its second line if a middleware replaced the response."""

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status_code", None)
        if not isinstance(status, int) or not 400 <= status < 500:
            return True
        record.exc_info, record.exc_text = None, None
        if record.levelno > logging.WARNING:  # a foreign Host header is not an error of the portal
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        request = getattr(record, "request", None)
        if getattr(request, _LOGGED_ATTRIBUTE, False):
            return False
        if isinstance(request, HttpRequest):  # Django's development server logs its socket
            setattr(request, _LOGGED_ATTRIBUTE, True)
        return True
