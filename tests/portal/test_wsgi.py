"""A web process keeps the version of the code that it started with while an upgrade replaces the files.

The garbage collector, which stops all threads, does not look at what a process keeps anyway.
"""

import os
import shutil
import subprocess
import sys

import pytest

from tests.support.processes import ROOT

# Starts a web process from the copy, deletes the copy's views and templates, and uses them.
SCRIPT = """
import gc
import shutil
import sys
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import portal.wsgi
from django.template import engines
from portal.preloading import list_templates

copy = Path(sys.argv[1])
assert Path(portal.__file__).is_relative_to(copy), portal.__file__
names = list_templates()
assert len(names) > 100, names
for folder in ("templates", "portal/views", "reputation/views", "enrollment/forms"):
    shutil.rmtree(copy / folder)

for name in names:
    engines["django"].get_template(name)
statuses = []
request = {"PATH_INFO": "/sign-in/", "HTTP_HOST": "localhost"}
setup_testing_defaults(request)
page = b"".join(portal.wsgi.application(request, lambda status, headers: statuses.append(status)))
assert gc.get_freeze_count() > 20 * len(gc.get_objects()), (gc.get_freeze_count(), len(gc.get_objects()))
assert statuses == ["200 OK"] and b"Sign in" in page, (statuses, page)
"""


@pytest.fixture
def copy_of_the_code(tmp_path):
    copy = tmp_path / "copy"
    for folder in ("portal", "enrollment", "reputation", "templates", "static"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_a_web_process_needs_no_file_of_its_views_and_templates_once_it_has_started(copy_of_the_code, tmp_path):
    environment = {
        "PYTHONPATH": f"{copy_of_the_code}{os.pathsep}{ROOT}",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATA_DIR": str(tmp_path / "data"),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'portal.sqlite3'}",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(copy_of_the_code)],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
