"""Reads the FTC's page when it is due, and fetches the files on it, each once, with a pause between requests.

What is due, and since when the site wants to be left alone, is in the rows of FtcIndexPage and FtcFile. A killed worker
is followed when its claim ends; a file that was loaded in part is completed (see reputation.complaint_files).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from portal.db.bulk import insert_rows, update_rows
from portal.db.outages import is_outage
from portal.files.records import UnreadableFile
from portal.jobs.claims import RELEASED, RowClaim, claim, claim_row
from portal.jobs.runner import BUDGET_SECONDS
from reputation import complaint_files
from reputation.ftc import days
from reputation.ftc.client import Answer, FtcClient, Outcome
from reputation.ftc.content import CutOff, NotAComplaintFile, check_content
from reputation.ftc.index_page import ListedFile, find_files
from reputation.models import FtcFile, FtcIndexPage

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
State = FtcFile.State

UNEXPECTED = "An error that was not expected. The log of the worker has it."
MAX_RETRY_DELAY = timedelta(days=2)
# How often the page is read while the file of the last weekday is not on it.
READ_AGAIN = timedelta(hours=1)


def fetch_due(*, clock: Clock, budget_seconds: float = BUDGET_SECONDS) -> int:
    """Do what is due until the time is up. Returns the number of requests."""
    page, _ = FtcIndexPage.objects.get_or_create(url=settings.FTC_INDEX_URL, defaults={"next_action_at": clock()})
    if not _is_anything_due(page, clock()):
        return 0  # before a client is made, which reads all certificates
    requests, until = 0, time.monotonic() + budget_seconds
    with FtcClient() as client:
        while _is_anything_due(page, clock()) and _wait_for_turn(page, clock(), until):
            if not (_read_page(client, page, clock) or _fetch_file(client, page, clock)):
                break  # another worker holds it
            requests += 1
    return requests


def get_retry_delay(attempts: int) -> timedelta:
    """FTC_RETRY_HOURS after the first failure, and twice as long after each further one."""
    return min(timedelta(hours=settings.FTC_RETRY_HOURS) * 2 ** min(max(attempts - 1, 0), 16), MAX_RETRY_DELAY)


def _is_anything_due(page: FtcIndexPage, now: datetime) -> bool:
    page.refresh_from_db()
    return page.next_action_at <= now or FtcFile.objects.due(now).exists()


def _wait_for_turn(page: FtcIndexPage, now: datetime, until: float) -> bool:
    """Wait for the end of a pause. False if there is no time left, or the pause ends later than `until`."""
    wait = (page.quiet_until - now).total_seconds() if page.quiet_until else 0
    if time.monotonic() + max(wait, 0) >= until:
        return False
    time.sleep(max(wait, 0))
    return True


def _keep_quiet(page: FtcIndexPage, answer: Answer, now: datetime) -> None:
    """Note when the next request may be sent: after the pause, or after the break that the site asks for."""
    pause = timedelta(seconds=settings.FTC_PAUSE_SECONDS)
    quiet = max(pause, answer.retry_after) if answer.outcome is Outcome.BUSY else pause
    FtcIndexPage.objects.filter(pk=page.pk).update(quiet_until=now + quiet)


# The page -------------------------------------------------------------------------------------------------------------


def _read_page(client: FtcClient, page: FtcIndexPage, clock: Clock) -> bool:
    """Read the page if it is due. Returns whether a request was sent."""
    due = FtcIndexPage.objects.filter(next_action_at__lte=clock())
    claimed = claim_row(due, page.pk, now=clock(), attempts=F("attempts") + 1)
    if claimed is None:
        return False
    content = BytesIO()
    try:
        answer = client.fetch(page.url, content, etag=page.etag, last_modified=page.last_modified)
        _keep_quiet(page, answer, clock())
        is_received = answer.outcome is Outcome.RECEIVED
        files = find_files(content.getvalue().decode(errors="replace"), answer.url) if is_received else []
        if files or answer.outcome is Outcome.UNCHANGED:
            _record_page(claimed, answer, files, clock())
            return True
    except Exception as error:
        if is_outage(error):
            claimed.release(attempts=F("attempts") - 1)
        else:
            _record_failure(claimed, page, Answer(Outcome.FAILED, UNEXPECTED), clock())
        raise
    _record_failure(claimed, page, answer, clock())
    return True


def _record_page(claimed: RowClaim[FtcIndexPage], answer: Answer, files: list[ListedFile], now: datetime) -> None:
    """Note the files on the page; none if the page is unchanged. Names the days that it lacks in the log."""
    validators = {"etag": answer.etag, "last_modified": answer.last_modified} if files else {}
    with transaction.atomic():
        if files:
            _record_files(files, now)
        next_reading = _get_next_reading(now)
        claimed.release(last_read_at=now, next_action_at=next_reading, attempts=0, problem="", **validators)
    missing = [day for day in days.get_missing_days(now) if day.reason == days.NOT_LISTED and not day.is_over]
    if missing:
        names = ", ".join(day.day.isoformat() for day in missing)
        logger.warning("FTC complaint files: the page lists no file of %s", names)


def _record_failure(claimed: RowClaim[FtcIndexPage], page: FtcIndexPage, answer: Answer, now: datetime) -> None:
    """The page could not be read, or lists no files. Nothing that was known is changed."""
    problem = answer.problem or "It lists no complaint file. The FTC may have changed the page."
    delay = get_retry_delay(page.attempts + 1)
    if answer.outcome is Outcome.BUSY:
        delay = max(delay, answer.retry_after)
    claimed.release(next_action_at=now + delay, problem=problem[:300])
    logger.warning("FTC complaint files: %s could not be read. %s", page.url, problem)


def _record_files(files: list[ListedFile], now: datetime) -> None:
    """Add new files, due now. Files that are not loaded and have left the page are not asked for again."""
    by_name = {file.name: file for file in files}
    rows = [{"name": file.name, "day": file.day, "url": file.url, "next_action_at": now} for file in files]
    insert_rows(FtcFile, rows, ignore_conflicts=True)
    listed = FtcFile.objects.filter(name__in=by_name)
    known = listed.values_list("pk", "name")
    update_rows(FtcFile, [{"id": pk, "url": by_name[name].url, "is_listed": True} for pk, name in known])
    listed.filter(next_action_at=None).not_loaded().update(next_action_at=now)
    unlisted = FtcFile.objects.exclude(name__in=by_name).filter(is_listed=True)
    unlisted.exclude(state=State.WAITING).update(next_action_at=None)
    unlisted.update(is_listed=False)


def _get_next_reading(now: datetime) -> datetime:
    """With the next file; in an hour, if the file of the last weekday is not listed yet."""
    next_publication = days.get_next_publication(now)
    is_complete = FtcFile.objects.filter(day=days.get_last_published(now)).exists()
    return next_publication if is_complete else min(next_publication, now + READ_AGAIN)


# A file ---------------------------------------------------------------------------------------------------------------


def _fetch_file(client: FtcClient, page: FtcIndexPage, clock: Clock) -> bool:
    """Fetch the newest file that is due. Returns whether a request was sent."""
    token, ids = claim(FtcFile.objects.due(clock()), now=clock(), limit=1, order_by="-day")
    if not ids:
        return False
    file = FtcFile.objects.get(pk=ids[0])
    try:
        with TemporaryDirectory() as folder:
            path = Path(folder) / file.name
            with path.open("wb") as target:
                answer = client.fetch(file.url, target, etag=file.etag, last_modified=file.last_modified)
            _keep_quiet(page, answer, clock())
            values = _take(answer, path, file, clock())
    except Exception as error:
        if not is_outage(error):  # after an outage the task gives the file back
            _record(file, token, _failed(State.FAILED, UNEXPECTED), clock())
        raise
    _record(file, token, values, clock())
    return True


def _take(answer: Answer, path: Path, file: FtcFile, now: datetime) -> dict[str, Any]:
    """Load what was received. Returns the new values of the row."""
    if answer.outcome is Outcome.BUSY:
        return {"attempts": F("attempts") - 1, "problem": answer.problem, "next_action_at": now + answer.retry_after}
    if answer.outcome is Outcome.UNCHANGED:
        return {}  # what was no whole file before is none now
    if answer.outcome is not Outcome.RECEIVED:
        states = {Outcome.NOT_FOUND: State.MISSING, Outcome.CUT_OFF: State.TRUNCATED}
        return _failed(states.get(answer.outcome, State.FAILED), answer.problem)
    validators = {"etag": answer.etag, "last_modified": answer.last_modified}
    try:
        check_content(path)
    except NotAComplaintFile as problem:
        return _failed(State.NO_FILE, str(problem), **validators)
    except CutOff as problem:
        if not problem.lacks_line_end_only:
            return _failed(State.TRUNCATED, str(problem), sha256=answer.sha256, **validators)
        # The same content a second time is what the FTC published. It is asked for without a condition.
        if file.sha256 != answer.sha256:
            return _failed(State.TRUNCATED, str(problem), sha256=answer.sha256)
    try:
        result = complaint_files.load_file(path, now=now)
    except UnreadableFile as problem:
        return _failed(State.NO_FILE, str(problem), **validators)
    logger.info("FTC complaint files: %s has %s rows, %s new complaints", file.name, result.rows, result.loaded)
    return {
        "state": State.LOADED,
        "problem": "",
        "sha256": answer.sha256,
        "loaded_at": now,
        "next_action_at": None,
        "complaint_file": result.file,
        **validators,
    }


def _failed(state: str, problem: str, **values: str) -> dict[str, Any]:
    """Values of a row whose file is not loaded. Without an ETag and a date, it is asked for again unconditionally."""
    return {"state": state, "problem": problem[:300], "etag": "", "last_modified": "", "sha256": "", **values}


def _record(file: FtcFile, token: str, values: dict[str, Any], now: datetime) -> None:
    """Write the result, if this worker still holds the row, and name a gap in the log."""
    is_listed = Q(is_listed=True)
    row = FtcFile.objects.filter(pk=file.pk, lease_token=token)
    if "next_action_at" in values:
        row.update(**values, **RELEASED)
        return
    values = {"next_action_at": now + get_retry_delay(file.attempts), **values}
    # The page may have been read in the meantime: a file that has left it is not asked for again.
    row.filter(~is_listed).update(**values | {"next_action_at": None}, **RELEASED)
    row.filter(is_listed).update(**values, **RELEASED)
    logger.warning(
        "FTC complaint files: %s of %s is missing. %s", file.name, file.day, values.get("problem") or file.problem
    )
