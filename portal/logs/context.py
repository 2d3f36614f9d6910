"""The request and the task that log lines belong to."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from django.http import HttpRequest, HttpResponse

from portal.frames import with_room_for_frames

HEADER: Final = "X-Request-ID"
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

# Empty outside of a request or a task.
request_id: ContextVar[str] = ContextVar("request_id", default="")
task_id: ContextVar[str] = ContextVar("task_id", default="")


def request_id_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Give each request an id: that of its X-Request-ID header if it is well formed, else a new one.

    The id stays set after the response, for lines that are written while a response is streamed and for gunicorn's
    access log. deploy/gunicorn.conf.py unsets it.
    """

    @with_room_for_frames
    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        identifier = given if _WELL_FORMED.fullmatch(given) else secrets.token_hex(8)
        request_id.set(identifier)
        response = get_response(request)
        response.headers[HEADER] = identifier
        return response

    return middleware


@contextmanager
def task_context() -> Iterator[None]:
    """Give the lines within this block the id of a task: that of django-q2 if it is known, else a new one."""
    token = task_id.set(task_id.get() or secrets.token_hex(8))
    try:
        yield
    finally:
        task_id.reset(token)
