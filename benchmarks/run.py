"""`make bench`: measures, prints a table, and writes it with the machine and the versions to benchmarks/results.md."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
QUICK = os.environ.get("QUICK", "") not in ("", "0")


def main() -> None:
    data_dir = Path(tempfile.mkdtemp(prefix="portal-bench-"))
    os.environ["DATA_DIR"] = str(data_dir)
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    os.environ.pop("DATABASE_URL", None)
    begun = time.monotonic()
    try:
        import django

        django.setup()
        from benchmarks import matching, report

        rows = matching.measure(quick=QUICK)
        text = report.table(rows, quick=QUICK, seconds=time.monotonic() - begun)
        print(text)
        if not QUICK:
            (HERE / "results.md").write_text(text + "\n", encoding="utf-8")
        sys.exit(0 if all(row.is_reached for row in rows) else 1)
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


if __name__ == "__main__":
    main()
