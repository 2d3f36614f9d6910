"""Tests of one group run in one process, because they share what is expensive: a browser, a portal, a database."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.processes import ROOT

# A test file. Each test writes the name of the process that runs it.
TESTS = """
import os
import pytest

pytestmark = [{marks}]

@pytest.mark.parametrize("number", range(5))
def test_process_is_known(number):
    with open({log!r}, "a") as log:
        log.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


def test_tests_of_one_group_run_in_one_process(tmp_path):
    grouped, others = tmp_path / "grouped.log", tmp_path / "others.log"
    mark = 'pytest.mark.xdist_group("shared")'
    files = {
        "test_first.py": TESTS.format(marks=mark, log=str(grouped)),
        "test_second.py": TESTS.format(marks=mark, log=str(grouped)),
        "test_others.py": TESTS.format(marks="", log=str(others)),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    # With the options of pyproject.toml.
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "--rootdir", tmp_path, "-n", "2", tmp_path],
        cwd=ROOT,
        env=os.environ | {"DATA_DIR": str(tmp_path / "data"), "PYTEST_ADDOPTS": "-p no:cacheprovider"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    processes = grouped.read_text().split()
    assert len(processes) == 10
    assert len(set(processes)) == 1
    assert set(others.read_text().split()) - set(processes), "the other process was idle"


def test_no_name_of_a_test_holds_a_whole_file(request):
    """A file may hold the time at which it was made, and all workers must find the same names."""
    names = [item.nodeid.partition("::")[2] for item in request.session.items]
    assert max(map(len, names)) < 400
