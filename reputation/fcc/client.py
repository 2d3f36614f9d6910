"""The FCC's data service (Socrata SODA 2), asked over HTTPS. Knows nothing of models.

Columns and questions: https://opendata.fcc.gov/d/vakf-fz8e. Numbers are written `206-555-0143` there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from portal import __version__
from portal.fcc_settings import FccSettings
from reputation.fcc.answers import AnswerUnusable, Kind, read_day_counts, read_kinds

if TYPE_CHECKING:
    import httpx

DATASET = "vakf-fz8e"
USER_AGENT = f"Number-Reputation-Portal/{__version__}"
# Rows of an answer. Rows are grouped, so 100 numbers have a few hundred. An answer with so many may be cut off.
MAX_ROWS = 10_000
MAX_BYTES = 16 * 1024 * 1024
# The service's own wish to wait is followed up to this time, so that a wrong date does not end asking for ever.
MAX_RETRY_AFTER = timedelta(days=1)


class FccError(Exception):
    """A question without a usable answer. The message is for operators. `retry_after` is what the service asks for."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class FccUnavailable(FccError):
    """No answer, or one that makes no sense. Asking later may help."""


class FccThrottled(FccError):
    """The service has had too many requests."""


class FccRefused(FccError):
    """The service refuses the request. Somebody has to act: the token is wrong, or the data set has changed."""


class FccTooLarge(FccError):
    """The question or its answer is too large. Asking about fewer numbers helps."""


def fetch_rows_updated_at(config: FccSettings) -> int:
    """The version of the data: when the FCC last changed it, in seconds since 1970. Raises FccError."""
    answer = _fetch(config, f"/api/views/{DATASET}", {})
    version = answer.get("rowsUpdatedAt") if isinstance(answer, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or not 0 < version < 2**40:
        raise FccUnavailable(f"The description of the data has no rowsUpdatedAt, but {str(version)[:40]}.")
    return version


def fetch_kinds(config: FccSettings, numbers: Sequence[str]) -> list[Kind]:
    """The complaints about these numbers by kind, over all years. Raises FccError."""
    columns = "caller_id_number,issue,type_of_call_or_messge"  # "messge" is the FCC's spelling
    select = f"{columns},count(*) as n,min(issue_date) as first,max(issue_date) as last"
    rows = _fetch_rows(config, {"$select": select, "$where": _where(numbers), "$group": columns, "$order": columns})
    return _read(read_kinds, rows, numbers)


def fetch_day_counts(config: FccSettings, numbers: Sequence[str], *, after: date) -> dict[tuple[str, date], int]:
    """The complaints about these numbers on each day after `after`, without reports of spoofing. Raises FccError."""
    columns = "caller_id_number,issue,issue_date"
    where = f"{_where(numbers)} and issue_date > '{after:%Y-%m-%d}T00:00:00'"
    rows = _fetch_rows(
        config, {"$select": f"{columns},count(*) as n", "$where": where, "$group": columns, "$order": columns}
    )
    return {key: count for key, count in _read(read_day_counts, rows, numbers).items() if key[1] > after}


def _where(numbers: Sequence[str]) -> str:
    listed = ",".join(f"'{_write_number(number)}'" for number in numbers)
    return f"caller_id_number in({listed})"


def _write_number(e164: str) -> str:
    """+12065550143 as 206-555-0143. Raises ValueError for a number of another country."""
    digits = e164.removeprefix("+1")
    if len(digits) != 10 or not digits.isdecimal():
        raise ValueError(f"{e164} is no number of +1")
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"


def _read(reader: Any, rows: list[Any], numbers: Sequence[str]) -> Any:
    try:
        return reader(rows, {_write_number(number): number for number in numbers})
    except AnswerUnusable as problem:
        raise FccUnavailable(str(problem)) from problem


def _fetch_rows(config: FccSettings, query: dict[str, str]) -> list[Any]:
    rows = _fetch(config, f"/resource/{DATASET}.json", {**query, "$limit": str(MAX_ROWS)})
    if not isinstance(rows, list):
        raise FccUnavailable(f"The answer is no list of rows, but: {str(rows)[:80]}")
    if len(rows) >= MAX_ROWS:
        raise FccTooLarge(f"The answer has {len(rows):,} rows, so it may be cut off.")
    return rows


# Requests -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Response:
    status: int
    headers: httpx.Headers
    body: bytes


def _fetch(config: FccSettings, path: str, query: dict[str, str]) -> Any:
    """The JSON at this path. Raises FccError, in whose message the token does not occur."""
    import httpx  # here, because it takes 7 MB of every process that never asks

    try:
        # In a thread of its own: the caller's may run an event loop already.
        with ThreadPoolExecutor(max_workers=1) as thread:
            response = thread.submit(asyncio.run, _request(config, path, query)).result()
        _raise_for_status(response)
        return _parse_json(response.body)
    except (TimeoutError, httpx.TimeoutException):
        raise FccUnavailable(f"No answer within {config.timeout:g} seconds.") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FccUnavailable(_hide_token(f"No answer: {error or type(error).__name__}", config)) from None
    except FccError as error:
        error.args = (_hide_token(str(error), config),)
        raise


def _parse_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        start = _clean(body[:80].decode(errors="replace"))
        raise FccUnavailable(f"The answer is no JSON, but begins: {start}") from None


async def _request(config: FccSettings, path: str, query: dict[str, str]) -> _Response:
    """One request, which ends within the time-out whatever the server does. Redirects are not followed."""
    import httpx

    headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
    if config.app_token:
        headers["X-App-Token"] = config.app_token
    async with (
        asyncio.timeout(config.timeout),
        httpx.AsyncClient(timeout=config.timeout, headers=headers) as client,
        client.stream("GET", f"{config.url}{path}", params=query) as response,
    ):
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > MAX_BYTES:
                raise FccTooLarge(f"The answer is longer than {MAX_BYTES // 1024 // 1024} MB.")
        return _Response(response.status_code, response.headers, bytes(body))


def _raise_for_status(response: _Response) -> None:
    status = response.status
    if status == HTTPStatus.OK:
        return
    message = _describe(response)
    retry_after = _read_retry_after(response.headers.get("retry-after", ""))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise FccThrottled(message, retry_after)
    if status in (413, 414, 431):
        raise FccTooLarge(message)
    if status == HTTPStatus.REQUEST_TIMEOUT or status >= 500 or status < 300:
        raise FccUnavailable(message, retry_after)
    raise FccRefused(message)


def _describe(response: _Response) -> str:
    """The status, with the code and the message of the service's JSON error if it has them."""
    words = f"Answered {response.status}"
    if location := response.headers.get("location"):
        words += f" and pointed to {_clean(location)[:100]}"
    try:
        error = json.loads(response.body)
    except (ValueError, RecursionError):
        error = None
    if isinstance(error, dict):
        code = error.get("errorCode") or error.get("code") or ""
        message = error.get("message") or ""
        words += f" {_clean(str(code))[:60]}".rstrip() + (f": {_clean(str(message))[:150]}" if message else "")
    return words + ("" if words.endswith(".") else ".")


def _read_retry_after(text: str) -> timedelta | None:
    """Seconds, or a date. None if it is neither."""
    try:
        wait = (
            timedelta(seconds=int(text)) if text.strip().isdecimal() else parsedate_to_datetime(text) - timezone.now()
        )
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, timedelta(0)), MAX_RETRY_AFTER)


def _clean(text: str) -> str:
    """One line of printable characters: PostgreSQL refuses NUL."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _hide_token(text: str, config: FccSettings) -> str:
    return text.replace(config.app_token, "(token)") if config.app_token else text
