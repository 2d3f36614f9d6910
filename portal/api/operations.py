"""Declare operations of django-ninja, with authentication, idempotency, body checks, and their documentation."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Router
from ninja.decorators import decorate_view
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser
from pydantic import ConfigDict

from portal.api.authentication import ApiRequest, View, require_api_key
from portal.api.idempotency import idempotent
from portal.api.problems import Problem

MAX_JSON_BYTES = 1024 * 1024
COMMON_PROBLEMS = ("key_missing", "key_malformed", "key_unknown", "key_revoked", "key_expired", "key_stopped",
                   "https_required", "address_not_allowed", "scope_missing", "rate_limited", "server_error",
                   "unavailable")  # fmt: skip
BODY_PROBLEMS = ("malformed", "too_large", "media_type")
# Scopes whose operations change something, and so take an Idempotency-Key.
WRITE_SCOPES = ("write", "report", "test_call")
WRITE_PROBLEMS = ("idempotency_under_way", "idempotency_key_reused", "invalid")

# For request bodies: no type conversions, and unknown members are refused, so that misspelled ones do not go unnoticed.
STRICT_CONFIG = ConfigDict(extra="forbid", strict=True)


def operation(
    router: Router,
    method: str,
    path: str,
    *,
    scope: str,
    responses: dict[int, Any],
    problems: tuple[str, ...] = (),
    body: str = "",
    returns_etag: bool = False,
    checks_if_match: bool = False,
    atomic: bool = True,
    policy: str = "default",
) -> Callable[[Callable], Callable]:
    """Add the decorated function to the router. Its name is the operationId, its docstring the summary and description.

    `responses` are the schemas by status. `problems` are codes of PROBLEM_TYPES, in addition to those that follow from
    the other arguments. `body` is json, file, photo or empty.
    """
    is_write = scope in WRITE_SCOPES
    codes = [*COMMON_PROBLEMS, *(WRITE_PROBLEMS if is_write else ()), *(BODY_PROBLEMS if body else ()), *problems]
    codes += ["not_found", "invalid"] if "{" in path else []
    codes += ["changed_meanwhile"] if checks_if_match else []
    documentation = {
        "x-scope": scope,
        "x-problems": list(dict.fromkeys(codes)),
        "x-write": is_write,
        "x-body": body,
        "x-returns-etag": returns_etag,
        "x-checks-if-match": checks_if_match,
    }

    def decorate(function: Callable) -> Callable:
        summary, _, description = (function.__doc__ or "").partition("\n\n")
        layers: list[Callable] = [idempotent(atomic=atomic)] if is_write else []
        layers.append(_checks_body_headers(body))
        decorate_view(*layers, require_api_key(scope, policy=policy))(function)
        return router.api_operation(
            [method],
            path,
            response=responses,
            operation_id=function.__name__,
            url_name=function.__name__.replace("_", "-"),
            summary=summary.strip().rstrip("."),
            description=" ".join(description.split()) or None,
            openapi_extra=documentation,
        )(function)

    return decorate


def _checks_body_headers(body: str) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        @wraps(view)
        def inner(request: ApiRequest, *args: object, **kwargs: object) -> HttpResponse:
            check_body_headers(body, request)
            return view(request, *args, **kwargs)

        return inner

    return decorate


def check_body_headers(body: str, request: HttpRequest) -> None:
    """Check type and length by the headers, before the body is read. Raises a Problem.

    `body` is json, file or photo, or empty if the operation reads none. A body is ignored then, if it is small.
    """
    media_type = {"json": "application/json", "": request.content_type}.get(body, "multipart/form-data")
    max_bytes = MAX_JSON_BYTES if body in ("", "json") else settings.UPLOAD_LIMIT_MB * 1024 * 1024
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdecimal() and int(length) > max_bytes:
        raise Problem("too_large", f"The body is larger than {max_bytes // (1024 * 1024)} MB.")
    if request.content_type != media_type:
        raise Problem("media_type", f"This address reads {media_type}.")


class _StrictJSONParser(Parser):
    """JSON by RFC 8259, without NaN and Infinity. As in JSON Schema, 17.0 is an integer."""

    def parse_body(self, request: HttpRequest) -> Any:
        return json.loads(request.body, parse_constant=_reject_constant, parse_float=_parse_float)


def _parse_float(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _reject_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def make_api(**options: Any) -> NinjaAPI:
    """Make an API that leaves exceptions to `require_api_key`, and has no documentation pages of its own."""
    api = NinjaAPI(openapi_url=None, docs_url=None, parser=_StrictJSONParser(), **options)

    def reraise(request: HttpRequest, error: Any) -> HttpResponse:
        raise error

    for exception in (Exception, ValidationError, HttpError, Http404):
        api.add_exception_handler(exception, reraise)
    return api
