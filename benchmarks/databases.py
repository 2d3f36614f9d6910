"""The databases that the parts measure on: made once for each number of numbers, and copied for whoever uses one."""

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
    """What a part is given: whether to be quick, and databases. `folder` is the whole run's."""

    quick: bool
    folder: Path
    part: str
    _copies: dict[int, Path] = field(default_factory=dict)

    @property
    def large(self) -> int:
        """How many numbers the large account has where a part looks at what many cost."""
        return self.of_size(1_000_000, 50_000)

    def of_size(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def use(self, numbers: int, *, anew: bool = False) -> Dataset:
        """From here on this process works on this part's own copy of the database with so many numbers; it can go
        back and forth between several, and have one `anew`. Other processes find it by `environment`."""
        if anew or numbers not in self._copies:
            made = self._made(numbers)
            copy = self.folder / self.part / f"{numbers}.sqlite3"
            copy.parent.mkdir(parents=True, exist_ok=True)
            connection.close()
            for beside in ("-wal", "-shm"):
                copy.with_name(copy.name + beside).unlink(missing_ok=True)
            shutil.copyfile(made, copy)
            self._copies[numbers] = copy
        _connect(self._copies[numbers])
        return load_dataset()

    def environment(self, numbers: int) -> dict[str, str]:
        """For a process that is to work on the same copy."""
        return {"DATABASE_URL": f"sqlite:///{self._copies[numbers]}", "DATA_DIR": str(self.folder / self.part)}

    def _made(self, numbers: int) -> Path:
        path = self.folder / f"numbers-{numbers}.sqlite3"
        if not path.exists():
            begun = time.monotonic()
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
            print(f"    made {numbers:,} numbers in {time.monotonic() - begun:.0f} s", flush=True)
        return path


def _connect(path: Path) -> None:
    connection.close()
    connection.settings_dict["NAME"] = str(path)
