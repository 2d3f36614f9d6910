"""Every built-in provider, and the one that docs/providers.md builds, passes the conformance suite."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from reputation.providers.complaints import ComplaintsProvider, FccProvider
from reputation.providers.conformance import Fault, ProviderConformance
from reputation.providers.desk import DeskProvider
from reputation.providers.handset import HandsetProvider
from reputation.providers.simulated import SimulatedProvider


class QuickSimulated(SimulatedProvider):
    """Does not wait long for its file."""

    limits = replace(SimulatedProvider.limits, timeout=0.2)


class TestHandset(ProviderConformance):
    provider_class = HandsetProvider
    impossible = dict.fromkeys(Fault, "Nobody is asked: people bring what they see.")


class TestDesk(ProviderConformance):
    provider_class = DeskProvider
    impossible = dict.fromkeys(Fault, "Nobody is called: people write to desks.")


class TestSimulated(ProviderConformance):
    provider_class = QuickSimulated
    impossible = {
        fault: "The engines are invented, and answer about every number from a file."
        for fault in Fault
        if fault is not Fault.TIME_OUT
    }

    @pytest.fixture(autouse=True)
    def _store(self, settings):
        self.path = Path(settings.SIMULATED_DIR) / "engines.sqlite3"
        self.locks = []
        yield
        for lock in self.locks:
            lock.close()

    def arrange(self, fault, operation, numbers):
        """Another process writes to the file and does not end."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for lock in self.locks:
            lock.close()
        self.locks.append(sqlite3.connect(self.path, isolation_level=None))
        self.locks[-1].execute("BEGIN IMMEDIATE")


@pytest.mark.django_db
class TestComplaints(ProviderConformance):
    provider_class = ComplaintsProvider
    impossible = dict.fromkeys(Fault, "It answers from the portal's own tables, which a task fills from files.")


@pytest.mark.django_db
class TestFcc(ProviderConformance):
    provider_class = FccProvider
    impossible = dict.fromkeys(Fault, "It answers from the portal's own tables, which a task fills. See tests of fcc/.")

    @pytest.fixture(autouse=True)
    def _turn_on(self, settings):
        settings.FCC = replace(settings.FCC, fetch=True)


class TestDocumentedExample(ProviderConformance):
    @pytest.fixture(autouse=True)
    def _stand_in(self, documented, stand_in, monkeypatch):
        monkeypatch.setattr(documented.Acme, "limits", replace(documented.Acme.limits, timeout=0.3))
        self.provider_class = documented.Acme
        self.connection_values = {"address": stand_in.address}
        self.stand_in = stand_in

    def arrange(self, fault, operation, numbers):
        self.stand_in.misbehave(fault, numbers[0])
