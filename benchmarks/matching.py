"""The match endpoint against an empty view in the same processes, and large campaigns against small ones."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from benchmarks.data import Dataset, create_token, get_called_numbers
from benchmarks.databases import BenchmarkRun
from benchmarks.report import Result
from reputation.matching.match import match

ROOT = Path(__file__).parent.parent
CONNECTIONS = 8


def measure(run: BenchmarkRun) -> list[Result]:
    call_command("collectstatic", verbosity=0, interactive=False)
    numbers = run.large
    data = run.use(numbers)
    token = create_token(data.account, "match", now=timezone.now())
    rounds, seconds = (2, 1.0) if run.quick else (15, 2.0)
    with web_server(run.environment(numbers)) as port:
        served = _measure_requests(port, data, token, rounds=rounds, seconds=seconds)
    return [*served, _measure_by_size(data, calls=2_000 if run.quick else 10_000)]


@contextmanager
def web_server(environment: dict[str, str]) -> Iterator[int]:
    """Run gunicorn with deploy/gunicorn.conf.py on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "portal.wsgi", "-c", str(ROOT / "deploy" / "gunicorn.conf.py")]
    server = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment | {"BIND": f"127.0.0.1:{port}"}, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def _measure_requests(port: int, data: Dataset, token: str, *, rounds: int, seconds: float) -> list[Result]:
    campaign = data.campaigns[1_000]
    address, head = reverse("match"), f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    match_requests = [
        _build_request(address, head, json.dumps({"campaign_id": campaign.pk, "called": called}))
        for called in get_called_numbers(campaign, 5_000)
    ]
    kinds = {"match": match_requests, "empty": [_build_request("/empty/", head, "{}")]}
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    p99: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(rounds + 1):  # the first warms up
        for kind, requests in kinds.items():
            took, failed = _run_load(port, requests, seconds=seconds)
            if failed:
                raise SystemExit(f"{failed} of {len(took)} answers of {kind} were not 200.")
            if number:
                rates[kind].append(len(took) / seconds)
                p99[kind].append(statistics.quantiles(took, n=100)[98])
    rate = {kind: statistics.median(values) for kind, values in rates.items()}
    slow = {kind: statistics.median(values) for kind, values in p99.items()}
    # Compared round by round, because the speed of a shared machine varies.
    as_many = statistics.median(match / empty for match, empty in zip(*rates.values(), strict=True))
    as_long = statistics.median(match / empty for match, empty in zip(*p99.values(), strict=True))
    return [
        Result(
            "the match endpoint, authenticated, a campaign of 1,000 numbers: requests a second",
            f"{rate['match']:.0f}",
            "an empty view",
            f"{rate['empty']:.0f}",
            as_many,
            0.6,
            at_least=True,
        ),
        Result(
            f"the same with {CONNECTIONS} connections: p99",
            f"{slow['match'] * 1000:.1f} ms",
            "an empty view",
            f"{slow['empty'] * 1000:.1f} ms",
            as_long,
            2.0,
            at_least=False,
        ),
    ]


def _build_request(address: str, head: str, body: str) -> str:
    return f"POST {address} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}"


def _run_load(port: int, requests: list[str], *, seconds: float) -> tuple[list[float], int]:
    """Run in a process of its own, so that this process does not delay the requests."""
    options = {"port": port, "requests": requests, "connections": CONNECTIONS, "seconds": seconds}
    load = [sys.executable, str(Path(__file__).with_name("load.py"))]
    took, failed = json.loads(subprocess.run(load, input=json.dumps(options).encode(), stdout=-1, check=True).stdout)
    return took, failed


def _measure_by_size(data: Dataset, *, calls: int) -> Result:
    """The median duration of a match without the web server, for each size of campaign in turn."""
    called = {size: get_called_numbers(campaign, 1_000) for size, campaign in data.campaigns.items()}
    took: dict[int, list[float]] = {size: [] for size in data.campaigns}
    now = timezone.now()
    for place in range(calls):
        for size, campaign in data.campaigns.items():
            number = called[size][place % 1_000]
            started = time.perf_counter()
            match(account_id=data.account.pk, campaign_id=campaign.pk, called_number=number, now=now)
            took[size].append(time.perf_counter() - started)
    middle = {size: statistics.median(values) for size, values in took.items()}
    small, large = min(middle), max(middle)
    print("  " + ", ".join(f"{size:,} numbers: {value * 1e6:.0f} µs" for size, value in middle.items()), flush=True)
    return Result(
        f"an answer for a campaign of {large:,} numbers",
        f"{middle[large] * 1e6:.0f} µs",
        f"a campaign of {small:,}",
        f"{middle[small] * 1e6:.0f} µs",
        middle[large] / middle[small],
        1.2,
        at_least=False,
    )
