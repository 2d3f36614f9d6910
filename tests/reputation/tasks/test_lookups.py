"""Several worker processes share due numbers, and each number is looked up once."""

import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from reputation.models import PhoneNumber
from reputation.tasks.lookups import look_up_numbers
from tests.factories import MonitoredNumberFactory
from tests.support.processes import start_python as process

pytestmark = pytest.mark.django_db(transaction=True)

# Each process appends the numbers that it asks about to a file.
LOOK_UP_SCRIPT = """
import os, sys, time
import django; django.setup()
from portal.jobs import runner
from reputation.monitoring import lookups
from reputation.providers.protocol import Observation, Verdict
from reputation.providers.simulated import SimulatedProvider
from reputation.providers.simulation import ENGINES
from reputation.tasks.lookups import look_up_numbers

def look_up(self, numbers):
    with open(sys.argv[1], "a") as asked:
        asked.write("".join(f"{os.getpid()} {number}\\n" for number in numbers))
    time.sleep(0.02)
    return [Observation(number, engine.slug, Verdict.CLEAN) for number in numbers for engine in ENGINES]

SimulatedProvider.look_up = look_up
lookups.CHUNK = 20
runner.BUDGET_SECONDS = 60
time.sleep(max(0, float(sys.argv[2]) - time.time()))
look_up_numbers()
"""


def test_four_workers_look_up_each_number_once(account, tmp_path):
    now = timezone.now()
    numbers = [MonitoredNumberFactory(account=account, next_action_at=now).e164 for _ in range(400)]
    notes = tmp_path / "asked"
    notes.touch()
    workers = [process(LOOK_UP_SCRIPT, notes, time.time() + 4, SWEEPERS="4") for _ in range(4)]
    assert [worker.wait(90) for worker in workers] == [0] * 4
    asked = [line.split() for line in notes.read_text().splitlines()]
    assert Counter(number for _pid, number in asked) == Counter(numbers)
    assert set(PhoneNumber.objects.values_list("spam_status", flat=True)) == {"clean"}
    if connection.vendor == "postgresql":
        assert len({pid for pid, _number in asked}) > 1, "they shared the work"
    else:
        assert len({pid for pid, _number in asked}) == 1, "one writer at a time needs no second worker"


def test_sweep_that_finds_work_queues_another_only_on_postgresql(provider, account, settings):
    settings.SWEEPERS = 4
    MonitoredNumberFactory(account=account, next_action_at=timezone.now() - timedelta(seconds=1))
    look_up_numbers()
    hinted = [task.func() for task in OrmQ.objects.all()]
    shared = ["reputation.tasks.lookups.look_up_numbers"] if connection.vendor == "postgresql" else []
    assert hinted == shared
    look_up_numbers()
    assert OrmQ.objects.count() == len(shared), "nothing is due, so nothing more is asked for"
