"""Kill processes of a cluster one after the other, while numbers are verified."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from django.utils import timezone
from django_q.tasks import async_task

from portal.audit import Context
from portal.models import Heartbeat
from reputation.models import PhoneNumber
from reputation.monitoring import capability
from reputation.tasks.maintenance import HEARTBEAT_NAME
from tests.factories import AccountFactory, ApplicationFactory, CampaignFactory, LicenceFactory, PhoneNumberFactory
from tests.reliability.kills import BUSY, GIVE_UP_SECONDS, IDLE, NUMBERS, VERIFY_SECONDS
from tests.support.workers import Workers, is_alive, kill, run_workers

# The fault, the seconds until it was over, and how many numbers were not verified in the end.
Measured = tuple[str, float | None, int]


class Killing:
    """Runs workers on the configured database, with `folder` for their files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.account = AccountFactory(name="Killed")
        ApplicationFactory(account=self.account)
        LicenceFactory(account=self.account, product="contact_center_elite")
        self.campaign = CampaignFactory(account=self.account)
        self.enabled: list[list[int]] = []

    def run(self, faults: list[str]) -> list[Measured]:
        with run_workers(self.folder, DAY_SECONDS="2") as workers:
            seconds = [self.kill_and_measure(workers, fault, count) for count, fault in enumerate(faults, start=1)]
            wait(lambda: not any(map(self.count_unverified, self.enabled)), seconds=VERIFY_SECONDS)
            lost = [self.count_unverified(ids) for ids in self.enabled]
            workers.stop()
        return list(zip(faults, seconds, lost, strict=True))

    def kill_and_measure(self, workers: Workers, fault: str, count: int) -> float | None:
        self.enable_numbers()
        former = workers.get_processes()
        victim = self.choose(workers, fault)
        began = time.monotonic()
        kill([victim])
        wait(lambda: not any(map(is_alive, former)), seconds=GIVE_UP_SECONDS)
        has_recovered = wait(self.has_run_a_task(), seconds=GIVE_UP_SECONDS)
        seconds = time.monotonic() - began
        sys.stdout.write(f"{count} {fault}: {f'{seconds:.1f} s' if has_recovered else 'NOT RECOVERED'}\n")
        sys.stdout.flush()
        return round(seconds, 1) if has_recovered else None

    def choose(self, workers: Workers, fault: str) -> int:
        """The process to kill. A busy worker is one that has begun a task that lasts 20 seconds."""
        if fault not in (IDLE, BUSY):
            return workers.get_processes(fault)[0]
        if fault == IDLE:
            return workers.get_processes("worker")[-1]
        written = self.folder / "busy"
        written.unlink(missing_ok=True)
        # The shell's parent is the worker.
        async_task("os.system", f"echo $PPID > {written}.new; mv {written}.new {written}; sleep 20")
        wait(written.exists, seconds=GIVE_UP_SECONDS)
        return int(written.read_text())

    def has_run_a_task(self) -> Callable[[], bool]:
        """A condition that queues a task each second, and is true once one of them has run."""
        began, queued_at = timezone.now(), 0.0

        def has_run() -> bool:
            nonlocal queued_at
            if time.monotonic() - queued_at >= 1:
                queued_at = time.monotonic()
                async_task("reputation.tasks.maintenance.record_heartbeat")
            return Heartbeat.objects.filter(name=HEARTBEAT_NAME, at__gte=began).exists()

        return has_run

    def enable_numbers(self) -> None:
        numbers = PhoneNumberFactory.create_batch(NUMBERS, account=self.account, campaign=self.campaign)
        ids = [number.pk for number in numbers]
        capability.enable(ids, context=Context.system(timezone.now()))
        self.enabled.append(ids)

    def count_unverified(self, ids: list[int]) -> int:
        """How many of these numbers have neither been accepted nor refused."""
        return PhoneNumber.objects.filter(pk__in=ids).exclude(capability__in=["on", "failed"]).count()


def wait(condition: Callable[[], object], *, seconds: float) -> bool:
    """Wait until the condition is true. False if it is not in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
