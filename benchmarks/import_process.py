"""Import a CSV file into the large account: with the portal, or with django-import-export."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from benchmarks.data import load_dataset
from portal.audit import Actor, Context
from reputation.imports import pipeline
from reputation.models import NumberImport, PhoneNumber


def import_with_portal(file: Path) -> None:
    data = load_dataset()
    actor = Actor(user=data.user, via="web")
    with file.open("rb") as content:
        upload = UploadedFile(content, name=file.name, size=file.stat().st_size)
        batch = pipeline.receive(account=data.account, upload=upload, context=Context(actor, timezone.now()))
    for state in (NumberImport.State.READY, NumberImport.State.DONE):
        while pipeline.advance(batch, now=timezone.now()):
            pass
        batch.refresh_from_db()
        if batch.state != state:
            raise SystemExit(f"The import is {batch.state}: {batch.reason}")
        if state == NumberImport.State.READY:
            pipeline.confirm(batch, context=Context(actor, timezone.now()))


def import_with_peer(file: Path) -> None:
    from benchmarks import import_export_peer  # imported late: its packages would count as memory of our import

    import_export_peer.run(file)


def main() -> None:
    """Arguments: ours or theirs, and the file. Prints the processor seconds as JSON."""
    PhoneNumber.objects.first()
    started = time.process_time()
    {"ours": import_with_portal, "theirs": import_with_peer}[sys.argv[1]](Path(sys.argv[2]))
    print(json.dumps({"seconds": time.process_time() - started}))
