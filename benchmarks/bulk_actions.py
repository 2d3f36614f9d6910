"""Enable 100,000 numbers against a loop of save(), and a confirmation window for all numbers against one for 50."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from benchmarks.data import Dataset
from benchmarks.databases import BenchmarkRun
from benchmarks.report import Result
from portal.audit import Actor, Context
from portal.jobs.claims import claim_row
from portal.jobs.task_run import task_run
from portal.models import AuditEvent
from reputation.bulk_actions import actions
from reputation.models import BulkAction, Engine, PhoneNumber, Registration
from reputation.service_clock import days

Capability, State = PhoneNumber.Capability, BulkAction.State
PEER_COUNT = 1_000
OPENINGS = 15
EXPLANATION = (
    "Half of it is the UPDATE, which writes two indexes by facet, and a quarter the commit of their pages. Tried: "
    "all ids as one parameter (71 to 55 µs), chunks of 10,000 instead of 1,000 (160 to 60 µs), no status where it "
    "stays (89 to 66 µs), numbers stored in their order (55 to 28 µs), three times the cache (a tenth, for twice a "
    "worker's memory)."
)
QUERIES_EXPLANATION = (
    "Thirteen for each chunk, whatever its size. The rest are once for each run of the task: who makes the change, and "
    "the chain of the audit trail, which its batches are linked to at the end."
)


def measure(run: BenchmarkRun) -> list[Result]:
    call_command("collectstatic", verbosity=0, interactive=False)
    return [*_measure_previews(run), *_measure_enabling(run)]


def _measure_previews(run: BenchmarkRun) -> list[Result]:
    """Open and show a window for all numbers, against one for 50 numbers that can all be enabled."""
    data = run.use(run.large)
    count = PhoneNumber.objects.for_account(data.account).count()
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(data.user)
    off = PhoneNumber.objects.for_account(data.account).filter(capability=Capability.OFF)
    first = off.order_by("pk").values_list("pk", flat=True)[:50]
    ticked = {"action": "enable", "number": list(first)}
    everything = {"action": "enable", "all": "1", "filter": "", "expected": str(count)}
    opened: dict[str, list[float]] = {"50": [], "all": []}
    for _ in range(OPENINGS):  # by turns, because the machine is now quicker, now slower
        opened["50"].append(_time_opening(client, ticked))
        opened["all"].append(_time_opening(client, everything))
    took = {name: statistics.median(seconds) for name, seconds in opened.items()}
    windows = {
        "50": BulkAction.objects.filter(state=State.READY).latest("pk"),
        "all": BulkAction.objects.filter(state=State.PREPARING).latest("pk"),
    }
    started = time.process_time()
    while windows["all"].is_preparing:
        actions.prepare(windows["all"], now=timezone.now())
        windows["all"].refresh_from_db()
    written = time.process_time() - started
    pages = {name: _time_page(client, window) for name, window in windows.items()}
    name = f"a confirmation window for all {count:,} that match"
    opening = f"{name}: opening it (a worker then writes them down in {written:.1f} s of processor time)"
    return [
        _compare(opening, {key: seconds * 1000 for key, seconds in took.items()}, "{:.0f} ms", 3),
        _compare(
            f"{name}: looking at it, written down", {k: t * 1000 for k, (t, _size) in pages.items()}, "{:.0f} ms", 3
        ),
        _compare(f"{name}: size of its page", {key: size for key, (_t, size) in pages.items()}, "{:,} bytes", 1.2),
    ]


def _compare(name: str, measured: dict[str, float], unit: str, goal: float) -> Result:
    """The window for all numbers against the window for 50, which are the keys of `measured`."""
    everything, peer = measured["all"], measured["50"]
    return Result(name, unit.format(everything), "for 50", unit.format(peer), everything / peer, goal, at_least=False)


def _time_opening(client: Client, form: dict[str, object]) -> float:
    """Processor seconds from the click to the window."""
    started = time.process_time()
    client.post(reverse("bulk-action-open"), form, follow=True)
    return time.process_time() - started


def _time_page(client: Client, window: BulkAction) -> tuple[float, int]:
    took = []
    for _ in range(5):
        started = time.process_time()
        response = client.get(reverse("bulk-action", args=[window.pk]))
        took.append(time.process_time() - started)
    return statistics.median(took), len(response.content)


def _measure_enabling(run: BenchmarkRun) -> list[Result]:
    count = run.of_size(100_000, 20_000)
    data = run.use(run.large)
    context = Context(Actor(user=data.user, via="web"), timezone.now())
    off = PhoneNumber.objects.for_account(data.account).filter(capability=Capability.OFF, registrations=None)
    ids = list(off.order_by("pk").values_list("pk", flat=True)[: count + PEER_COUNT])
    peer = _time_save_loop(ids[count:], context)
    took, queries = _time_enabling(data, ids[:count], context)
    chunks = count / min(actions.CHUNK, count)
    each = took / count
    return [
        Result(
            f"enabling {count:,} numbers, with audit events and an engine's registration each: a number",
            f"{each * 1e6:.0f} µs",
            f"a loop of save(), a transaction for each of {PEER_COUNT:,}: a number",
            f"{peer * 1e6:.0f} µs",
            peer / each,
            40,
            at_least=True,
            bound=EXPLANATION,
        ),
        Result(
            f"the same: queries for each chunk of {actions.CHUNK:,}, in all",
            f"{queries / chunks:.1f}",
            "the goal",
            "15",
            queries / chunks / 15,
            1.0,
            at_least=False,
            bound=QUERIES_EXPLANATION,
        ),
    ]


def _time_enabling(data: Dataset, ids: list[int], context: Context) -> tuple[float, int]:
    """Processor seconds from the click to the end, and the number of queries of all chunks in one run of a task."""
    window = actions.create_bulk_action(
        account=data.account,
        context=context,
        action=BulkAction.Action.ENABLE,
        numbers=PhoneNumber.objects.for_account(data.account).filter(pk__in=ids),
    )
    BulkAction.objects.filter(pk=window.pk).update(state=BulkAction.State.APPLYING, total_count=len(ids))
    window.refresh_from_db()
    claim = claim_row(BulkAction.objects.in_progress(), window.pk, now=context.now)
    queries = 0

    def count(execute: Callable[..., object], statement: str, *arguments: object) -> object:
        nonlocal queries
        queries += not statement.startswith("BEGIN")
        return execute(statement, *arguments)

    started = time.process_time()
    with connection.execute_wrapper(count), task_run():
        while actions.apply_chunk(window, claim, context=context):
            pass
    took = time.process_time() - started
    window.refresh_from_db()
    if window.applied_count != len(ids):
        raise SystemExit(f"{window.applied_count} of {len(ids)} numbers were enabled.")
    return took, queries


def _time_save_loop(ids: list[int], context: Context) -> float:
    """Processor seconds per number when each is saved in a transaction of its own."""
    engines = list(Engine.objects.filter(in_use=True))
    started = time.process_time()
    for pk in ids:
        with transaction.atomic():
            number = PhoneNumber.objects.select_for_update().get(pk=pk)
            before = number.capability
            number.capability = Capability.VERIFYING
            number.capability_since = context.now
            number.next_action_at = context.now + days(7)
            number.save()
            AuditEvent.objects.create(
                account_id=number.account_id,
                at=context.now,
                actor=context.actor.user,
                via=context.actor.via,
                code="capability.verifying",
                subject_type="phonenumber",
                subject_id=number.pk,
                subject_label=number.e164,
                before=before,
                after=number.capability,
            )
            for engine in engines:
                Registration.objects.create(
                    account_id=number.account_id, number=number, engine=engine, next_action_at=context.now
                )
    return (time.process_time() - started) / len(ids)
