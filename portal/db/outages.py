"""Outages: errors that say that the database or the disk cannot be used now. What failed is not to blame, and waits.

Such are a database that does not answer, is locked or starts up, and a disk that is full or cannot be written to.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator

from django.db import Error, InterfaceError, OperationalError

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
# Primary result codes: https://www.sqlite.org/rescode.html
SQLITE_ERRORS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
# Classes and codes of https://www.postgresql.org/docs/15/errcodes-appendix.html: connection failures, no resources (the
# disk is full, too many connections), errors of the system, a deadlock or another lost race, shutting down or starting,
# read-only, lock not available.
POSTGRESQL_CLASSES = ("08", "40", "53", "58")
POSTGRESQL_CODES = frozenset({"57P01", "57P02", "57P03", "25006", "55P03"})


def is_outage(error: BaseException) -> bool:
    """Whether this error, or one that it was raised from or because of, says that the database or disk is unusable."""
    return any(map(_is_outage, _iter_chain(error)))


def is_disk_full(error: BaseException) -> bool:
    """Whether the reason is a disk without space, that of the database included."""
    return any(
        (isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT))
        or _get_sqlite_code(one) == sqlite3.SQLITE_FULL
        or getattr(one, "sqlstate", None) == "53100"
        for one in _iter_chain(error)
    )


def _iter_chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_outage(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in DISK_ERRORS
    if isinstance(error, sqlite3.Error):
        return _get_sqlite_code(error) in SQLITE_ERRORS
    if isinstance(error, InterfaceError):  # the connection is closed
        return True
    if not isinstance(error, Error) or isinstance(error.__cause__, sqlite3.Error):
        return False
    code = getattr(error.__cause__, "sqlstate", None)
    if code is None:  # no answer of the server: it could not be reached, or went away
        return isinstance(error, OperationalError)
    return code.startswith(POSTGRESQL_CLASSES) or code in POSTGRESQL_CODES


def _get_sqlite_code(error: BaseException) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(error, sqlite3.Error) and code is not None else None
