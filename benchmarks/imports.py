"""Import a CSV file of numbers with preview, against django-import-export, and a file ten times as large.

Each import runs in a process of its own, and this process reads its peak memory.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.data import Dataset, generate_numbers
from benchmarks.databases import BenchmarkRun
from benchmarks.memory import get_largest_mb
from benchmarks.report import Result
from portal.phone.numbers import InvalidPhoneNumber
from reputation.models import PhoneNumber
from reputation.phone_numbers import parse_caller_id

ROOT = Path(__file__).parent.parent
EXISTING_COUNT = 10_000
IMPORT_SCRIPT = "import django; django.setup(); from benchmarks.import_process import main; main()"


def measure(run: BenchmarkRun) -> list[Result]:
    count, many = run.of_size(100_000, 5_000), run.of_size(1_000_000, 10_000)
    ours, memory = _run_import(run, "ours", count)
    theirs, their_memory = _run_import(run, "theirs", count)
    more, more_memory = _run_import(run, "ours", many)
    name = f"a CSV file of {count:,} lines, validated, shown and imported with audit events"
    return [
        Result(
            f"{name}: a line",
            f"{ours / count * 1e6:.0f} µs",
            "django-import-export, in bulk, dry run and import",
            f"{theirs / count * 1e6:.0f} µs",
            theirs / ours,
            10,
            at_least=True,
        ),
        Result(
            f"{name}: largest memory of its process",
            f"{memory:.0f} MB",
            "django-import-export",
            f"{their_memory:.0f} MB",
            memory / their_memory,
            0.25,
            at_least=False,
        ),
        Result(
            f"the same with {many:,} lines (a line then takes {more / many * 1e6:.0f} µs): largest memory",
            f"{more_memory:.0f} MB",
            f"{count:,} lines",
            f"{memory:.0f} MB",
            more_memory / memory,
            1.2,
            at_least=False,
        ),
    ]


def _run_import(run: BenchmarkRun, how: str, count: int) -> tuple[float, float]:
    """Processor seconds and peak memory in MB of importing `count` lines into an account with EXISTING_COUNT."""
    data = run.use(EXISTING_COUNT, anew=True)
    file = run.folder / run.part / f"{count}.csv"
    if not file.exists():
        _write_csv(file, count, data)
    environment = os.environ | run.environment(EXISTING_COUNT) | {"LOG_LEVEL": "ERROR"}
    arguments = [sys.executable, "-c", IMPORT_SCRIPT, how, str(file)]
    importer = subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    most = 0.0
    while importer.poll() is None:
        most = max(most, get_largest_mb([importer.pid]))
        time.sleep(0.02)
    if importer.returncode:
        raise SystemExit(f"The import ended with {importer.returncode}.")
    result = json.loads(importer.stdout.read())
    stored = PhoneNumber.objects.for_account(data.account)
    expected = EXISTING_COUNT + count - _get_changed_count(count) - count // 100
    if stored.count() != expected or stored.filter(label__startswith="Imported").count() != count - count // 100:
        raise SystemExit(f"{how}: {stored.count()} numbers after an import of {count} lines, not {expected}.")
    return result["seconds"], most


def _is_caller_id(e164: str) -> bool:
    try:
        return bool(parse_caller_id(e164))
    except InvalidPhoneNumber:
        return False


def _get_changed_count(count: int) -> int:
    return min(count // 10, EXISTING_COUNT // 2)


def _write_csv(file: Path, count: int, data: Dataset) -> None:
    """Write numbers in several formats. One in ten exists and gets a new label, one in a hundred is invalid."""
    chance = random.Random(3)
    known = set(PhoneNumber.objects.for_account(data.account).values_list("e164", flat=True))
    existing = list(filter(_is_caller_id, sorted(known)))[: _get_changed_count(count)]
    new = [e164 for e164 in generate_numbers(count + len(known), chance) if e164 not in known and _is_caller_id(e164)]
    numbers = existing + [f"12{place:04}" for place in range(count // 100)]
    numbers += new[: count - len(numbers)]
    chance.shuffle(numbers)
    with file.open("w", encoding="utf-8") as output:
        output.write("Phone number,Label,Source,Campaign\n")
        for place, e164 in enumerate(numbers):
            number = f"({e164[2:5]}) {e164[5:8]}-{e164[8:]}" if place % 2 and len(e164) == 12 else e164
            campaign = "The rest" if place % 3 == 0 else ""
            output.write(f"{number},Imported {place},{'BYOC' if place % 4 else 'Native'},{campaign}\n")
