"""Operations of django-ninja behind the guard, each declared with what the OpenAPI document says of it."""

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

from portal.api.authentication import ApiRequest, require_api_key
from portal.api.idempotency import idempotent
from portal.api.problems import Problem

MAX_JSON_BYTES = 1024 * 1024
COMMON_PROBLEMS = ("key_missing", "key_malformed", "key_unknown", "key_revoked", "key_expired", "scope_missing",
                      "rate_limited", "server_error")  # fmt: skip
BODY_PROBLEMS = ("malformed", "too_large", "media_type")
WRITE_PROBLEMS = ("idempotency_under_way", "idempotency_key_reused", "invalid")

# For what callers send: nothing is guessed, and what is not known is refused, so that no typing error goes unnoticed.
STRICT_CONFIG = ConfigDict(extra="forbid", strict=True)


def operation(
    router: Router,
    method: str,
    path: str,
    *,
    scope: str,
    answers: dict[int, Any],
    refuses: tuple[str, ...] = (),
    body: str = "",
    versioned: bool = False,
    in_one_transaction: bool = True,
    policy: str = "default",
) -> Callable[[Callable], Callable]:
    """An operation of the router. Its name is the function's, its summary the docstring's first line.

    `answers` are the schemas by status, `refuses` the codes of problems.KINDS beyond those that the others say
    already, `body` is json or file where it takes one, and `versioned` says that it heeds If-Match.
    """
    is_write = scope == "write"
    codes = [*COMMON_PROBLEMS, *(WRITE_PROBLEMS if is_write else ()), *(BODY_PROBLEMS if body else ()), *refuses]
    if "{" in path:
        codes += ["not_found", "invalid"]
    if versioned:
        codes.append("changed_meanwhile")

    def decorate(function: Callable) -> Callable:
        summary, _, description = (function.__doc__ or "").partition("\n\n")
        layers: list[Callable] = [idempotent(in_one_transaction=in_one_transaction)] if is_write else []
        if body:
            layers.append(_checks_body_headers(body))
        decorate_view(*layers, require_api_key(scope, policy=policy))(function)
        return router.api_operation(
            [method],
            path,
            response=answers,
            operation_id=function.__name__,
            url_name=function.__name__.replace("_", "-"),
            summary=summary.strip().rstrip("."),
            description=" ".join(description.split()) or None,
            openapi_extra={
                "x-scope": scope,
                "x-refuses": list(dict.fromkeys(codes)),
                "x-write": is_write,
                "x-versioned": versioned,
            },
        )(function)

    return decorate


def _checks_body_headers(body: str) -> Callable[[Callable], Callable]:
    """Refuses a body of another type, or one that is too large, before anything of it is read."""

    def decorate(view: Callable) -> Callable:
        @wraps(view)
        def inner(request: ApiRequest, *args: object, **kwargs: object) -> HttpResponse:
            check_body_headers(body, request)
            return view(request, *args, **kwargs)

        return inner

    return decorate


def check_body_headers(body: str, request: HttpRequest) -> None:
    """Raises a Problem for what is not `json` or a `file`, or larger than it may be, by what the headers say."""
    wanted = "application/json" if body == "json" else "multipart/form-data"
    most = MAX_JSON_BYTES if body == "json" else settings.UPLOAD_LIMIT_MB * 1024 * 1024
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdecimal() and int(length) > most:
        raise Problem("too_large", f"The body is larger than {most // (1024 * 1024)} MB.")
    if request.content_type != wanted:
        raise Problem("media_type", f"This address reads {wanted}.")


class _StrictJSONParser(Parser):
    """JSON as RFC 8259 has it: NaN and Infinity are none. And 17.0 is the integer 17, as JSON Schema has it."""

    def parse_body(self, request: HttpRequest) -> Any:
        return json.loads(request.body, parse_constant=_reject_constant, parse_float=_parse_float)


def _parse_float(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _reject_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def make_api(**about: Any) -> NinjaAPI:
    """An API whose refusals are all the guard's to say; the document and its page are our own."""
    api = NinjaAPI(openapi_url=None, docs_url=None, parser=_StrictJSONParser(), **about)

    def leave_it_to_the_guard(request: HttpRequest, error: Exception) -> HttpResponse:
        raise error

    for kind in (Exception, ValidationError, HttpError, Http404):
        api.add_exception_handler(kind, leave_it_to_the_guard)
    return api
