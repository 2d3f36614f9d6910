"""CSV imports in the background: reading and applying in chunks, going on after a kill, and tidying up."""

from __future__ import annotations

from django.utils import timezone

from portal.jobs.runner import enqueue, run_until_done, task
from reputation.imports import pipeline
from reputation.models import NumberImport


@task
def advance_import(pk: int) -> None:
    """Queued when a file comes and when it is confirmed, and by itself while there is more to do."""
    batch = NumberImport.objects.filter(pk=pk).first()
    if batch and pipeline.advance(batch, now=timezone.now()):
        enqueue("reputation.tasks.imports.advance_import", pk)


@task
def continue_imports() -> None:
    """The sweep: goes on with what a killed worker, or a lost queue, left."""
    waiting = list(pipeline.get_unclaimed(timezone.now()))

    def step() -> int:
        if not waiting:
            return 0
        pipeline.advance(waiting.pop(0), now=timezone.now(), budget_seconds=20)
        return 1

    run_until_done("continue imports", step)


@task
def end_stale_imports() -> None:
    """The sweep: ends what nobody confirmed, and deletes rows and files that are kept no longer."""
    run_until_done("end stale imports", lambda: pipeline.clean_up(now=timezone.now()))
