"""The previous release works on a database that this version migrated: an upgrade may migrate while it still runs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.databases import empty_database
from tests.support.processes import ROOT, run_on_database
from tests.upgrade.release import HistoryMissing, extract_previous_release

pytestmark = pytest.mark.xdist_group("upgrade")

SCRIPT = Path(__file__).with_name("use_every_table.py")
# Tables of the first release. A later one has more.
TABLES_OF_EVERY_RELEASE = {"portal_account", "portal_user", "reputation_phonenumber", "enrollment_application"}


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    return extract_previous_release(tmp_path_factory.mktemp("previous-release"))


@pytest.fixture(scope="module")
def migrated_database(tmp_path_factory):
    """The address of a database of its own, of the kind that the tests use, migrated by this version."""
    with empty_database(tmp_path_factory.mktemp("database")) as address:
        run_on_database(address, "manage.py", "migrate", "--no-input", "-v", "0")
        yield address


def use_every_table(folder: Path, address: str) -> dict:
    return json.loads(run_on_database(address, SCRIPT, folder, folder=folder))


def test_the_previous_release_reads_and_writes_every_table_of_this_version(release, migrated_database):
    used = use_every_table(release, migrated_database)
    assert set(used["tables"]) >= TABLES_OF_EVERY_RELEASE
    assert used["errors"] == {}, (
        "The previous release fails on these tables. Add columns with db_default, and remove columns one release after "
        "the last code that uses them: see CONTRIBUTING.md."
    )


def test_this_version_reads_and_writes_every_table(migrated_database):
    assert use_every_table(ROOT, migrated_database)["errors"] == {}


# Changes that the previous release cannot bear, by table.
CHANGES = {
    "portal_apiusage": "ALTER TABLE portal_apiusage ADD COLUMN cluster varchar(20) NOT NULL",
    "portal_lease": "ALTER TABLE portal_lease RENAME COLUMN lease_token TO token",
    "portal_heartbeat": "DROP TABLE portal_heartbeat",
}
EXECUTE = """
import sys
import django
from django.db import connection
django.setup()
with connection.cursor() as cursor:
    for statement in sys.argv[1:]:
        cursor.execute(statement)
"""


def test_changes_that_the_previous_release_cannot_bear_are_found(release, migrated_database):
    """The last test of this database, because it changes the tables."""
    run_on_database(migrated_database, "-c", EXECUTE, *CHANGES.values())
    assert set(use_every_table(release, migrated_database)["errors"]) == set(CHANGES)


def test_a_clone_without_the_history_says_what_is_missing(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path / "clone")], check=True)
    with pytest.raises(HistoryMissing, match="git fetch --unshallow"):
        extract_previous_release(tmp_path, repository=tmp_path / "clone")
