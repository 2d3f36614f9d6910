"""`python -m tests.reliability.kills 100`: kill random processes of a task cluster, and measure when it works again.

With `--postgresql`, on a temporary PostgreSQL, otherwise on a SQLite file. `--seed` repeats a run. With `--missing`, at
most so many kills, and only of processes that docs/reliability.md has fewer than 20 kills of. Before each kill,
five numbers are enabled, whose verification is what may get lost. The seconds are those from the kill until a task has
run in the next cluster that was queued after the former one was gone. The measurements are added to
docs/reliability.md.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.reliability.record import Measurement, count_runs, describe_run, record, update_document
from tests.support.servers import temporary_postgresql

IDLE, BUSY = "idle worker", "busy worker"
FAULTS = (IDLE, BUSY, "monitor", "pusher", "sentinel", "main")
# How many kills of each process `--missing` wants on each database.
TIMES = 20
NUMBERS = 5
# Longer than any recovery: what takes longer counts as no recovery.
GIVE_UP_SECONDS = 300
# How long the last verifications may take after the last kill.
VERIFY_SECONDS = 900


def main() -> int:
    options = read_options()
    sys.stdout.write(f"seed {options.seed}\n")
    run = describe_run()
    with TemporaryDirectory(prefix="portal-kills-") as folder, database(Path(folder), options) as address:
        set_up(Path(folder), address)
        from tests.reliability.killing import Killing

        kind = "PostgreSQL" if options.postgresql else "SQLite"
        chosen = choose(kind, options)
        measured = Killing(Path(folder)).run(chosen)
    for fault, seconds, lost in measured:
        record(Measurement(f"kill -9: {fault}", kind, seconds, lost, **run))
    update_document()
    return 0 if all(seconds is not None and not lost for _, seconds, lost in measured) else 1


def choose(database: str, options: argparse.Namespace) -> list[str]:
    """The processes to kill, in random order."""
    chance = random.Random(options.seed)
    if not options.missing:
        return chance.choices(FAULTS, k=options.kills)
    counts = count_runs()
    missing = [fault for fault in FAULTS for _ in range(TIMES - counts[f"kill -9: {fault}", database])]
    return chance.sample(missing, min(len(missing), options.kills))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.kills", description=__doc__)
    parser.add_argument("kills", type=int)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--missing", action="store_true")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    return parser.parse_args()


@contextmanager
def database(folder: Path, options: argparse.Namespace) -> Iterator[str]:
    if options.postgresql:
        with temporary_postgresql() as address:
            yield address
    else:
        yield f"sqlite:///{folder}/portal.sqlite3"


def set_up(folder: Path, address: str) -> None:
    """Configure Django in this process for an empty database, and migrate it."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": address,
        "DATA_DIR": str(folder),
        "DAY_SECONDS": "2",
        "PROVIDERS": "simulated",
        "LOG_LEVEL": "WARNING",
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


if __name__ == "__main__":
    sys.exit(main())
