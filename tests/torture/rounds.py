"""One round: load, a fault, recovery, rest, and the checks."""

from __future__ import annotations

import random
import time
from pathlib import Path

from django.db import connection

from reputation.models import PhoneNumber
from tests.factories import PhoneNumberFactory
from tests.torture.accounts import LOADED_NUMBERS, add_probe_number, create_account, list_e164
from tests.torture.checks import ask, find_lost, find_violations, wait_for_rest
from tests.torture.faults import Fault
from tests.torture.installation import Installation
from tests.torture.load import Ledger, under_load
from tests.torture.records import FaultRun
from tests.torture.recovery import NotRecovered, Probe
from tests.torture.scene import Scene

# How long the load runs before a fault, at least: so long that imports and bulk actions are under way.
LEAST_LOAD_SECONDS, MOST_LOAD_SECONDS = 3, 10


class Torture:
    """A portal with its accounts, which stay for all rounds. The processes are started anew for each round."""

    def __init__(self, portal: Installation, seed: int) -> None:
        self.portal, self.seed = portal, seed
        self.random = random.Random(seed)
        self.number = 0
        self.ledger = Ledger()
        self.account = create_account("Load", f"{portal.stand_in_url}/hook")
        PhoneNumber.objects.bulk_create(
            PhoneNumberFactory.build(account=self.account.account, e164=e164, campaign_id=self.account.campaign_id)
            for e164 in list_e164(0, LOADED_NUMBERS)
        )
        probed = create_account("Probe", f"{portal.stand_in_url}/probe")
        self.probe = Probe(portal, probed, add_probe_number(probed).pk)

    def run(self, fault: Fault) -> FaultRun:
        self.number += 1
        scene = Scene(self.portal, self.account, self.random)
        self.portal.start(can_shift_clock=fault.shifts_clock)
        try:
            self.probe.measure(time.monotonic())  # everything runs
            with under_load(self.portal.url, self.account, self.ledger, self.seed + self.number):
                time.sleep(self.random.uniform(LEAST_LOAD_SECONDS, MOST_LOAD_SECONDS))
                seconds = self._suffer(fault, scene)
            left = wait_for_rest(self.account) if seconds is not None else ""
        except BaseException:
            self.portal.keep_logs(Path("/tmp/torture-logs/interrupted"))
            raise
        finally:
            killed = self.portal.stop()
        if killed:
            scene.notes.append(f"had to be killed at the end: {', '.join(killed)}")
        lost, self.ledger = ask(lambda: find_lost(self.account, self.ledger, self.portal.received)), Ledger()
        return FaultRun(
            fault=fault.name,
            database=self.portal.database.name,
            seconds=seconds,
            number=self.number,
            lost=lost,
            violations=find_violations(self.portal),
            left=left,
            notes=scene.notes,
        )

    def _suffer(self, fault: Fault, scene: Scene) -> float | None:
        """Seconds from the end of the fault until new work passes, None if it does not."""
        connection.close()
        with fault.begin(scene):
            pass
        ended = time.monotonic()
        try:
            return round(self.probe.measure(ended), 1)
        except NotRecovered as error:
            scene.notes.append(str(error))
            return None
