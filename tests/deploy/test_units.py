"""The systemd units: systemd accepts them, and they keep the data from other users."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.deploy.units import read_unit
from tests.support.processes import ROOT

UNITS = ["portal-web.service", "portal-dialer.service", "portal-worker.service"]


@pytest.mark.parametrize("name", UNITS)
def test_systemd_accepts_the_unit(name, tmp_path):
    """The programs are not installed here, so the unit that is checked names true in their place."""
    unit = tmp_path / name
    unit.write_text(re.sub(r"/opt/portal/\.venv/bin/\w+", "/bin/true", (ROOT / "deploy" / name).read_text()))
    command = ["systemd-analyze", "verify", "--man=no", "--generators=no", unit]
    answer = subprocess.run(command, capture_output=True, text=True)
    ours = [line for line in answer.stderr.splitlines() if name in line]
    assert (answer.returncode, ours) == (0, [])


def test_systemd_notices_a_mistake(tmp_path):
    unit = tmp_path / "portal-web.service"
    unit.write_text((ROOT / "deploy" / "portal-web.service").read_text().replace("UMask=", "Umask="))
    answer = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--generators=no", unit], capture_output=True, text=True
    )
    assert re.search(r"Unknown key (name )?'Umask'", answer.stderr)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_rates_the_exposure_of_the_unit_as_ok(name):
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=20", ROOT / "deploy" / name]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout
    assert " OK " in answer.stdout.splitlines()[-1]


def test_dialers_are_served_first_if_there_is_too_little_processor_time():
    """100 is what the other services have, as nothing is said."""
    assert read_unit((ROOT / "deploy" / "portal-dialer.service").read_text())["CPUWeight"] == "1000"
    assert "CPUWeight" not in (ROOT / "deploy" / "portal-web.service").read_text()
