"""A CSV file imported into the large account, ours and with django-import-export: read, said what it will do, done."""

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
    from benchmarks import import_export_peer  # whose packages are no part of what our own import needs

    import_export_peer.run(file)


def main() -> None:
    """How and which file are its arguments. Prints how many seconds of processor time that took."""
    PhoneNumber.objects.first()
    begun = time.process_time()
    {"ours": import_with_portal, "theirs": import_with_peer}[sys.argv[1]](Path(sys.argv[2]))
    print(json.dumps({"seconds": time.process_time() - begun}))
