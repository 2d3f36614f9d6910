"""The databases of the benchmarks: created once for each size, and copied for each benchmark."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from benchmarks.data import Dataset, create_dataset, load_dataset


@dataclass
class BenchmarkRun:
    """The arguments of a benchmark: whether to be quick, and its databases. `folder` belongs to the whole run."""

    quick: bool
    folder: Path
    part: str
    _copies: dict[int, Path] = field(default_factory=dict)

    @property
    def large(self) -> int:
        """The size of the large account in benchmarks of scale."""
        return self.of_size(1_000_000, 50_000)

    def of_size(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def use(self, numbers: int, *, anew: bool = False) -> Dataset:
        """Connect this process to the benchmark's copy of the database with so many numbers. `anew` copies it again.
        `environment` connects other processes to it."""
        if anew or numbers not in self._copies:
            original = self._create(numbers)
            copy = self.folder / self.part / f"{numbers}.sqlite3"
            copy.parent.mkdir(parents=True, exist_ok=True)
            connection.close()
            for suffix in ("-wal", "-shm"):
                copy.with_name(copy.name + suffix).unlink(missing_ok=True)
            shutil.copyfile(original, copy)
            self._copies[numbers] = copy
        _connect(self._copies[numbers])
        return load_dataset()

    def environment(self, numbers: int) -> dict[str, str]:
        """Variables for a process that works on the same copy."""
        return {"DATABASE_URL": f"sqlite:///{self._copies[numbers]}", "DATA_DIR": str(self.folder / self.part)}

    def _create(self, numbers: int) -> Path:
        path = self.folder / f"numbers-{numbers}.sqlite3"
        if not path.exists():
            started = time.monotonic()
            unfinished = path.with_suffix(".unfinished")
            unfinished.unlink(missing_ok=True)
            _connect(unfinished)
            call_command("migrate", verbosity=0)
            create_dataset(numbers=numbers, now=timezone.now())
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
            unfinished.rename(path)
            print(f"    made {numbers:,} numbers in {time.monotonic() - started:.0f} s", flush=True)
        return path


def _connect(path: Path) -> None:
    connection.close()
    connection.settings_dict["NAME"] = str(path)
