"""Keep the claims of a running task for as long as its process lives.

A claim lasts for ten seconds. A chunk, a download or a provider's answer may take longer, so a thread renews the claims
of the task that its process runs. When the process is killed, the thread dies with it, and another worker takes over
within those ten seconds.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import Error, connection, models, transaction
from django.utils import timezone

logger = logging.getLogger(__name__)

# Three attempts before a claim of ten seconds runs out.
INTERVAL_SECONDS = 3.0
# SQLite: how long a renewal waits for another writer before it leaves it to the next one.
WAIT_MILLISECONDS = 1_000


@dataclass(frozen=True)
class HeldClaim:
    """Rows of a model that carry this token. `attempts` names the field that counted the claim, if one did.

    `is_of_sweep`: a sweep claimed them together, because they were due. Otherwise it is the claim on one row.
    """

    model: type[models.Model]
    ids: tuple[Any, ...]
    token: str
    lease: timedelta
    attempts: str = ""
    is_of_sweep: bool = False


class _Renewer:
    """The claims of one task, and the thread that renews them. The thread ends with the task."""

    def __init__(self) -> None:
        self._claims: dict[str, HeldClaim] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, claim: HeldClaim) -> None:
        with self._lock:
            self._claims[claim.token] = claim
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="renewal", daemon=True)
            self._thread.start()

    def drop(self, *tokens: str) -> None:
        with self._lock:
            for token in tokens:
                self._claims.pop(token, None)

    def get_claims(self) -> list[HeldClaim]:
        with self._lock:
            return list(self._claims.values())

    def end(self) -> None:
        """Wait for the thread, which closes its connection to the database first."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        renew_until(self._ended, lambda: _renew(self.get_claims()))


def renew_until(ended: threading.Event, renew: Callable[[], object]) -> None:
    """Call `renew` every few seconds until the event is set; for a thread of its own, whose connection is closed then.

    While the database is away or busy, nobody else can take over, and the next attempt is near.
    """
    try:
        while not ended.wait(INTERVAL_SECONDS):
            try:
                if connection.vendor == "sqlite" and connection.connection is None:
                    with connection.cursor() as cursor:
                        cursor.execute(f"PRAGMA busy_timeout = {WAIT_MILLISECONDS}")
                renew()
            except Error as error:
                logger.debug("Claims were not renewed: %s", error)
                connection.close()
    finally:
        connection.close()


def _renew(claims: list[HeldClaim]) -> None:
    """Renew what the task still holds. Skip rows that a transaction of the task locks: it renews them itself."""
    by_model: dict[tuple[type[models.Model], timedelta], list[HeldClaim]] = defaultdict(list)
    for claim in claims:
        by_model[claim.model, claim.lease].append(claim)
    for (model, lease), held in by_model.items():
        ids = [pk for claim in held for pk in claim.ids]
        rows = model._base_manager.filter(pk__in=ids, lease_token__in=[claim.token for claim in held])
        with transaction.atomic():
            free = rows.select_for_update(skip_locked=True, of=("self",)).order_by("pk")
            rows.filter(pk__in=list(free.values_list("pk", flat=True))).update(lease_until=timezone.now() + lease)


_renewer: ContextVar[_Renewer | None] = ContextVar("renewer", default=None)


@contextmanager
def keep_claims() -> Iterator[None]:
    """Renew all claims that are made within the block until they are released, or until it ends.

    A block within another one is part of it.
    """
    if _renewer.get() is not None:
        yield
        return
    renewer = _Renewer()
    previous = _renewer.set(renewer)
    try:
        yield
    finally:
        _renewer.reset(previous)
        renewer.end()


@contextmanager
def keep_claims_of_step() -> Iterator[None]:
    """Stop renewing the claims that are made within the block when it ends: its rows are done.

    After an error they are kept, so that the task can give them back.
    """
    renewer = _renewer.get()
    before = {claim.token for claim in renewer.get_claims()} if renewer else set()
    yield
    if renewer:
        renewer.drop(*({claim.token for claim in renewer.get_claims()} - before))


def keep(claim: HeldClaim) -> None:
    """Renew this claim while the task of this process runs. Does nothing outside a task.

    Nor within a transaction: nobody else sees its claim before it commits, and the thread does not either.
    """
    renewer = _renewer.get()
    if renewer is not None and not connection.in_atomic_block:
        renewer.add(claim)


def drop(token: str) -> None:
    """Stop renewing the claim with this token."""
    renewer = _renewer.get()
    if renewer is not None:
        renewer.drop(token)


def get_kept_claims() -> list[HeldClaim]:
    """The claims that the running task holds."""
    renewer = _renewer.get()
    return renewer.get_claims() if renewer else []
