"""What is no complete backup for this portal is refused, and nothing changes."""

import io
import json
import tarfile

import pytest
from django.db import connection

from portal.backups import postgresql_programs
from portal.backups.archive import DATABASES
from portal.backups.errors import BackupError
from tests.portal.backups.portals import Portal
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.xdist_group("backups")


def change_archive(source, target, change):
    """Copy an archive. `change` gets the contents by name, and may change them."""
    with tarfile.open(source) as archive:
        contents = {member.name: archive.extractfile(member).read() for member in archive}
    change(contents)
    with tarfile.open(target, "w:gz", compresslevel=1) as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def change_manifest(**values):
    def change(contents):
        contents["manifest.json"] = json.dumps(json.loads(contents["manifest.json"]) | values).encode()

    return change


def flip_a_byte_of_the_database(contents):
    name = next(name for name in contents if name.startswith("database"))
    content = bytearray(contents[name])
    content[len(content) // 2] ^= 1
    contents[name] = bytes(content)


def add_a_file_outside(contents):
    contents["uploads/../../evil"] = b"evil"


def make_it_of_another_database(contents):
    other = "postgresql" if connection.vendor == "sqlite" else "sqlite"
    change_manifest(database=other)(contents)
    files = json.loads(contents["manifest.json"])["contents"]
    files[DATABASES[other]] = files.pop(DATABASES[connection.vendor])
    contents[DATABASES[other]] = contents.pop(DATABASES[connection.vendor])
    change_manifest(contents=files)(contents)


CHANGES = {
    "a changed byte": (flip_a_byte_of_the_database, "is damaged: database"),
    "a missing upload": (lambda c: c.pop(next(name for name in c if name.endswith(".jpg"))), "is damaged: uploads/"),
    "an added upload": (lambda c: c.update({"uploads/new": b"new"}), "is damaged: uploads/new"),
    "no manifest": (lambda c: c.pop("manifest.json"), "has no manifest"),
    "no JSON as manifest": (lambda c: c.update({"manifest.json": b"\0{"}), "manifest of the archive cannot be read"),
    "a path outside": (add_a_file_outside, "is not a backup of the portal"),
    "another product": (change_manifest(product="another"), "manifest of the archive cannot be read"),
    "a later format": (change_manifest(format=99, version="9.9"), "made by version 9.9"),
    "another database": (make_it_of_another_database, "This is a backup of"),
    "a newer schema": (change_manifest(migrations=["portal.9999_later"]), "newer than this code"),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_changed_archive_is_refused(backup, empty_portal, tmp_path, change, message):
    archive = tmp_path / "changed.tar.gz"
    change_archive(backup, archive, change)
    check_refused(empty_portal, archive, message)


@pytest.mark.parametrize("size", [0, 100, 0.5, 0.999])
def test_archive_that_is_cut_off_is_refused(backup, empty_portal, tmp_path, size):
    content = backup.read_bytes()
    archive = tmp_path / "cut.tar.gz"
    archive.write_bytes(content[: size if size > 1 else int(len(content) * size)])
    check_refused(empty_portal, archive, "cut off or damaged")


def test_foreign_file_is_refused(empty_portal, tmp_path):
    archive = tmp_path / "notes.txt"
    archive.write_text("These are notes.\n" * 1000)
    check_refused(empty_portal, archive, "is not a backup of the portal")


def check_refused(portal: Portal, archive, message: str) -> None:
    before = sorted(portal.folder.rglob("*"))
    refused = portal.manage("restore", archive)
    assert refused.returncode == 1
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr
    assert sorted(portal.folder.rglob("*")) == before, "nothing was written"


def test_backup_on_a_full_disk_leaves_no_file(portal, tmp_path):
    with small_disk(tmp_path / "small", size="300k") as small:
        refused = portal.manage("backup", small)
        assert refused.returncode == 1
        assert "No backup was made" in refused.stderr
        assert "o space left" in refused.stderr
        assert list(small.iterdir()) == []


def test_restore_on_a_full_disk_changes_nothing(backup, empty_portal):
    with small_disk(empty_portal.uploads, size="100k") as uploads:
        refused = empty_portal.manage("restore", backup)
        assert refused.returncode == 1
        assert "No space left" in refused.stderr
        assert list(uploads.iterdir()) == []
    empty_portal.manage_well("restore", backup)


needs_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="programs and passwords of PostgreSQL")


@needs_postgresql
def test_server_that_refuses_the_connection_is_named(portal, tmp_path):
    wrong = Portal(portal.folder, portal.database.replace("//portal:", "//nobody:wrong"))
    refused = wrong.manage("backup", tmp_path)
    assert refused.returncode == 1
    assert "the database cannot be reached" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_missing_programs_are_named_with_their_package(monkeypatch, tmp_path):
    monkeypatch.setattr(postgresql_programs, "DEBIAN_FOLDER", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match=r"not on this machine.*apt-get install postgresql-client$"):
        postgresql_programs.find_programs(15)


def test_programs_that_are_too_old_are_explained():
    with pytest.raises(BackupError, match=r"version 99 is needed.*apt-get install postgresql-client-99"):
        postgresql_programs.find_programs(99)


def test_the_oldest_sufficient_programs_are_used(monkeypatch, tmp_path):
    for version in (14, 15, 16):
        folder = tmp_path / str(version) / "bin"
        folder.mkdir(parents=True)
        for name in postgresql_programs.NAMES:
            (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}.3 (Debian)'\n")
            (folder / name).chmod(0o755)
    monkeypatch.setattr(postgresql_programs, "DEBIAN_FOLDER", tmp_path)
    assert postgresql_programs.find_programs(15).version == 15
