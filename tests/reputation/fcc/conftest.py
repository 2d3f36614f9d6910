"""The stand-in for the FCC's data service, and the complaints that it has."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from portal.jobs import runner
from tests.support.fcc_stand_in import FccStandIn, run_fcc_stand_in


@pytest.fixture(scope="session")
def fcc_process() -> Iterator[FccStandIn]:
    with run_fcc_stand_in() as stand_in:
        yield stand_in


@pytest.fixture
def fcc(fcc_process, settings) -> FccStandIn:
    """The stand-in without complaints or faults. The portal asks it, and nothing else."""
    fcc_process.set()
    settings.FCC = replace(settings.FCC, fetch=True, url=fcc_process.url, timeout=10.0, app_token="")
    return fcc_process


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(runner, "PAUSE_SECONDS", 0)
