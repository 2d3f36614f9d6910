"""Requests to the FTC's site: conditional, honest about who asks, and limited in time and size.

A redirect is followed within the site only, so that nothing but the configured address decides where files come from.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from http import HTTPStatus
from types import TracebackType
from typing import BinaryIO

import httpx
from django.conf import settings
from django.utils import timezone

from portal import __version__
from reputation.ftc.index_page import is_same_site

PRODUCT = "Number-Reputation-Portal"
MAX_REDIRECTS = 3
MAX_VALIDATOR_LENGTH = 200
# The site may ask for a break. Without a time it is this long, and never longer than a week.
DEFAULT_BREAK = timedelta(hours=1)
MAX_BREAK = timedelta(days=7)


class Outcome(Enum):
    RECEIVED = auto()
    UNCHANGED = auto()
    NOT_FOUND = auto()
    CUT_OFF = auto()
    BUSY = auto()  # the site asks for a break
    FAILED = auto()


@dataclass(frozen=True)
class Answer:
    """What came of a request. `problem` says in a sentence why nothing was received."""

    outcome: Outcome
    problem: str = ""
    url: str = ""  # after redirects
    etag: str = ""
    last_modified: str = ""
    sha256: str = ""
    retry_after: timedelta = DEFAULT_BREAK


class FtcClient:
    def __enter__(self) -> FtcClient:
        headers = {"User-Agent": get_user_agent(), "Accept": "text/csv, text/html", "Accept-Encoding": "identity"}
        self._client = httpx.Client(headers=headers, timeout=settings.FTC_TIMEOUT_SECONDS, follow_redirects=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def fetch(self, url: str, target: BinaryIO, *, etag: str = "", last_modified: str = "") -> Answer:
        """Write the content of the address to `target`. With an ETag or a date, only if it has changed since."""
        conditions = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        headers = {name: value for name, value in conditions.items() if value}
        deadline = time.monotonic() + settings.FTC_TIMEOUT_SECONDS
        try:
            return self._fetch(httpx.URL(url), target, headers, deadline)
        except httpx.TimeoutException:
            return Answer(Outcome.FAILED, f"No answer within {settings.FTC_TIMEOUT_SECONDS:g} seconds.")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(Outcome.FAILED, f"No connection: {str(error) or type(error).__name__}."[:300])

    def _fetch(self, url: httpx.URL, target: BinaryIO, headers: dict[str, str], deadline: float) -> Answer:
        for _ in range(MAX_REDIRECTS + 1):
            with self._client.stream("GET", url, headers=headers) as response:
                if not response.has_redirect_location:
                    return _read_response(response, target, deadline)
                location = url.join(response.headers["location"])
            if not is_same_site(location, url):
                return Answer(Outcome.FAILED, f"It points to another site, which is not followed: {location}."[:300])
            url = location
        return Answer(Outcome.FAILED, f"It points to other addresses more than {MAX_REDIRECTS} times.")


def get_user_agent() -> str:
    """The product, its version, and the portal's address, where the FTC's staff find whom to ask."""
    return f"{PRODUCT}/{__version__} (+{settings.PUBLIC_URL})"


def _read_response(response: httpx.Response, target: BinaryIO, deadline: float) -> Answer:
    status = response.status_code
    if status == HTTPStatus.OK:
        return _read_content(response, target, deadline)
    if status == HTTPStatus.NOT_MODIFIED:
        return Answer(Outcome.UNCHANGED, url=str(response.url))
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return Answer(Outcome.NOT_FOUND, f"The address does not exist ({status}).")
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        retry_after = parse_retry_after(response.headers.get("retry-after", ""), timezone.now())
        return Answer(Outcome.BUSY, f"The site asks for a break ({status}).", retry_after=retry_after)
    return Answer(Outcome.FAILED, f"The site answers {status} {response.reason_phrase}".strip()[:300] + ".")


def _read_content(response: httpx.Response, target: BinaryIO, deadline: float) -> Answer:
    size, sha256, limit = 0, hashlib.sha256(), settings.FTC_MAX_FILE_MB * 1_000_000
    try:
        for part in response.iter_bytes():
            size += len(part)
            if size > limit:
                return Answer(Outcome.FAILED, f"It is larger than {settings.FTC_MAX_FILE_MB} MB (FTC_MAX_FILE_MB).")
            if time.monotonic() > deadline:
                return Answer(Outcome.FAILED, f"It took longer than {settings.FTC_TIMEOUT_SECONDS:g} seconds.")
            sha256.update(part)
            target.write(part)
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return Answer(Outcome.CUT_OFF, f"The connection broke off after {size:,} bytes.")
    return Answer(
        Outcome.RECEIVED,
        url=str(response.url),
        etag=_get_validator(response, "etag"),
        last_modified=_get_validator(response, "last-modified"),
        sha256=sha256.hexdigest(),
    )


def _get_validator(response: httpx.Response, name: str) -> str:
    """The header; nothing if it is longer than a column that stores it, because a part of it is worth nothing."""
    value = response.headers.get(name, "")
    return value if len(value) <= MAX_VALIDATOR_LENGTH else ""


def parse_retry_after(text: str, now: datetime) -> timedelta:
    """The time in a Retry-After header, which has seconds or a date."""
    try:
        wait = timedelta(seconds=int(text)) if text.strip().isdecimal() else parsedate_to_datetime(text) - now
    except (ValueError, TypeError, OverflowError):
        return DEFAULT_BREAK
    return min(max(wait, timedelta(0)), MAX_BREAK)
