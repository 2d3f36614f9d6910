"""CSV imports in the background: reading and applying in chunks, continuing after a kill, and cleaning up."""

from __future__ import annotations

from django.utils import timezone

from portal.jobs.runner import enqueue, run_until_done, task
from reputation.imports import cleanup, pipeline
from reputation.models import NumberImport


@task
def advance_import(pk: int) -> None:
    """Read or apply one import. Queued when a file is received and when it is confirmed, and again until it is done."""
    batch = NumberImport.objects.filter(pk=pk).first()
    if batch and pipeline.advance(batch, now=timezone.now()):
        enqueue(pipeline.ADVANCE_TASK, pk)


@task
def continue_imports() -> None:
    """The sweep: continue imports that a killed worker, or a lost queue, left unfinished."""
    waiting = list(pipeline.get_unclaimed(timezone.now()))

    def step() -> int:
        if not waiting:
            return 0
        pipeline.advance(waiting.pop(0), now=timezone.now(), budget_seconds=20)
        return 1

    run_until_done("continue imports", step)


@task
def end_stale_imports() -> None:
    """The sweep: expire imports that nobody confirmed, and delete rows and files that are no longer kept."""
    run_until_done("end stale imports", lambda: cleanup.clean_up(now=timezone.now()))
