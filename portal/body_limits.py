"""Limits of request bodies, checked by the headers before anything of a body is read or stored.

A form takes BODY_LIMIT_BYTES, an operation of the API MAX_JSON_BYTES. Files are taken only at addresses whose view has
`takes_upload`, and only from people who may send them. The API's operations check their files once they know the key.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, Final, TypeVar, cast

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.datastructures import ImmutableList

from portal.api.operations import MAX_JSON_BYTES
from portal.api.problems import API_PREFIX
from portal.upload_handler import DiscardUploadHandler

BODY_LIMIT_BYTES: Final = 256 * 1024
MULTIPART: Final = "multipart/form-data"

View = TypeVar("View", bound=Callable[..., HttpResponseBase])
# Called with the request and the keyword arguments of the view, before the body is read.
MayUpload = Callable[..., bool]


def takes_upload(may_upload: MayUpload, *, limit_mb: Callable[[], int] | None = None) -> Callable[[View], View]:
    """Let the view take a file from whoever may send one, up to `limit_mb` (default: UPLOAD_LIMIT_MB).

    Of a larger request only the fields before the file are read, and `request.too_large` is true.
    """

    def decorate(view: View) -> View:
        cast(Any, view).may_upload = may_upload
        cast(Any, view).upload_limit_mb = limit_mb or (lambda: settings.UPLOAD_LIMIT_MB)
        return view

    return decorate


class BodyLimitMiddleware:
    """Refuses a body that is too large with status 413, and an upload without the right to it with 403.

    It comes before the CSRF check, which reads the body of each form.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Answers a request whose body must not be read; else None."""
        is_form_with_file = request.content_type == MULTIPART
        is_api = request.path_info.startswith(API_PREFIX)
        limit = MAX_JSON_BYTES if is_api else BODY_LIMIT_BYTES
        if "HTTP_TRANSFER_ENCODING" in request.META and not _read_chunked_body(request, limit):
            return _refuse(request, limit)
        length = _get_length(request)
        if is_form_with_file and is_api:
            return None
        if is_form_with_file and hasattr(view, "may_upload"):
            if _prepare_upload(request, view, kwargs) or length <= limit:
                return None
            raise PermissionDenied(_explain_refusal(request))
        if is_form_with_file:
            _discard_files(request)
        return _refuse(request, limit) if length > limit else None


def _get_length(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdecimal() else 0


def _read_chunked_body(request: HttpRequest, limit: int) -> bool:
    """Read a body whose length no header says: Django takes it for empty. False if it is larger than the limit."""
    body = request.META["wsgi.input"].read(limit + 1)
    request.META["CONTENT_LENGTH"] = str(len(body))
    cast(Any, request)._stream = BytesIO(body)
    return len(body) <= limit


def _prepare_upload(request: HttpRequest, view: Callable[..., Any], kwargs: dict[str, Any]) -> bool:
    """Whether the request may bring a file. If not, files are not stored, however small they are."""
    cast(Any, request).upload_limit_bytes = cast(Any, view).upload_limit_mb() * 1024 * 1024
    is_allowed = bool(cast(Any, view).may_upload(request, **kwargs))
    if not is_allowed:
        _discard_files(request)
    return is_allowed


def _discard_files(request: HttpRequest) -> None:
    request.upload_handlers = ImmutableList([DiscardUploadHandler(request)])


def _explain_refusal(request: HttpRequest) -> str:
    if not request.user.is_authenticated:
        return "You are not signed in any more. Sign in, and send the file again."
    return "You may not send files here: only owners and admins of the account change things."


def _refuse(request: HttpRequest, limit: int) -> HttpResponse:
    """A page; below /api/v1/ it becomes a problem."""
    return render(request, "413.html", {"limit_kb": limit // 1024}, status=413)
