"""Failures of tasks: one row for equal ones, which is over once the task succeeds again.

Nothing here raises: what cannot be stored now, because the database is away or full, is kept in the process and stored
after one of the next tasks.
"""

from __future__ import annotations

import logging
import time
import traceback
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from django.db import transaction
from django.db.models import Case, DateTimeField, F, Value, When
from django.utils import timezone

from portal.db.outages import is_outage
from portal.environment import BASE_DIR
from portal.logs.masking import mask
from portal.models import TaskFailure
from portal.text import make_storable

logger = logging.getLogger(__name__)

MAX_TRACEBACK: Final = 20_000
# How many failures a process keeps that it could not store.
MAX_KEPT: Final = 50
# How often a process asks which tasks have open failures: another process may have stored them.
REFRESH_SECONDS: Final = 60


@dataclass(frozen=True)
class Failure:
    """What is stored of one exception, as texts that any database takes."""

    task: str
    arguments: str
    exception: str
    place: str
    message: str
    traceback: str
    at: datetime

    @property
    def fingerprint(self) -> str:
        return sha256("\n".join((self.task, self.exception, self.place)).encode()).hexdigest()


@dataclass
class _Memory:
    """What this process knows: tasks with open failures, when to ask again (monotonic), and failures to be stored."""

    failing: set[str] = field(default_factory=set)
    next_check: float = 0.0
    kept: list[Failure] = field(default_factory=list)


_memory = _Memory()


def record_failure(task: str, args: tuple[object, ...], error: BaseException) -> None:
    """Store that the task raised `error`. Never raises."""
    try:
        _memory.kept = [*_memory.kept, describe_failure(task, args, error, now=timezone.now())][-MAX_KEPT:]
        _memory.failing.add(task)
        if not is_outage(error):  # otherwise storing it would wait for the database, and fail as well
            _store_kept()
    except Exception:
        logger.exception("The failure of %s cannot be stored now", task)


def record_success(task: str, *, started_at: datetime) -> None:
    """End the open failures of the task, if there are any from before `started_at`. Never raises.

    A process asks the database once in REFRESH_SECONDS. Otherwise a task without failures costs no query.
    """
    try:
        if _memory.kept:
            _store_kept()
        if time.monotonic() >= _memory.next_check:
            _memory.next_check = time.monotonic() + REFRESH_SECONDS
            _memory.failing = set(TaskFailure.objects.open().values_list("task", flat=True))
        if task in _memory.failing:
            TaskFailure.objects.open().filter(task=task, last_at__lt=started_at).update(ended_at=timezone.now())
            _memory.failing.discard(task)
    except Exception:
        logger.exception("It cannot be stored now that %s works again", task)


def _store_kept() -> None:
    """Store the failures that the process keeps. Raises if the database cannot; then they stay."""
    with transaction.atomic():
        for failure in _memory.kept:
            store_failure(failure)
    _memory.kept = []


def store_failure(failure: Failure) -> None:
    """Add the failure, or count it up. A row that was over opens again, and is then unseen. Two statements."""
    values = {name: getattr(failure, name) for name in ("arguments", "message", "traceback")}
    row = TaskFailure(
        fingerprint=failure.fingerprint,
        task=failure.task,
        exception=failure.exception,
        place=failure.place,
        first_at=failure.at,
        last_at=failure.at,
        **values,
    )
    TaskFailure.objects.bulk_create([row], ignore_conflicts=True)
    seen_at = Case(When(ended_at__isnull=True, then="seen_at"), default=Value(None), output_field=DateTimeField())
    TaskFailure.objects.filter(fingerprint=failure.fingerprint).update(
        count=F("count") + 1, last_at=failure.at, ended_at=None, seen_at=seen_at, **values
    )


def describe_failure(task: str, args: tuple[object, ...], error: BaseException, *, now: datetime) -> Failure:
    """The failure as texts: without secrets, and no longer than their columns."""
    return Failure(
        task=_clean(task, 200),
        arguments=_clean(", ".join(map(repr, args)), 500),
        exception=_clean(type(error).__qualname__, 200),
        place=_clean(_find_place(error), 300),
        message=_clean(str(error), 1000),
        traceback=_shorten_middle(_clean("".join(traceback.format_exception(error))), MAX_TRACEBACK),
        at=now,
    )


def _clean(text: str, length: int | None = None) -> str:
    return make_storable(mask(text))[:length]


def _shorten_middle(text: str, length: int) -> str:
    """Keep both ends: the first call, and the line that raised."""
    if len(text) <= length:
        return text
    half = length // 2 - 10
    return f"{text[:half]}\n[…]\n{text[-half:]}"


def _find_place(error: BaseException) -> str:
    """The innermost line of the portal's own code, such as "reputation/matching/match.py:31, in match"."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _get_own_path(frame.filename)]
    if not frames:
        return ""
    frame = (own or frames)[-1]
    return f"{_get_own_path(frame.filename) or frame.filename}:{frame.lineno}, in {frame.name}"


def _get_own_path(file_name: str) -> str:
    """The path within the portal, empty for a library, which may be installed in a folder of the portal."""
    path = Path(file_name)
    if not path.is_relative_to(BASE_DIR):
        return ""
    relative = path.relative_to(BASE_DIR)
    return "" if "site-packages" in relative.parts else str(relative)
