"""Which errors are outages of the database or the disk."""

import errno
import sqlite3

import pytest
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection
from django.db.utils import ConnectionHandler
from psycopg import errors

from portal.db.outages import is_disk_full, is_outage
from tests.support.servers import free_port


def raised_from(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def sqlite_error(code: int, text: str) -> Exception:
    cause = sqlite3.OperationalError(text)
    cause.sqlite_errorcode = code
    return raised_from(OperationalError(text), cause)


OUTAGES = {
    "no space": OSError(errno.ENOSPC, "No space left on device"),
    "read-only file system": OSError(errno.EROFS, "Read-only file system"),
    "SQLite is full": sqlite_error(sqlite3.SQLITE_FULL, "database or disk is full"),
    "SQLite is locked": sqlite_error(sqlite3.SQLITE_BUSY, "database is locked"),
    "SQLite fails to read": sqlite_error(sqlite3.SQLITE_IOERR | 2 << 8, "disk I/O error"),
    "PostgreSQL is full": raised_from(OperationalError("full"), errors.DiskFull()),
    "PostgreSQL shuts down": raised_from(OperationalError("shutdown"), errors.AdminShutdown()),
    "PostgreSQL starts": raised_from(OperationalError("starting"), errors.CannotConnectNow()),
    "too many connections": raised_from(OperationalError("too many"), errors.TooManyConnections()),
    "deadlock": raised_from(OperationalError("deadlock"), errors.DeadlockDetected()),
    "closed connection": InterfaceError("the connection is closed"),
    "no answer": OperationalError("server closed the connection unexpectedly"),
}


@pytest.mark.parametrize("name", OUTAGES)
def test_outages(name):
    assert is_outage(OUTAGES[name])
    assert is_outage(raised_from(ValueError("while it was handled"), OUTAGES[name]))
    assert is_disk_full(OUTAGES[name]) == (name in ("no space", "SQLite is full", "PostgreSQL is full"))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("wrong"),
        OSError(errno.ECONNREFUSED, "a provider does not answer"),
        FileNotFoundError(errno.ENOENT, "no such file"),
        sqlite_error(sqlite3.SQLITE_ERROR, "no such table"),
        raised_from(IntegrityError("twice"), errors.UniqueViolation()),
        raised_from(DatabaseError("wrong"), errors.SyntaxError()),
    ],
)
def test_faults_of_the_work_are_no_outages(error):
    assert not is_outage(error)


@pytest.mark.django_db
def test_a_table_that_is_missing_is_no_outage():
    with pytest.raises(DatabaseError) as raised, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM no_such_table")
    assert not is_outage(raised.value)


def connect(database: dict) -> None:
    """Connect with Django's own backends, so that the error is the one that a view meets."""
    handler = ConnectionHandler({"default": database})
    with handler["default"].cursor():
        pass


@pytest.mark.django_db
def test_a_postgresql_that_is_absent_is_an_outage():
    with pytest.raises(OperationalError) as raised:
        connect({"ENGINE": "django.db.backends.postgresql", "NAME": "x", "HOST": "127.0.0.1", "PORT": str(free_port())})
    assert is_outage(raised.value)


@pytest.mark.django_db
def test_a_sqlite_file_in_a_folder_that_is_absent_is_an_outage(tmp_path):
    with pytest.raises(OperationalError) as raised:
        connect({"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "absent" / "portal.sqlite3"})
    assert is_outage(raised.value)
