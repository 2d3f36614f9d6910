"""Refusals as `application/problem+json` (RFC 9457): one table, from which the answers and the document are made."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pydantic
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFilesSent
from django.http import Http404, HttpRequest, HttpResponse
from ninja.errors import HttpError, ValidationError

from portal.accounts.api_keys import AuthenticationError

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
API_PREFIX = "/api/v1/"


@dataclass(frozen=True)
class ProblemType:
    """A kind of refusal: its code, the HTTP status, what happened in a few words, what it means, what to do next."""

    code: str
    status: int
    title: str
    detail: str
    hint: str

    @property
    def address(self) -> str:
        """Where the reference explains it: the problem's `type`."""
        return f"{settings.PUBLIC_URL}/api/#problem-{self.code}"


PROBLEM_TYPES = {
    kind.code: kind
    for kind in (
        ProblemType(
            "malformed",
            400,
            "The request cannot be read",
            "The body is not valid JSON, or the request is not well-formed.",
            "Send a JSON object, encoded as UTF-8.",
        ),
        ProblemType(
            "key_missing",
            401,
            "There is no API key",
            "The request came without an API key, so nobody knows whose data it is about.",
            "Send the header: Authorization: Bearer nrp_... Owners make keys under Account > API keys.",
        ),
        ProblemType(
            "key_malformed",
            401,
            "This is no API key",
            "What the Authorization header holds does not read as a key does.",
            "Send the whole key as it was shown, as: Authorization: Bearer nrp_...",
        ),
        ProblemType(
            "key_unknown",
            401,
            "The API key is wrong",
            "There is no such API key, or its secret is wrong.",
            "Check that the key was copied whole. A lost key cannot be shown again: make another.",
        ),
        ProblemType(
            "key_revoked", 401, "The API key was revoked", "An owner revoked this key.", "Ask an owner for a new key."
        ),
        ProblemType(
            "key_expired",
            401,
            "The API key has expired",
            "The last day of this key is over.",
            "Ask an owner for a new key.",
        ),
        ProblemType(
            "scope_missing",
            403,
            "The API key may not do this",
            "The key is good, but lacks the scope that this takes. Scopes are independent: write includes no read.",
            "Make a key with the scope that the answer names.",
        ),
        ProblemType(
            "not_found",
            404,
            "There is nothing here",
            "The account has no such object, or there is no such address.",
            "Check the id. Objects of other accounts are not found either.",
        ),
        ProblemType(
            "method_not_allowed",
            405,
            "This address does not take the method",
            "There is something here, but it is used with another method.",
            "The header Allow names the methods.",
        ),
        ProblemType(
            "number_exists",
            409,
            "The number is in the list already",
            "The account has this number, and nothing was changed.",
            "Change the one that is there: `id` names it.",
        ),
        ProblemType(
            "name_taken",
            409,
            "The name is taken",
            "Another campaign of the account has this name.",
            "Choose another name.",
        ),
        ProblemType(
            "not_possible",
            409,
            "This cannot be done now",
            "The object is in a state in which this makes no sense. Nothing was changed.",
            "Read the object anew; its state says what can be done.",
        ),
        ProblemType(
            "idempotency_under_way",
            409,
            "The same request is under way",
            "A request with this Idempotency-Key has not been answered yet.",
            "Ask again after the seconds that Retry-After says: the answer will be the first one's.",
        ),
        ProblemType(
            "changed_meanwhile",
            412,
            "It was changed meanwhile",
            "The object is no longer the one that If-Match names: somebody else changed it. Nothing was changed.",
            "Read it anew, and decide again.",
        ),
        ProblemType(
            "too_large",
            413,
            "The request is too large",
            "The body is larger than this address takes.",
            "Send less at a time; many numbers go in a file, or are chosen by a filter.",
        ),
        ProblemType(
            "media_type",
            415,
            "The body has another type",
            "The Content-Type is none that this address reads.",
            "Send application/json, and multipart/form-data where a file is uploaded.",
        ),
        ProblemType(
            "invalid",
            422,
            "Something in the request is wrong",
            "The request can be read, but does not hold what this takes. Nothing was changed.",
            "`errors` names each place and what is wrong there.",
        ),
        ProblemType(
            "cursor_invalid",
            422,
            "This is no cursor of this list",
            "A cursor is only good for the list that it came from, and is passed on as it came.",
            "Begin without a cursor, and go on with `next_cursor`.",
        ),
        ProblemType(
            "not_a_number",
            422,
            "This is no phone number that can be shown",
            "What stands under `number` cannot be a caller ID.",
            "Write it as +12065550143.",
        ),
        ProblemType(
            "file_unreadable",
            422,
            "The file cannot be imported",
            "It is no CSV file with a column of phone numbers. Nothing was imported.",
            "Send a CSV file with a column number, and label, source and campaign if there are any.",
        ),
        ProblemType(
            "idempotency_key_reused",
            422,
            "The Idempotency-Key was used for another request",
            "A key stands for one request: method, address and body. This one differs from the first.",
            "Make a new key for each new request, and send the same only with the very same request.",
        ),
        ProblemType(
            "rate_limited",
            429,
            "Too many requests",
            "The key made more requests in this minute than it may.",
            "Wait for as many seconds as Retry-After says.",
        ),
        ProblemType(
            "server_error",
            500,
            "Something went wrong here",
            "The portal failed, and nothing was changed. Whoever runs it finds the reason in its log.",
            "Try again later, with the same Idempotency-Key.",
        ),
    )
}


class Problem(Exception):
    """Raised anywhere below an operation: it becomes the answer. `more` are further members of the problem."""

    def __init__(self, code: str, detail: str = "", *, headers: dict[str, str] | None = None, **more: Any) -> None:
        self.kind = PROBLEM_TYPES[code]
        super().__init__(detail or self.kind.detail)
        self.headers = headers or {}
        self.more = more

    def answer(self) -> HttpResponse:
        said = {
            "type": self.kind.address,
            "title": self.kind.title,
            "status": self.kind.status,
            "code": self.kind.code,
            "detail": str(self),
            "hint": self.kind.hint,
            **self.more,
        }
        return HttpResponse(
            json.dumps(said), status=self.kind.status, content_type=CONTENT_TYPE, headers=dict(self.headers)
        )


def validation_problem(where: str, detail: str, *, code: str = "invalid") -> Problem:
    """What stands at `where` (body.number, query.limit) is wrong, for a reason that no schema can say."""
    return Problem(code, detail, errors=[{"where": where, "detail": detail}])


def problem_from_body_error(error: pydantic.ValidationError) -> Problem:
    """The problem with a JSON body that pydantic itself read: it is no JSON, or does not hold what it should."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if any(one["type"] == "json_invalid" for one in found):
        return Problem("malformed")
    return Problem(
        "invalid",
        errors=[{"where": ".".join(map(str, ("body", *one["loc"]))), "detail": one["msg"]} for one in found[:50]],
    )


def problem_from_exception(error: Exception) -> Problem:
    """The problem that says what an exception means; one that nobody thought of is logged, and its insides not said."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, AuthenticationError):
        return Problem(error.code, error.detail, headers={"WWW-Authenticate": error.challenge})
    if isinstance(error, ValidationError):
        errors = [{"where": _error_location(one["loc"]), "detail": one["msg"]} for one in error.errors]
        return Problem("invalid", errors=errors[:50])
    if isinstance(error, Http404):
        return Problem("not_found")
    if isinstance(error, RequestDataTooBig | TooManyFilesSent):
        return Problem("too_large")
    if isinstance(error, SuspiciousOperation) or (isinstance(error, HttpError) and error.status_code == 400):
        return Problem("malformed")
    logger.error("A request of the API failed", exc_info=error)
    return Problem("server_error")


def _error_location(place: tuple[str | int, ...]) -> str:
    """body.label, query.limit; how the function calls its whole body is nothing that a caller wrote."""
    return ".".join(map(str, (place[0], *place[2:]) if place[0] == "body" else place))


# What an answer that is not ours becomes: Django's own for addresses and methods that are none.
_CODE_BY_STATUS = {400: "malformed", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def problem_details_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable:
    """A middleware: below /api/v1/ whatever is refused before an operation is reached is a problem, too."""

    def middleware(request: HttpRequest) -> HttpResponse:
        answer = get_response(request)
        if (
            answer.status_code < 400
            or not request.path_info.startswith(API_PREFIX)
            or answer.headers.get("Content-Type", "").startswith("application/")
        ):
            return answer
        kept = {name: value for name, value in answer.headers.items() if name == "Allow"}
        return Problem(_CODE_BY_STATUS.get(answer.status_code, "server_error"), headers=kept).answer()

    return middleware
