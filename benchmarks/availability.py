"""Whether a dialer is answered whatever other clients do: /api/v1/match at rest, and during five kinds of load.

    python -m benchmarks.availability [--postgresql] [SECONDS]

It installs the portal (SQLite, a PostgreSQL of its own, or the empty database of DATABASE_URL) and runs it as
docs/production.md says: Caddy with the file of deploy/, the web processes, and those of dialers. A dialer asks through
the proxy at a steady rate, for so many seconds (20) at rest before each case and during it. A request that begins late
counts from its time. The goal: no error, and a p99 of at most twice that at rest, or 100 ms, whichever is larger. Ends
with 1 if a case misses it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import secrets
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from threading import local
from typing import Any

from benchmarks.availability_clients import CASES
from tests.support.servers import free_port, temporary_postgresql, wait_for_port

ROOT = Path(__file__).parent.parent
RATE = 25  # match requests a second
NUMBERS = 50_000
LEAST_GOAL_MS = 100.0
# Each process has a session, to which Linux gives a share of the processors as to a unit of systemd (sched_autogroup).
# -10 is ten times the usual share, as CPUWeight=1000 of portal-dialer.service. Clients, really on other machines, get
# the least.
SHARES = {"dialer": -10, "clients": 19}

PREPARE = f"""
import json, django
django.setup()
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from benchmarks.concurrency import create_session_cookie
from benchmarks.data import create_dataset, create_token, get_called_numbers, load_dataset
call_command("migrate", verbosity=0)
call_command("collectstatic", verbosity=0, interactive=False)
create_dataset(numbers={NUMBERS}, now=timezone.now())
data = load_dataset()
campaign = data.campaigns[1_000]
print(json.dumps({{
    "cookie": create_session_cookie(data),
    "token": create_token(data.account, "match", now=timezone.now()),
    "bodies": [json.dumps({{"campaign_id": campaign.pk, "called": one}}) for one in get_called_numbers(campaign, 500)],
    "paths": {{
        "sign_in": reverse("account_login"), "upload": reverse("import-new"),
        "export": reverse("phone-numbers-export"), "script": staticfiles_storage.url("js/portal.js"),
    }},
}}))
"""


@contextmanager
def run_process(name: str, folder: Path, environment: dict[str, str], *command: object) -> Iterator[None]:
    with (folder / f"{name}.log").open("w") as log:
        words = [str(part) for part in command]
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
    set_share(process, name)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(90)


def set_share(process: subprocess.Popen, name: str) -> None:
    if name in SHARES:
        Path(f"/proc/{process.pid}/autogroup").write_text(str(SHARES[name]))


@contextmanager
def run_portal(folder: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the port of the proxy, and what `PREPARE` prints."""
    proxy, web, dialer = free_port(), free_port(), free_port()
    environment = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "DATABASE_URL") if name in os.environ
    } | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": "127.0.0.1",
        "PUBLIC_URL": f"http://127.0.0.1:{proxy}",
        "ALLOW_PLAIN_HTTP": "1",
        "BEHIND_PROXY": "1",
        "DATA_DIR": str(folder),
        "EMAIL_URL": "dummymail://",
        "DEFAULT_FROM_EMAIL": "portal@example.com",
        "FTC_FETCH": "0",
        "FCC_FETCH": "0",
        "PROVIDERS": "simulated",  # the engines of the benchmarks' numbers; no worker runs
        "BIND": f"127.0.0.1:{web}",
        "DIALER_BIND": f"127.0.0.1:{dialer}",
        "PORTAL_HOST": f"http://127.0.0.1:{proxy}",
        "PORTAL_UPSTREAM": f"127.0.0.1:{web}",
        "PORTAL_DIALER_UPSTREAM": f"127.0.0.1:{dialer}",
    }
    prepared = subprocess.run(
        [sys.executable, "-c", PREPARE], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    with ExitStack() as stack:
        for name, config in (("web", "gunicorn.conf.py"), ("dialer", "gunicorn-dialer.conf.py")):
            command = [sys.executable, "-m", "gunicorn", "--config", f"deploy/{config}", "portal.wsgi"]
            stack.enter_context(run_process(name, folder, environment, *command))
        caddyfile = folder / "Caddyfile"
        text = (ROOT / "deploy" / ("Caddyfile-2.6" if " 2.6" in f" {_caddy_version()}" else "Caddyfile")).read_text()
        # Without the site that leads from http to https.
        text = re.sub(r"^http://.*?^}\n", "", text, flags=re.MULTILINE | re.DOTALL)
        caddyfile.write_text(text.replace("\n{\n", "\n{\n\tadmin off\n", 1))
        command = [_caddy(), "run", "--adapter", "caddyfile", "--config", caddyfile]
        stack.enter_context(run_process("proxy", folder, environment, *command))
        for port in (web, dialer, proxy):
            wait_for_port(port, "The portal")
        yield proxy, json.loads(prepared.stdout.splitlines()[-1])


def _caddy() -> str:
    return which("caddy") or str(Path(sys.prefix) / "bin" / "caddy")


def _caddy_version() -> str:
    return subprocess.run([_caddy(), "version"], capture_output=True, text=True, check=True).stdout.strip().lstrip("v")


class Dialer:
    """Asks at a steady rate, whether or not earlier requests were answered."""

    def __init__(self, port: int, prepared: dict[str, Any]) -> None:
        self._port, self._bodies, self._local = port, prepared["bodies"], local()
        self._headers = {"Authorization": f"Bearer {prepared['token']}", "Content-Type": "application/json"}

    def ask(self, seconds: float) -> tuple[list[float], int]:
        """Return the durations in milliseconds, and the number of errors."""
        begin = time.perf_counter() + 0.1
        moments = [begin + turn / RATE for turn in range(int(seconds * RATE))]
        with ThreadPoolExecutor(50) as threads:
            asked = []
            for turn, moment in enumerate(moments):
                time.sleep(max(0.0, moment - time.perf_counter()))
                asked.append(threads.submit(self._ask_once, turn, moment))
            answers = [one.result() for one in asked]
        return [took for took, _ in answers], sum(not is_good for _, is_good in answers)

    def _ask_once(self, turn: int, moment: float) -> tuple[float, bool]:
        if not hasattr(self._local, "connection"):
            self._local.connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            body = self._bodies[turn % len(self._bodies)]
            self._local.connection.request("POST", "/api/v1/match", body, self._headers)
            response = self._local.connection.getresponse()
            response.read()
            is_good = response.status == 200
        except (OSError, HTTPException):
            del self._local.connection
            is_good = False
        return (time.perf_counter() - moment) * 1000, is_good


@contextmanager
def run_case(name: str, port: int, prepared: dict[str, Any]) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.availability_clients", name, str(port)]
    clients = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True)
    set_share(clients, "clients")
    assert clients.stdin
    clients.stdin.write(json.dumps(prepared).encode())
    clients.stdin.close()
    time.sleep(5)  # until all of them are at it
    try:
        yield
    finally:
        clients.terminate()
        clients.wait(30)


def measure(port: int, prepared: dict[str, Any], seconds: float) -> tuple[list[str], bool]:
    """The lines of the table, and whether all cases reach the goal."""
    dialer = Dialer(port, prepared)
    dialer.ask(5)
    lines, is_reached = [], True
    for name in CASES:
        rest, rest_errors = dialer.ask(seconds)
        with run_case(name, port, prepared):
            during, errors = dialer.ask(seconds)
        goal = max(2 * _percentile(rest, 99), LEAST_GOAL_MS)
        is_good = _percentile(during, 99) <= goal and errors == 0
        is_reached &= is_good
        line = (
            f"| {name} | {_percentile(rest, 50):.0f} / {_percentile(rest, 99):.0f} ms, {rest_errors} errors "
            f"| {_percentile(during, 50):.0f} / {_percentile(during, 99):.0f} ms, {errors} errors "
            f"| {goal:.0f} ms | {'reached' if is_good else '**not reached**'} |"
        )
        print(line, flush=True)
        lines.append(line)
        time.sleep(5)  # what the case left behind ends
    return lines, is_reached


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that it stops what it started
    parser = argparse.ArgumentParser()
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("seconds", type=float, nargs="?", default=20.0)
    options = parser.parse_args()
    with ExitStack() as stack:
        if options.postgresql:
            # PostgreSQL's defaults otherwise: commits reach the disk.
            os.environ["DATABASE_URL"] = stack.enter_context(
                temporary_postgresql(options={"listen_addresses": "127.0.0.1"})
            )
        is_reached = measure_and_report(options.seconds)
    sys.exit(0 if is_reached else 1)


def measure_and_report(seconds: float) -> bool:
    load = os.getloadavg()[0]
    database = "PostgreSQL" if os.environ.get("DATABASE_URL", "").startswith("postgres") else "SQLite"
    with TemporaryDirectory(prefix="portal-availability-") as name, run_portal(Path(name)) as (port, prepared):
        lines, is_reached = measure(port, prepared, seconds)
    print(
        f"\n`python -m benchmarks.availability {' '.join(sys.argv[1:])}`, {RATE} requests a second, {database}, Caddy "
        f"{_caddy_version().split()[0]}, {os.cpu_count()} processors, Linux {platform.release()}, Python "
        f"{platform.python_version()}. Load average: {load:.1f} before, {os.getloadavg()[0]:.1f} after.\n\n"
        "| case | at rest: p50 / p99 | during: p50 / p99 | goal for p99 | |\n|---|---|---|---|---|"
    )
    print("\n".join(lines))
    return is_reached


if __name__ == "__main__":
    main()
