"""`make bench`: run the benchmarks, print a table, and write it to benchmarks/results.md.

One database is created for each size. Each benchmark runs in a process of its own on a copy, so that none sees the
data or the memory of another. `ONLY=pages,imports` runs some of them, `QUICK=1` runs them with little data.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

BASE_DIR = Path(__file__).parent
QUICK = os.environ.get("QUICK", "") not in ("", "0")
# Modules with a function `measure(run: BenchmarkRun) -> list[Result]`.
BENCHMARKS = (
    "matching",
    "pages",
    "bulk_actions",
    "observations",
    "imports",
    "concurrency",
    "idle",
    "lookup_workers",
)


def main() -> None:
    only = [part for part in os.environ.get("ONLY", "").split(",") if part]
    if unknown := set(only) - set(BENCHMARKS):
        raise SystemExit(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}.")
    if len(sys.argv) == 3:
        measure(sys.argv[1], Path(sys.argv[2]))
        return
    if len(sys.argv) > 1:
        raise SystemExit(__doc__)
    started = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="portal-bench-")))
        rows = [row for part in only or BENCHMARKS for row in _run_in_process(part, folder)]
    _setup_django(folder)
    from benchmarks import report

    measured = [report.Result(**row) for row in rows]
    text = report.render_table(measured, quick=QUICK, seconds=time.monotonic() - started)
    print(text)
    if not QUICK and not only:
        (BASE_DIR / "results.md").write_text(text + "\n", encoding="utf-8")
    sys.exit(0 if all(row.is_reached for row in measured) else 1)


def _run_in_process(part: str, folder: Path) -> list[dict]:
    print(f"--- {part}", flush=True)
    started = time.monotonic()
    answer = folder / f"{part}.json"
    subprocess.run([sys.executable, "-m", "benchmarks.run", part, str(folder)], check=True)
    rows = json.loads(answer.read_text())
    for row in rows:
        print(f"    {row['name']}: {row['figure']}; {row['peer']}: {row['peers_figure']}; {row['ratio']:.2f}")
    print(f"    {time.monotonic() - started:.0f} s", flush=True)
    return rows


def measure(part: str, folder: Path) -> None:
    """Run one benchmark in this process and write its results to a file."""
    _setup_django(folder / part)
    from benchmarks.databases import BenchmarkRun

    rows = importlib.import_module(f"benchmarks.{part}").measure(BenchmarkRun(quick=QUICK, folder=folder, part=part))
    (folder / f"{part}.json").write_text(json.dumps([asdict(row) for row in rows]))


def _setup_django(data_dir: Path) -> None:
    os.environ["DATA_DIR"] = str(data_dir)
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    os.environ.pop("DATABASE_URL", None)
    import django

    django.setup()


if __name__ == "__main__":
    main()
