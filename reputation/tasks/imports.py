"""CSV imports in the background: reading and applying in chunks, continuing after a kill, and cleaning up."""

from __future__ import annotations

import time

from django.utils import timezone

from portal.jobs.runner import BUDGET_SECONDS, continue_later, enqueue_again, run_exclusively, run_until_done, task
from reputation.imports import cleanup, pipeline
from reputation.models import NumberImport


@task
def advance_import(pk: int) -> None:
    """Read or apply one import. Queued when a file is received and when it is confirmed, and again until it is done."""
    batch = NumberImport.objects.filter(pk=pk).first()
    if batch and pipeline.advance(batch, now=timezone.now()):
        continue_later()


@task
def continue_imports() -> None:
    """The sweep: continue imports that a killed worker, or a lost queue, left unfinished."""
    until = time.monotonic() + BUDGET_SECONDS
    with run_exclusively("continue imports") as lease:
        for batch in pipeline.get_unclaimed(timezone.now()) if lease else ():
            if time.monotonic() >= until or pipeline.advance(batch, now=timezone.now()):
                enqueue_again(pipeline.ADVANCE_TASK, batch.pk)


@task
def end_stale_imports() -> None:
    """The sweep: expire imports that nobody confirmed, and delete rows and files that are no longer kept."""
    run_until_done("end stale imports", lambda: cleanup.clean_up(now=timezone.now()))
