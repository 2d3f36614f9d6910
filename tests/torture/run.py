"""Run faults for so many minutes on each database.

python -m tests.torture.run --minutes 15 [--database sqlite] [--only WORDS] [--missing] [--seed 1] [--dry] [--list]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.torture.installation import ROOT, installation

if TYPE_CHECKING:
    from tests.torture.faults import Fault

DATABASES = ("sqlite", "postgresql")
# How many faults one portal suffers, before the next ones meet a portal as it was at first.
FAULTS_OF_STRETCH = 10


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run faults on a portal under load.")
    parser.add_argument("--minutes", type=float, default=15, help="for each database")
    parser.add_argument("--database", choices=DATABASES, help="both if it is left out")
    parser.add_argument("--only", default="", help="faults whose name contains this")
    parser.add_argument("--missing", action="store_true", help="only what docs/reliability.md wants more runs of")
    parser.add_argument("--seed", type=int, help="of the order and the load; a new one if it is left out")
    parser.add_argument("--dry", action="store_true", help="do not write to docs/")
    parser.add_argument("--logs", default="/tmp/torture-logs", help="folder for the logs of runs that went wrong")
    parser.add_argument("--list", action="store_true", help="name the faults, and end")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1_000_000)
    if arguments.list:
        _setup_django({"DEMO": "1"})
        from tests.torture.faults import get_faults

        write("\n".join(f"{fault.name} ({fault.times} times)" for fault in get_faults()))
        return
    if arguments.database:
        sys.exit(_torture(arguments, seed))
    command = [sys.executable, "-m", "tests.torture.run", *sys.argv[1:], "--seed", str(seed), "--database"]
    sys.exit(max(subprocess.run([*command, name], cwd=ROOT, check=False).returncode for name in DATABASES))


def write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _setup_django(environment: dict[str, str]) -> None:
    os.environ.update(environment | {"DJANGO_SETTINGS_MODULE": "portal.settings"})
    import django

    django.setup()


def _torture(arguments: argparse.Namespace, seed: int) -> int:
    """The exit status: 0 if all went well."""
    write(f"seed {seed}, {arguments.database}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the processes of the portal end, too
    with installation(arguments.database) as portal:
        # This process asks the database itself, also while a fault is between it and the portal.
        _setup_django(portal.environment | {"DATABASE_URL": portal.database.direct_url})
        from tests.torture.faults import get_faults
        from tests.torture.records import add_run
        from tests.torture.rounds import Torture

        faults = [
            fault for fault in get_faults() if arguments.database in fault.databases and arguments.only in fault.name
        ]
        torture = Torture(portal, seed)
        bad = 0
        until = time.monotonic() + arguments.minutes * 60
        while time.monotonic() < until and (stretch := _choose(faults, torture.random, arguments)):
            for run in torture.run_stretch(stretch):
                write(f"{datetime.now(UTC):%H:%M:%S} {run.describe()}")
                if not run.is_good:
                    bad += 1
                    portal.keep_logs(Path(arguments.logs) / f"{arguments.database}-{seed}-{run.number}")
                if not arguments.dry:
                    add_run(run)
    return int(bool(bad))


def _choose(faults: list[Fault], random_: random.Random, arguments: argparse.Namespace) -> list[Fault]:
    """The faults of the next stretch, in random order. With --missing, only those with too few runs so far."""
    from tests.reliability.record import count_runs
    from tests.torture.records import NAMES

    if arguments.missing:
        counts = count_runs()
        faults = [fault for fault in faults if counts[fault.name, NAMES[arguments.database]] < fault.times]
    return random_.sample(faults, min(len(faults), FAULTS_OF_STRETCH))


if __name__ == "__main__":
    main()
