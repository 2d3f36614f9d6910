"""Databases beside the test database, of the same kind."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.db import connection
from psycopg import sql


@contextmanager
def empty_database(folder: Path) -> Iterator[str]:
    """Yield the DATABASE_URL of a new database without tables: a file in the folder, or on the tests' PostgreSQL."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{folder / f'{secrets.token_hex(4)}.sqlite3'}"
        return
    with empty_postgresql(get_server_address()) as address:
        yield address


def get_server_address() -> str:
    """The address of the tests' PostgreSQL, without a database."""
    server = connection.settings_dict
    return f"postgres://{server['USER']}:{server['PASSWORD']}@{server['HOST']}:{server['PORT']}"


@contextmanager
def empty_postgresql(server: str) -> Iterator[str]:
    """Yield the DATABASE_URL of a new database without tables on the server, and drop it afterwards."""
    with _create_postgresql(server, template="template1") as address:
        yield address


@contextmanager
def copied_postgresql(address: str) -> Iterator[str]:
    """Yield the DATABASE_URL of a copy of a database, to which nobody may be connected, and drop it afterwards.

    A copy takes a fraction of a second, and `migrate` 15 seconds.
    """
    server, _, name = address.rpartition("/")
    with _create_postgresql(server, template=name) as copy:
        yield copy


@contextmanager
def _create_postgresql(server: str, *, template: str) -> Iterator[str]:
    name = f"beside_{secrets.token_hex(6)}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(create)
    try:
        yield f"{server}/{name}"
    finally:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
