"""Numbers looked up per second on PostgreSQL: four workers against one. Each number is looked up once per round."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from benchmarks.databases import BenchmarkRun
from benchmarks.report import Result
from tests.support import servers

ROOT = Path(__file__).parent.parent
WORKER_COUNT = 4
# The duration of a call to the provider, about fifty numbers.
PROVIDER_SECONDS = 0.05

FILL_SCRIPT = """
import sys
import django; django.setup()
from datetime import timedelta
from django.core.management import call_command
from django.utils import timezone
from portal.db.bulk import insert_rows
from portal.models import Account
from reputation.models import PhoneNumber
call_command("migrate", verbosity=0)
account, _made = Account.objects.get_or_create(name="Large account")
PhoneNumber.objects.all().delete()  # of the previous round
now = timezone.now()
row = {"account_id": account.pk, "region": "US", "kind": "geographic", "capability": "on", "spam_status": "unknown",
       "next_action_at": now}
insert_rows(PhoneNumber, [row | {"e164": f"+1206{place}"} for place in range(2_000_000, 2_000_000 + int(sys.argv[1]))])
"""

WORKER_SCRIPT = """
import json, os, sys, time
import django; django.setup()
from django.utils import timezone
from reputation.models import PhoneNumber
from reputation.monitoring import lookups
from reputation.providers.protocol import Observation, Verdict
from reputation.providers.simulated import SimulatedProvider
from reputation.providers.simulation import ENGINES
from reputation.tasks.lookups import look_up_numbers

asked = []

def look_up(self, numbers):
    time.sleep(float(sys.argv[2]))
    asked.extend(numbers)
    return [Observation(number, engine.slug, Verdict.CLEAN) for number in numbers for engine in ENGINES]

SimulatedProvider.look_up = look_up
lookups.CHUNK = 200
time.sleep(max(0, float(sys.argv[1]) - time.time()))
started = timezone.now()
while PhoneNumber.objects.filter(next_action_at__lte=started).exists():
    look_up_numbers()  # works for some seconds
    time.sleep(0.01)
print(json.dumps([time.time(), asked]))
"""


def measure(run: BenchmarkRun) -> list[Result]:
    count = run.of_size(10_000, 800)
    with servers.temporary_postgresql() as address:
        seconds = {workers: _time_lookups(address, count, workers) for workers in (1, WORKER_COUNT)}
    one, four = (count / seconds[workers] for workers in (1, WORKER_COUNT))
    cores = os.cpu_count() or 1
    return [
        Result(
            f"numbers looked up in a second by {WORKER_COUNT} workers on PostgreSQL, with a provider that answers "
            f"after {PROVIDER_SECONDS * 1000:.0f} ms, on {cores} processors; none twice",
            f"{four:.0f}",
            "1 worker",
            f"{one:.0f}",
            four / one,
            min(WORKER_COUNT, cores) * 0.9,
            at_least=True,
        )
    ]


def _time_lookups(address: str, count: int, workers: int) -> float:
    """Seconds from the start of all workers until the last has looked up its share of `count` due numbers."""
    environment = os.environ | {"DATABASE_URL": address, "SWEEPERS": str(workers), "LOG_LEVEL": "WARNING"}
    subprocess.run([sys.executable, "-c", FILL_SCRIPT, str(count)], cwd=ROOT, env=environment, check=True)
    starts_at = time.time() + 4
    command = [sys.executable, "-c", WORKER_SCRIPT, str(starts_at), str(PROVIDER_SECONDS)]
    started = [subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) for _ in range(workers)]
    results = [json.loads(worker.communicate()[0]) for worker in started]
    asked = Counter(number for _ended, numbers in results for number in numbers)
    if len(asked) != count or set(asked.values()) != {1}:
        raise SystemExit(f"{len(asked)} of {count} numbers were looked up, {sum(asked.values())} times in all.")
    return max(ended for ended, _numbers in results) - starts_at
