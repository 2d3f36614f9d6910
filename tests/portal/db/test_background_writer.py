"""A thread of each process writes what its requests counted, periodically and at the end."""

from __future__ import annotations

import os
import time

import pytest

from portal.db.background_writer import BackgroundWriter
from tests.support.processes import run_python
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_function_that_fails_is_called_again_and_stops_no_other(caplog):
    called, background = [], BackgroundWriter()

    def fail() -> None:
        called.append("fails")
        raise ValueError("not now")

    background.add(fail, seconds=1)
    background.add(lambda: called.append("works"), seconds=1)
    background.write_all()
    background.write_all()
    assert called == ["fails", "works"] * 2
    assert caplog.text.count("could not be written") == 1, "one line until it works again"


def test_each_function_is_called_when_it_is_due():
    often, rarely = [], []
    background = BackgroundWriter()
    background.add(lambda: often.append(1), seconds=0.01)
    background.add(lambda: rarely.append(1), seconds=3600)
    background.start()
    background.start()
    wait_until(lambda: len(often) > 3)
    assert not rarely
    for write in background._writes:
        write.seconds = 3600
    # From now on the thread sleeps. It would call time.sleep while another test replaces it.
    wait_until(lambda: min(write.due_at for write in background._writes) > time.monotonic() + 60)


# What the process and its child, which it forks, write at their ends.
SCRIPT = """
import os, sys
import django
django.setup()
from portal.db.background_writer import writer

writer.add(lambda: print(f"{sys.argv[1]} writes", flush=True), seconds=3600)
writer.start()
if os.fork() == 0:
    sys.argv[1] = "child"
    if sys.argv[2] == "counts":
        writer.start()
    sys.exit()
os.wait()
"""


@pytest.mark.parametrize(
    ("child", "written"),
    [("counts", {"parent writes", "child writes"}), ("idle", {"parent writes"})],
)
def test_a_process_writes_at_its_end_if_it_counted(child, written, tmp_path):
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "DATA_DIR": str(tmp_path)}
    output = run_python("-c", SCRIPT, "parent", child, environment=environment)
    assert set(output.splitlines()) & {"parent writes", "child writes"} == written
