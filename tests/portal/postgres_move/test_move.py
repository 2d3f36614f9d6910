"""A portal on SQLite is copied to PostgreSQL, whatever interrupts the move."""

import json
import sqlite3

import psycopg
import pytest
from django.db import connection

from portal.postgres_move.tables import list_tables
from tests.portal.backups.portals import FILL, OPEN_DATABASE, Portal
from tests.support.databases import copied_postgresql, empty_postgresql, get_server_address

pytestmark = [
    pytest.mark.xdist_group("postgres_move"),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL: make test-postgres"),
]

# Values that the two databases store in different ways.
ODD_VALUES = r"""
from datetime import datetime, timezone as tz
from allauth.usersessions.models import UserSession
from portal.models import Account, Heartbeat, Lease, User
from enrollment.models import Application
account = Account.objects.get()
odd = {
    "b": [1, 1.0, 1e16, 1e-7, 12345678901234567890, True, None], "a": "ü \U0001f600 \\ \n \t \"",
    "ÿ": {}, "": "\x00", "e": {"z": 1, "y": []},
}
Application.objects.create(account=account, legal_name="Ünïcode \\N \t", answers=odd, business={})
Heartbeat.objects.create(name="whole second", at=datetime(2026, 3, 8, 7, 0, 0, tzinfo=tz.utc))
Heartbeat.objects.create(name="Ümlaut", at=datetime(2026, 11, 1, 5, 59, 59, 999999, tzinfo=tz.utc))
Heartbeat.objects.create(name="a microsecond", at=datetime(1999, 12, 31, 23, 59, 59, 1, tzinfo=tz.utc))
user = User.objects.order_by("pk").first()
for key, ip in (("v4", "203.0.113.9"), ("v6", "2001:db8::7")):
    UserSession.objects.create(user=user, session_key=key, ip=ip)
for name in ("Z", "a", "ä", "_", "-", "B b"):
    Lease.objects.create(name=name)
"""
READ_ODD_VALUES = """
import json
from allauth.usersessions.models import UserSession
from enrollment.models import Application
from portal.models import Heartbeat
from reputation.models import Desk, PhoneNumber
print(json.dumps({
    "odd": Application.objects.get(legal_name__startswith="Ün").answers,
    "name": Application.objects.get(legal_name__startswith="Ün").legal_name,
    "times": {beat.name: beat.at.isoformat() for beat in Heartbeat.objects.all()},
    "addresses": sorted(UserSession.objects.values_list("ip", flat=True)),
    "facets": sorted(PhoneNumber.objects.values_list("facet", flat=True)),
    "desks": [sorted(desk.engines.values_list("slug", flat=True)) for desk in Desk.objects.order_by("pk")],
}, sort_keys=True))
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """A portal on SQLite with data. Tests only read it."""
    folder = tmp_path_factory.mktemp("portal")
    portal = Portal(folder, f"sqlite:///{folder}/portal.sqlite3")
    portal.manage_well("migrate", "--no-input", "-v", "0")
    portal.run(FILL)
    portal.run(ODD_VALUES)
    return portal


@pytest.fixture(scope="module")
def migrated(portal):
    """The address of a database that `migrate` made. Tests only read it, and copy it."""
    with empty_postgresql(get_server_address()) as address:
        Portal(portal.folder, address).manage_well("migrate", "--no-input", "-v", "0")
        yield address


@pytest.fixture
def address(migrated):
    """The address of a database of the test's own, with the tables of a new portal."""
    with copied_postgresql(migrated) as address:
        yield address


@pytest.fixture(scope="module")
def moved(portal):
    """The portal, moved into a database without tables, and what the command said. Tests only read it, and copy it."""
    with empty_postgresql(get_server_address()) as address:
        said = portal.manage_well("move_to_postgres", "--to", address)
        yield Portal(portal.folder, address), said


def test_moved_portal_has_the_same_rows_and_works(portal, moved):
    there, said = moved
    before, after = portal.describe()["tables"], there.describe()["tables"]
    assert {name: rows for name, (rows, _) in before.items()} == {name: rows for name, (rows, _) in after.items()}
    assert "Creating the tables." in said
    assert "each table verified" in said
    assert "portal_account: 1 of 1 rows copied" in said
    expected, found = json.loads(portal.run(READ_ODD_VALUES)), json.loads(there.run(READ_ODD_VALUES))
    assert expected["odd"].pop("") == "\0"
    assert found["odd"].pop("") == "\ufffd", "PostgreSQL stores no NUL"
    assert found == expected
    assert "No migrations to apply" in there.manage_well("migrate")


USE = """
from django.db import IntegrityError, connection, transaction
from portal.models import Account
from reputation.models import Campaign, NumberCount
from tests.factories import MemberFactory, PhoneNumberFactory
account = Account.objects.get()
before = NumberCount.objects.for_account(account).total()
PhoneNumberFactory(account=account, e164="+12065559999")
MemberFactory(account=account, user__email="new@example.com")
assert NumberCount.objects.for_account(account).total() == before + 1
with connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'")
    assert cursor.fetchone() == (0,)
    cursor.execute("SELECT to_regclass('portal_move')")
    assert cursor.fetchone() == (None,)
try:
    with transaction.atomic():
        Campaign.objects.create(account_id=999_999, name="Nobody's")
except IntegrityError:
    print("refused")
"""


def test_moved_portal_takes_new_rows_and_counts_them(moved):
    """Sequences are above the copied ids, and the triggers and foreign keys are back."""
    there, _ = moved
    with copied_postgresql(there.database) as copy:
        assert Portal(there.folder, copy).run(USE) == "refused\n"


# Names, since PostgreSQL writes a definition in other words once it was dumped and read again.
LIST_INDEXES_AND_CONSTRAINTS = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute(
        "SELECT tablename || '.' || indexname FROM pg_indexes WHERE schemaname = current_schema() "
        "UNION ALL SELECT conrelid::regclass || conname || contype::text || convalidated::text FROM pg_constraint "
        "WHERE connamespace = current_schema()::regnamespace ORDER BY 1"
    )
    for (name,) in cursor.fetchall():
        print(name)
"""


def test_moved_database_has_the_indexes_and_constraints_of_a_migrated_one(moved, migrated):
    there, _ = moved
    expected = Portal(there.folder, migrated)
    assert there.run(LIST_INDEXES_AND_CONSTRAINTS) == expected.run(LIST_INDEXES_AND_CONSTRAINTS)


def test_killed_move_continues_until_all_is_moved(portal, address):
    """The first run is killed after some statements, the next one after as many, and so on."""
    script = """
import os, signal, sys
import psycopg
from portal.postgres_move.move import move_to_postgresql
left = int(sys.argv[2])
execute = psycopg.Cursor.execute
def execute_or_die(self, *arguments, **options):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(self, *arguments, **options)
psycopg.Cursor.execute = execute_or_die
move_to_postgresql(sys.argv[1], chunk=7, report=lambda line: print(line, flush=True))
print("moved", flush=True)
"""
    there = Portal(portal.folder, address)
    kills, said = 0, ""
    statements = 400
    while "moved" not in said:
        run = portal.start(script, address, statements)
        said = run.communicate()[0].decode()
        if run.returncode:
            assert run.returncode == -9, said
            kills += 1
            statements += 150
        assert kills < 20, said
    assert kills >= 2
    assert "Continuing an unfinished move." in said
    assert there.describe()["tables"].keys() == portal.describe()["tables"].keys()
    assert "has users or accounts" in portal.manage("move_to_postgres", "--to", address).stderr


def test_source_that_changes_before_the_move_continues_is_found(portal, address, tmp_path):
    own = copy_portal(portal, tmp_path)
    script = (
        "import sys; from portal.postgres_move.move import move_to_postgresql\\n"
        "def stop(line):\\n"
        "    if 'portal_account:' in line: raise SystemExit\\n"
        "move_to_postgresql(sys.argv[1], report=stop)"
    ).replace("\\n", "\n")
    own.run(script, address)
    own.run("from portal.models import Account; Account.objects.update(name='Changed meanwhile')")
    refused = own.manage("move_to_postgres", "--to", address)
    assert refused.returncode == 1
    assert "has changed since the move began" in refused.stderr
    assert "rows are in PostgreSQL" in own.manage_well("move_to_postgres", "--to", address, "--restart")
    there = Portal(own.folder, address)
    assert "Changed meanwhile" in there.run("from portal.models import Account; print(Account.objects.get().name)")


def test_nobody_can_write_to_the_source_while_it_is_moved(portal, address, tmp_path):
    own = copy_portal(portal, tmp_path)
    script = """
import sqlite3, sys
from portal.backups.sqlite import get_path
from portal.postgres_move.move import move_to_postgresql
refused = []
def write(line):
    other = sqlite3.connect(get_path(), timeout=0)
    try:
        other.execute("UPDATE portal_account SET name = 'changed'")
    except sqlite3.OperationalError as error:
        refused.append(str(error))
    other.close()
move_to_postgresql(sys.argv[1], report=write)
print(len(refused), set(refused))
"""
    assert "{'database is locked'}" in own.run(script, address)


def test_running_portal_is_not_moved(portal, address):
    with portal.running(OPEN_DATABASE):
        refused = portal.manage("move_to_postgres", "--to", address)
    assert refused.returncode == 1
    assert "under a running portal" in refused.stderr
    assert "systemctl stop portal-web portal-dialer portal-worker" in refused.stderr


def test_value_that_postgresql_refuses_is_named(portal, address, tmp_path):
    own = copy_portal(portal, tmp_path)
    with sqlite3.connect(own.folder / "portal.sqlite3") as database:
        database.execute("UPDATE portal_account SET name = ?", ("x" * 5000,))
    database.close()
    refused = own.manage("move_to_postgres", "--to", address)
    assert refused.returncode == 1
    assert "value too long" in refused.stderr
    assert "portal_account" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_address_that_does_not_answer_is_named(portal, address):
    refused = portal.manage("move_to_postgres", "--to", address.replace("/beside_", "/missing_"))
    assert refused.returncode == 1
    assert "The new database cannot be reached" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_address_may_name_the_folder_of_a_socket(portal, address, monkeypatch):
    """As docs/production.md sets DATABASE_URL: the user is that of the process, or PGUSER."""
    server, _, name = address.rpartition("/")
    with psycopg.connect(f"{server}/{name}") as asked:
        (folder,) = asked.execute("SHOW unix_socket_directories").fetchone()
    monkeypatch.setenv("PGUSER", connection.settings_dict["USER"])
    monkeypatch.setenv("PGPORT", str(connection.settings_dict["PORT"]))
    assert "each table verified" in portal.manage_well("move_to_postgres", "--to", f"postgres:///{folder}/{name}")


@pytest.mark.parametrize("address", ["sqlite:////tmp/other.sqlite3", "portal", "postgres://127.0.0.1:port/portal"])
def test_what_is_no_address_of_postgresql_is_refused(portal, address):
    refused = portal.manage("move_to_postgres", "--to", address)
    assert refused.returncode == 1
    assert "no address of a PostgreSQL database" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.django_db
def test_every_table_is_moved_but_the_list_of_migrations():
    """`migrate` fills that one in the new database."""
    tables = set(connection.introspection.table_names()) - {"django_migrations"}
    assert {table.name for table in list_tables()} == tables


def copy_portal(portal: Portal, folder) -> Portal:
    """A copy that a test may change."""
    source = sqlite3.connect(portal.folder / "portal.sqlite3")
    copy = sqlite3.connect(folder / "portal.sqlite3")
    source.backup(copy)
    source.close()
    copy.close()
    return Portal(folder, f"sqlite:///{folder}/portal.sqlite3")
