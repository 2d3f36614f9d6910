"""A backup that is restored is the same portal: all tables, all uploads, with modes that the portal needs."""

import os
import shutil
import stat
import tarfile

import pytest
from django.db import connection

from tests.portal.backups.portals import OPEN_DATABASE, Portal

pytestmark = pytest.mark.xdist_group("backups")


def get_mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_restored_portal_has_every_row_and_every_upload(portal, backup, empty_portal):
    said = empty_portal.manage_well("restore", backup)
    assert empty_portal.describe() == portal.describe()
    assert len(portal.describe()["files"]) == 3, "two photos and an uploaded list"
    assert "Restored the portal as of" in said
    assert "run `manage.py migrate`" in said
    assert "No migrations to apply" in empty_portal.manage_well("migrate")


def test_backup_leaves_nothing_behind_and_is_not_readable_by_others(portal, backup):
    assert get_mode(backup) == 0o640
    assert [path.name for path in backup.parent.iterdir()] == [backup.name]
    assert [path.name for path in portal.uploads.iterdir() if path.name.startswith(".")] == []


def test_restored_files_have_modes_and_owner_of_the_portal(backup, empty_portal):
    """Files of root make the portal fail: sign-in answers 500."""
    owner = 12_345 if os.geteuid() == 0 else os.geteuid()
    os.chown(empty_portal.folder, owner, -1)
    empty_portal.manage_well("restore", backup)
    files = [empty_portal.uploads, *empty_portal.uploads.rglob("*"), *empty_portal.folder.glob("*.sqlite3")]
    assert {path.stat().st_uid for path in files} == {owner}
    assert {get_mode(path) for path in files} == {0o640, 0o750}
    assert {get_mode(path) for path in files if path.is_file()} == {0o640}


def test_a_portal_with_data_is_replaced_only_on_demand(backup, empty_portal):
    empty_portal.manage_well("restore", backup)
    restored = empty_portal.describe()
    (empty_portal.uploads / "imports" / "later.upload").write_text("later")
    empty_portal.run("from portal.models import Account; Account.objects.update(name='Changed')")
    changed = empty_portal.describe()
    refused = empty_portal.manage("restore", backup)
    assert refused.returncode == 1
    assert "This portal has data. Nothing was changed" in refused.stderr
    assert empty_portal.describe() == changed
    empty_portal.manage_well("restore", backup, "--replace")
    assert empty_portal.describe() == restored


# PostgreSQL tells who is connected, and a process without a connection does no harm.
HOLDS = ["open database", *(["web process"] if connection.vendor == "sqlite" else [])]


@pytest.mark.parametrize("hold", HOLDS)
def test_nothing_is_restored_under_a_running_portal(backup, empty_portal, hold):
    with empty_portal.running(OPEN_DATABASE if hold == "open database" else "", "portal.wsgi"):
        refused = empty_portal.manage("restore", backup)
    assert refused.returncode == 1
    assert "under a running portal" in refused.stderr
    assert "systemctl stop portal-web portal-dialer portal-worker" in refused.stderr
    empty_portal.manage_well("restore", backup)


def test_folder_gets_a_named_backup_and_keeps_the_newest(portal, tmp_path):
    other = tmp_path / "notes.tar.gz"
    other.write_text("not ours")
    for day in range(1, 4):
        (tmp_path / f"portal-2026010{day}T000000Z.tar.gz").write_text("old")
    portal.manage_well("backup", tmp_path, "--keep", 2)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept[:2] == ["notes.tar.gz", "portal-20260103T000000Z.tar.gz"]
    assert len(kept) == 3
    with tarfile.open(tmp_path / kept[2]) as archive:
        assert archive.getnames()[-1] == "manifest.json"


def test_existing_file_is_not_overwritten(portal, backup):
    before = backup.read_bytes()
    refused = portal.manage("backup", backup)
    assert "exists already. No backup was made" in refused.stderr
    assert backup.read_bytes() == before


def test_row_whose_file_is_gone_does_not_prevent_a_backup(portal, backup, empty_portal, tmp_path):
    empty_portal.manage_well("restore", backup)
    gone = next(iter(empty_portal.uploads.rglob("*.jpg")))
    gone.unlink()
    said = empty_portal.manage_well("backup", tmp_path / "again.tar.gz")
    assert "1 files that rows name do not exist" in said


def test_only_one_backup_or_restore_works_on_a_portal(portal, tmp_path):
    lock = "from portal.backups.data_directory import lock_data_directory as lock; held = lock(); held.__enter__()"
    with portal.running(lock):
        assert "Another backup, restore or move" in portal.manage("backup", tmp_path).stderr
    portal.manage_well("backup", tmp_path)


def test_backup_is_restored_where_uploads_are_on_a_folder_of_their_own(portal, backup, empty_portal, tmp_path):
    """A mount point cannot be renamed; a link stands for it here."""
    (tmp_path / "volume").mkdir()
    empty_portal.uploads.symlink_to(tmp_path / "volume")
    empty_portal.manage_well("restore", backup)
    assert empty_portal.describe() == portal.describe()
    shutil.rmtree(tmp_path / "volume")


def test_portal_names_what_it_needs(portal, tmp_path):
    nowhere = Portal(tmp_path / "nowhere", portal.database)
    assert "does not exist" in nowhere.manage("restore", tmp_path / "none.tar.gz").stderr
    assert "--keep needs a folder" in portal.manage("backup", tmp_path / "one.tar.gz", "--keep", 3).stderr
    assert "does not exist. No backup was made" in portal.manage("backup", tmp_path / "a" / "b.tar.gz").stderr
