"""A backup or a restore that is killed at any step leaves nothing that looks complete and is not."""

import json

import pytest
from django.db import connection

from tests.portal.backups.portals import DESCRIBE

pytestmark = pytest.mark.xdist_group("backups")

# With PostgreSQL a restore takes seconds, so fewer of its steps are tried.
STRIDE = 1 if connection.vendor == "sqlite" else 4

KILL_BACKUPS = """
import sys
from pathlib import Path
from tests.portal.backups.killing import kill_backups
print(kill_backups(Path(sys.argv[1]), int(sys.argv[2])))
"""
KILL_RESTORES = f"""
import contextlib, io, json, sys
from pathlib import Path
from tests.portal.backups.killing import kill_restores

def describe():
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec({DESCRIBE!r}, {{}})
    return json.loads(out.getvalue())

print(json.dumps(kill_restores(Path(sys.argv[1]), Path(sys.argv[2]), describe, int(sys.argv[3]))))
"""


def test_killed_backup_never_looks_complete(portal, tmp_path):
    before = portal.describe()
    kills = int(portal.run(KILL_BACKUPS, tmp_path, STRIDE))
    assert kills >= 10 // STRIDE
    assert portal.describe() == before


def test_killed_restore_leaves_the_old_or_the_new_portal_or_says_that_it_is_unfinished(
    portal, backup, empty_portal, tmp_path
):
    empty_portal.manage_well("restore", backup)
    empty_portal.run(
        "from reputation.models import LabelPhoto; from portal.models import Account\n"
        "Account.objects.update(name='Later'); LabelPhoto.objects.first().delete()"
    )
    empty_portal.manage_well("backup", tmp_path / "second.tar.gz")
    found = json.loads(empty_portal.run(KILL_RESTORES, backup, tmp_path / "second.tar.gz", STRIDE))
    assert all(found.values()) or STRIDE > 1, found
    assert found["first"], found
    assert found["unfinished"], found


def test_portal_does_not_start_after_a_restore_was_interrupted(backup, empty_portal):
    empty_portal.manage_well("restore", backup)
    empty_portal.run(
        "from pathlib import Path; from portal.backups.data_directory import begin_restore\n"
        f"begin_restore(Path({str(backup)!r}))"
    )
    advice = f"manage.py restore {backup.resolve()}"
    for command in ("check", "qcluster"):
        refused = empty_portal.manage(command)
        assert refused.returncode == 1
        assert advice in refused.stderr
    assert advice in empty_portal.manage("backup", backup.parent / "another.tar.gz").stderr
    web = empty_portal.manage("shell", "-c", "import portal.wsgi")
    assert web.returncode == 1
    assert advice in web.stderr
    empty_portal.manage_well("restore", backup)
    empty_portal.manage_well("check")
