"""A page, and saving a form, while a sweep looks up 100,000 numbers on SQLite, against both without a sweep.

Real processes: the recommended web server, three that write, and a worker whose provider answers at once.
"""

from __future__ import annotations

import json
import os
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from benchmarks.data import Dataset
from benchmarks.databases import BenchmarkRun
from benchmarks.matching import web_server
from benchmarks.memory import get_largest_mb
from benchmarks.report import Result
from reputation.models import PhoneNumber

ROOT = Path(__file__).parent.parent
WRITER_COUNT = 3

LOOKUP_SCRIPT = """
import time
import django; django.setup()
from reputation.providers.protocol import Observation, Verdict
from reputation.providers.simulated import SimulatedProvider
from reputation.providers.simulation import ENGINES
from reputation.tasks.lookups import look_up_numbers
from reputation.models import PhoneNumber
from django.core.checks import run_checks
from django.utils import timezone

def look_up(self, numbers):
    return [Observation(number, engine.slug, Verdict.CLEAN) for number in numbers for engine in ENGINES]

SimulatedProvider.look_up = look_up
run_checks()  # loads all code, as a cluster does
print("ready", flush=True)
input()
while PhoneNumber.objects.filter(capability="on", next_action_at__lte=timezone.now()).exists():
    look_up_numbers()
print("done", flush=True)
input()
"""

# Saves the form of one number after the other for some seconds. Prints the durations and the statuses.
SAVE_SCRIPT = """
import json, sys, time
import django; django.setup()
from django.test import Client
from django.urls import reverse
from portal.models import User
from reputation.models import PhoneNumber
user, share, seconds = User.objects.get(pk=sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
client = Client(HTTP_HOST="127.0.0.1")
client.force_login(user)
numbers = PhoneNumber.objects.filter(account__members__user=user).order_by("pk")
ids = list(numbers.values_list("pk", flat=True)[share : 100_000 : 97])
took, statuses = [], set()
until = time.monotonic() + seconds
for turn, pk in enumerate(ids * 100):
    if time.monotonic() > until:
        break
    started = time.perf_counter()
    answer = client.post(reverse("phone-number-edit", args=[pk]), {"label": f"Label {turn}", "source": "native"})
    took.append(time.perf_counter() - started)
    statuses.add(answer.status_code)
print(json.dumps([took, sorted(statuses)]))
"""


def measure(run: BenchmarkRun) -> list[Result]:
    call_command("collectstatic", verbosity=0, interactive=False)
    numbers = run.of_size(500_000, 10_000)
    return [*_measure_pages(run, numbers), _measure_forms(run, numbers)]


def _measure_pages(run: BenchmarkRun, numbers: int) -> list[Result]:
    data = run.use(numbers)
    head = [
        f"GET {reverse('number-reputation')} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Cookie: {create_session_cookie(data)}",
        "",
        "",
    ]
    request = "\r\n".join(head)
    with web_server(run.environment(numbers)) as port:
        _run_load(port, request, seconds=2)
        rest, failed = _run_load(port, request, seconds=run.of_size(10, 5))
        web_at_start = get_largest_mb(_get_web_worker_pids())
        beside, sweeps = [], []
        while len(beside) < run.of_size(5_000, 100):
            sweep = _LookupWorker(run, numbers, data)
            sweeps.append(sweep)
            # The first sweep runs to its end, for its memory. Later ones run until there are enough requests.
            while not sweep.is_done() and (len(sweeps) == 1 or len(beside) < run.of_size(5_000, 100)):
                took, refused = _run_load(port, request, seconds=2)
                beside += took
                failed += refused
            sweep.end()
            # Before and after each sweep, because the machine is now quicker, now slower.
            took, refused = _run_load(port, request, seconds=run.of_size(10, 5))
            rest += took
            failed += refused
        web_after = get_largest_mb(_get_web_worker_pids())
    if failed:
        raise SystemExit(f"{failed} requests failed.")
    page = Result(
        f"a page while a sweep looks up {numbers // 5:,} numbers ({len(sweeps)} such, one after the other), SQLite: "
        f"p99 of {len(beside):,}, none refused",
        f"{_p99(beside) * 1000:.0f} ms",
        "the same page at rest",
        f"{_p99(rest) * 1000:.0f} ms",
        _p99(beside) / _p99(rest),
        3,
        at_least=False,
    )
    memory = [
        Result(f"memory of a {name}", f"{after:.0f} MB", "at its start", f"{start:.0f} MB", after / start, 1.5, False)
        for name, start, after in (
            (f"web process after {len(rest) + len(beside):,} such pages", web_at_start, web_after),
            (f"worker process after this sweep (at most {sweeps[0].most:.0f})", sweeps[0].at_start, sweeps[0].after),
        )
    ]
    return [page, *memory]


def _get_web_worker_pids() -> list[int]:
    """The worker processes of the web server that this process started."""
    return [worker for server in _get_child_pids(os.getpid()) for worker in _get_child_pids(server)]


def _get_child_pids(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _measure_forms(run: BenchmarkRun, numbers: int) -> Result:
    data = run.use(numbers)
    seconds = run.of_size(20, 5)
    rest, statuses = _run_writers(run, numbers, data, seconds)
    sweep = _LookupWorker(run, numbers, data)
    time.sleep(2)
    beside, more = _run_writers(run, numbers, data, seconds)
    if sweep.is_done():
        print("  the sweep ended before the writers", flush=True)
    sweep.end()
    if statuses | more != {302}:
        raise SystemExit(f"The forms were answered with {statuses | more}.")
    return Result(
        f"a form saved by {WRITER_COUNT} processes while such a sweep runs, SQLite: "
        f"p99 of {len(beside):,}, none refused",
        f"{_p99(beside) * 1000:.0f} ms",
        "the same at rest",
        f"{_p99(rest) * 1000:.0f} ms",
        _p99(beside) / _p99(rest),
        5,
        at_least=False,
    )


def _p99(took: Sequence[float]) -> float:
    return statistics.quantiles(took, n=100)[98]


def _run_load(port: int, request: str, *, seconds: float) -> tuple[list[float], int]:
    options = {"port": port, "requests": [request], "connections": 1, "seconds": seconds}
    load = [sys.executable, str(Path(__file__).with_name("load.py"))]
    took, failed = json.loads(subprocess.run(load, input=json.dumps(options).encode(), stdout=-1, check=True).stdout)
    return took, failed


def create_session_cookie(data: Dataset) -> str:
    """The cookie of a session of the large account's admin."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(data.user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = data.user.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


class _LookupWorker:
    """A worker that looks up every monitored number, and its memory in MB: at the start, at most, and after."""

    def __init__(self, run: BenchmarkRun, numbers: int, data: Dataset) -> None:
        PhoneNumber.objects.for_account(data.account).filter(capability="on").update(next_action_at=timezone.now())
        self.process = _start_process(run, numbers, LOOKUP_SCRIPT)
        if self.process.stdout.readline() != b"ready\n":
            raise SystemExit("The sweep did not begin.")
        self.at_start = self.most = self.after = get_largest_mb([self.process.pid])
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def is_done(self) -> bool:
        """Whether the worker is done. Reads its memory as well."""
        is_done = bool(select.select([self.process.stdout], [], [], 0)[0])
        self.after = get_largest_mb([self.process.pid])
        self.most = max(self.most, self.after)
        return is_done

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def _start_process(run: BenchmarkRun, numbers: int, code: str, *arguments: object) -> subprocess.Popen:
    environment = os.environ | run.environment(numbers) | {"LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _run_writers(run: BenchmarkRun, numbers: int, data: Dataset, seconds: float) -> tuple[list[float], set[int]]:
    writers = [_start_process(run, numbers, SAVE_SCRIPT, data.user.pk, share, seconds) for share in range(WRITER_COUNT)]
    results = [json.loads(writer.communicate()[0]) for writer in writers]
    return [took for times, _statuses in results for took in times], {
        status for _, statuses in results for status in statuses
    }
