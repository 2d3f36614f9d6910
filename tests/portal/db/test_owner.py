"""Two roles on PostgreSQL: `migrate` is the owner of the tables, and the portal cannot alter the audit trail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from portal.db.owner import APPEND_ONLY
from portal.models import AuditBatch, AuditEvent
from tests.support.processes import ROOT, run_python
from tests.support.servers import temporary_postgresql

RECORD = """
from django.utils import timezone
from portal import audit
from portal.audit import Context
from portal.models import Account
account = Account.objects.create(name="Cascade Solar LLC")
audit.record_event(account=account, context=Context.system(timezone.now()), code="account.added", subject=account)
"""
pytestmark = [
    pytest.mark.xdist_group("two roles"),  # one server with a migrated database for all tests
    pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL: make test-postgres"),
]

DENIED = psycopg.errors.InsufficientPrivilege


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a PostgreSQL of its own, with the roles `clerk` and `owner`."""
    with temporary_postgresql() as address:
        with psycopg.connect(address, autocommit=True) as admin:
            admin.execute("CREATE ROLE owner LOGIN")
            admin.execute("CREATE ROLE clerk LOGIN")
        yield address.partition("@")[2].rpartition("/")[0]


def create_database(server: str, name: str, *, owner: str) -> None:
    with psycopg.connect(f"postgres://portal@{server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} OWNER {owner}")


def manage(server: str, folder: Path, name: str, *arguments: str, owner: str = "owner") -> subprocess.CompletedProcess:
    environment = {
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"postgres://clerk@{server}/{name}",
        "MIGRATE_DATABASE_URL": f"postgres://{owner}@{server}/{name}" if owner else "",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def clerk(server, tmp_path_factory) -> Iterator[psycopg.Connection]:
    """The portal's connection to a database with an event, which was recorded and linked as the portal."""
    folder = tmp_path_factory.mktemp("portal")
    create_database(server, "two_roles", owner="owner")
    for arguments in (("migrate", "-v0"), ("shell", "-c", RECORD), ("verify_audit",)):
        done = manage(server, folder, "two_roles", *arguments)
        assert done.returncode == 0, done.stderr[-2_000:]
    assert "1 events in 1 batches verified: nothing was altered." in done.stdout
    with psycopg.connect(f"postgres://clerk@{server}/two_roles", autocommit=True) as connection:
        yield connection


def test_rights_name_the_tables_and_columns_of_the_trail():
    assert list(APPEND_ONLY) == [AuditEvent._meta.db_table, AuditBatch._meta.db_table]
    columns = {field.column for field in AuditBatch._meta.concrete_fields}
    assert set(APPEND_ONLY[AuditBatch._meta.db_table]) < columns


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET account_id = NULL",
        "DELETE FROM {}",
        "TRUNCATE {} CASCADE",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "DROP TABLE {}",
    ],
)
def test_portal_neither_alters_nor_deletes_events(clerk, statement, table):
    with pytest.raises(DENIED):
        clerk.execute(statement.format(table))
    assert clerk.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)


def test_portal_changes_everything_else(clerk):
    clerk.execute("UPDATE portal_auditbatch SET hash = hash")
    clerk.execute("UPDATE portal_account SET name = name")
    clerk.execute("DELETE FROM portal_lease")
    clerk.execute("INSERT INTO portal_failedsignin (email, client, at) VALUES ('', '', now())")


def test_another_migrate_keeps_the_rights(clerk, server, tmp_path):
    assert manage(server, tmp_path, "two_roles", "migrate", "-v0").returncode == 0
    with pytest.raises(DENIED):
        clerk.execute("DELETE FROM portal_auditevent")


def test_tables_of_another_role_are_not_migrated(server, tmp_path):
    create_database(server, "one_role", owner="clerk")
    assert manage(server, tmp_path, "one_role", "migrate", "-v0", owner="").returncode == 0
    done = manage(server, tmp_path, "one_role", "migrate", "-v0")
    assert done.returncode == 1
    assert 'REASSIGN OWNED BY "clerk" TO "owner"' in done.stderr
    with psycopg.connect(f"postgres://portal@{server}/one_role", autocommit=True) as admin:
        admin.execute('REASSIGN OWNED BY "clerk" TO "owner"')
    assert manage(server, tmp_path, "one_role", "migrate", "-v0").returncode == 0


def test_portal_that_may_become_the_owner_is_refused(clerk, server, tmp_path):
    with psycopg.connect(f"postgres://portal@{server}/postgres", autocommit=True) as admin:
        admin.execute("GRANT owner TO clerk")
        done = manage(server, tmp_path, "two_roles", "migrate", "-v0")
        admin.execute("REVOKE owner FROM clerk")
    assert done.returncode == 1
    assert "could alter the audit trail" in done.stderr


def require_two_roles(server: str, name: str) -> None:
    """The clerk reads the event that RECORD added, and cannot delete it."""
    with psycopg.connect(f"postgres://clerk@{server}/{name}", autocommit=True) as portal:
        assert portal.execute("SELECT count(*) FROM portal_auditevent").fetchone() == (1,)
        with pytest.raises(DENIED):
            portal.execute("DELETE FROM portal_auditevent")
        portal.execute("UPDATE portal_account SET name = name")


def test_a_restored_portal_has_two_roles(clerk, server, tmp_path):
    create_database(server, "restored", owner="owner")
    archive = tmp_path / "portal.tar.gz"
    for name, *arguments in (("two_roles", "backup", str(archive)), ("restored", "restore", str(archive))):
        done = manage(server, tmp_path, name, *arguments)
        assert done.returncode == 0, done.stderr[-2_000:]
    require_two_roles(server, "restored")
    assert manage(server, tmp_path, "restored", "verify_audit").returncode == 0


def test_a_portal_that_moved_from_sqlite_as_the_owner_gets_two_roles_with_migrate(server, tmp_path):
    create_database(server, "moved", owner="owner")
    before = {"DATA_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/portal.sqlite3"}
    move = ("move_to_postgres", "--to", f"postgres://owner@{server}/moved")
    for arguments in (("migrate", "-v0"), ("shell", "-c", RECORD), move):
        run_python(
            "manage.py", *arguments, environment=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"} | before
        )
    done = manage(server, tmp_path, "moved", "migrate", "-v0")
    assert done.returncode == 0, done.stderr[-2_000:]
    require_two_roles(server, "moved")
    assert "nothing was altered" in manage(server, tmp_path, "moved", "verify_audit").stdout
