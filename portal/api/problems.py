"""Problems: what the API answers instead of a result, as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pydantic
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFilesSent
from django.http import Http404, HttpRequest, HttpResponse
from ninja.errors import HttpError, ValidationError

from portal.accounts.api_keys import AuthenticationError
from portal.api.problem_types import PROBLEM_TYPES
from portal.db.outages import is_outage

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
API_PREFIX = "/api/v1/"
# How many errors a problem lists at most.
MAX_ERRORS = 50
# When to try again after an outage of the database or the disk.
RETRY_AFTER_SECONDS = 10
_RETRY_AFTER = {"Retry-After": str(RETRY_AFTER_SECONDS)}


class Problem(Exception):
    """Raised anywhere below an operation to answer with a problem. `extensions` are additional members of it."""

    def __init__(
        self, code: str, detail: str = "", *, headers: dict[str, str] | None = None, **extensions: Any
    ) -> None:
        self.problem_type = PROBLEM_TYPES[code]
        super().__init__(detail or self.problem_type.detail)
        self.headers = headers or {}
        self.extensions = extensions

    def to_response(self) -> HttpResponse:
        content = {
            "type": self.problem_type.type_uri,
            "title": self.problem_type.title,
            "status": self.problem_type.status,
            "code": self.problem_type.code,
            "detail": str(self),
            "hint": self.problem_type.hint,
            **self.extensions,
        }
        return HttpResponse(
            json.dumps(content), status=self.problem_type.status, content_type=CONTENT_TYPE, headers=dict(self.headers)
        )


def validation_problem(location: str, detail: str, *, code: str = "invalid") -> Problem:
    """Build the problem of one wrong value, for a rule that the schema cannot express.

    `location` is the value's place, such as body.number or query.limit.
    """
    return Problem(code, detail, errors=[{"where": location, "detail": detail}])


def problem_from_body_error(error: pydantic.ValidationError) -> Problem:
    """Build the problem of a JSON body that pydantic refused."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    if any(item["type"] == "json_invalid" for item in errors):
        return Problem("malformed")
    return Problem(
        "invalid",
        errors=[
            {"where": ".".join(map(str, ("body", *item["loc"]))), "detail": item["msg"]} for item in errors[:MAX_ERRORS]
        ],
    )


def problem_from_exception(error: Exception) -> Problem:
    """Translate an exception into a problem. An unexpected one is logged, and the problem shows nothing of it."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, AuthenticationError):
        return Problem(error.code, error.detail, headers={"WWW-Authenticate": error.challenge})
    if isinstance(error, ValidationError):
        errors = [{"where": _error_location(item["loc"]), "detail": item["msg"]} for item in error.errors]
        return Problem("invalid", errors=errors[:MAX_ERRORS])
    if isinstance(error, Http404):
        return Problem("not_found")
    if isinstance(error, RequestDataTooBig | TooManyFilesSent):
        return Problem("too_large")
    if isinstance(error, SuspiciousOperation) or (isinstance(error, HttpError) and error.status_code == 400):
        return Problem("malformed")
    if is_outage(error):
        logger.error("A request of the API met an outage: %s", error)
        return Problem("unavailable", headers=_RETRY_AFTER)
    logger.error("A request of the API failed", exc_info=error)
    return Problem("server_error")


def _error_location(path: tuple[str | int, ...]) -> str:
    """Format as body.label or query.limit, without the name of the function's body argument."""
    return ".".join(map(str, (path[0], *path[2:]) if path[0] == "body" else path))


# Responses of Django itself, for unknown paths and methods.
_CODE_BY_STATUS = {400: "malformed", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 503: "unavailable"}


def problem_details_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Below /api/v1/, turn Django's own error responses into problems, and refuse plain http.

    A page redirects to https. A program would follow the redirect, and go on sending its key readable for others.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        is_api = request.path_info.startswith(API_PREFIX)
        if is_api and settings.SECURE_SSL_REDIRECT and not request.is_secure():
            return Problem("https_required").to_response()
        response = get_response(request)
        if (
            response.status_code < 400
            or not is_api
            or response.headers.get("Content-Type", "").startswith("application/")
        ):
            return response
        headers = {name: value for name, value in response.headers.items() if name in ("Allow", "Retry-After")}
        return Problem(_CODE_BY_STATUS.get(response.status_code, "server_error"), headers=headers).to_response()

    return middleware
