"""A stretch of faults: one portal runs on under load while they come, one after the other, each with its checks."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from django.db import connection

from reputation.models import PhoneNumber
from tests.factories import PhoneNumberFactory
from tests.torture.accounts import LOADED_NUMBERS, add_probe_number, create_account, list_e164
from tests.torture.checks import ask, find_lost, find_unfinished, find_violations, wait_for_rest
from tests.torture.faults import Fault
from tests.torture.installation import Installation
from tests.torture.load import Ledger, under_load
from tests.torture.records import FaultRun
from tests.torture.recovery import NotRecovered, Probe
from tests.torture.scene import Scene

# How long the load runs before a fault: so long that imports and bulk actions are under way.
LEAST_LOAD_SECONDS, MOST_LOAD_SECONDS = 3, 8


class Torture:
    """A portal with its accounts. Each stretch begins with the same database and with new processes."""

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
        connection.close()
        portal.save()

    def run_stretch(self, faults: Sequence[Fault]) -> Iterator[FaultRun]:
        """Each fault on the portal that runs on, until one goes wrong. Rest and what is unfinished count for the last.

        The portal runs with libfaketime if one of the faults needs it.
        """
        connection.close()
        self.portal.begin_again()
        self.ledger, self.probe.is_on = Ledger(), False
        self.portal.start(can_shift_clock=any(fault.shifts_clock for fault in faults))
        try:
            self.probe.measure(time.monotonic())  # everything runs
            with under_load(self.portal.url, self.account, self.ledger, self.seed + self.number):
                for fault in faults:
                    run = self._run(fault)
                    if not run.is_good or fault is faults[-1]:
                        break
                    yield run
            run.left = wait_for_rest(self.account)
            run.lost += ask(lambda: find_unfinished(self.account, self.ledger))
        except BaseException:
            self.portal.keep_logs(Path("/tmp/torture-logs/interrupted"))
            raise
        finally:
            killed = self.portal.stop()
        if killed:
            run.notes.append(f"had to be killed at the end: {', '.join(killed)}")
        yield run

    def _run(self, fault: Fault) -> FaultRun:
        self.number += 1
        scene = Scene(self.portal, self.account, self.random)
        time.sleep(self.random.uniform(LEAST_LOAD_SECONDS, MOST_LOAD_SECONDS))
        before = self.ledger.copy()
        connection.close()
        with fault.begin(scene):
            pass
        ended = time.monotonic()
        run = FaultRun(fault.name, self.portal.database.name, None, self.number, notes=scene.notes)
        try:
            run.seconds = round(self.probe.measure(ended), 1)
        except NotRecovered as error:
            run.notes.append(str(error))
        run.lost = ask(lambda: find_lost(self.account, before, self.portal.received))
        run.violations = ask(lambda: find_violations(ended))
        return run
