"""What engines answer to registrations, which of them end silent, and numbers that are to be deregistered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery, Value

from portal.audit import Context
from portal.db.bulk import insert_from
from portal.db.in_list import in_list
from portal.models import Account, AuditEvent
from portal.text import pluralize
from reputation.desks.registrations import CHUNK, NotRegistrable, chunks, record_events
from reputation.models import Desk, DeskRegistration, Engine, PhoneNumber

State = DeskRegistration.State

# What an engine may answer.
ANSWERS = (State.CONFIRMED, State.PROOF_ASKED, State.REFUSED, State.HELD_BY_OTHER, State.WITHDRAWN)
# The engine has the number, or may have it.
WITH_ENGINE = (State.SENT, State.PROOF_ASKED, State.CONFIRMED, State.SILENT)


def record_answer(
    account: Account, engine: Engine, ids: Sequence[int], *, state: str, text: str, context: Context
) -> int:
    """Records what the engine wrote about these numbers, verbatim; returns how many it was new for.

    Raises NotRegistrable if one of them was never sent to the engine.
    """
    if state not in ANSWERS:
        raise NotRegistrable("Choose what the engine answered.")
    if not text.strip():
        raise NotRegistrable("Paste what the engine wrote, so that it can be read later.")
    if not ids:
        raise NotRegistrable("Choose at least one number.")
    with transaction.atomic():
        rows = DeskRegistration.objects.for_account(account).filter(engine=engine)
        found = sum(rows.filter(number__in=in_list(chunk)).count() for chunk in chunks(ids))
        if found < len(set(ids)):
            missing = pluralize(len(set(ids)) - found, "number")
            raise NotRegistrable(f"{missing} of these were never sent to {engine}. Nothing was recorded.")
        return sum(_move(rows, chunk, engine, State(state), text=text, context=context) for chunk in chunks(ids))


def confirm_listed(
    account: Account, engine: Engine, desk: Desk, ids: Sequence[int], *, text: str, context: Context
) -> int:
    """The engine's own list shows these numbers as registered; returns how many were not confirmed before.

    Numbers that were registered without the portal get a row. Call it in a transaction.
    """
    confirmed = 0
    rows = DeskRegistration.objects.for_account(account).filter(engine=engine)
    for chunk in chunks(ids):
        unconfirmed = rows.exclude(state=State.CONFIRMED).filter(number__in=in_list(chunk))
        known = list(unconfirmed.values_list("number", flat=True))
        confirmed += _move(rows, known, engine, State.CONFIRMED, text=text, context=context) if known else 0
        numbers = PhoneNumber.objects.for_account(account).filter(pk__in=in_list(chunk))
        unknown = numbers.exclude(pk__in=rows.filter(number__in=in_list(chunk)).values("number"))
        confirmed += _insert_confirmed(list(unknown.values_list("pk", flat=True)), engine, desk, text, context)
    return confirmed


def _insert_confirmed(ids: Sequence[int], engine: Engine, desk: Desk, text: str, context: Context) -> int:
    if not ids:
        return 0
    numbers = PhoneNumber.objects.filter(pk__in=in_list(ids))
    record_events(numbers, State.CONFIRMED, after=Value(engine.name), reason=Value(text), context=context)
    values = {
        "engine_id": engine.pk,
        "desk_id": desk.pk,
        "state": State.CONFIRMED.value,
        "state_since": context.now,
        "sent_at": context.now,
        "reply": text,
    }
    constants = {name: Value(value) for name, value in values.items()}
    return insert_from(
        DeskRegistration, numbers, ignore_conflicts=True, account_id="account_id", number_id="pk", **constants
    )


def select_given_up(account: Account, engine: Engine | None = None) -> QuerySet[DeskRegistration]:
    """Registrations that an engine still has, of numbers that were removed or retired. `retired_at` says when.

    A number that is only not monitored is not given up: calls may go on to show it. A retired one counts no longer once
    it was enabled, assigned to a campaign, or added again.
    """
    retirements = AuditEvent.objects.for_account(account).filter(
        Q(at__gte=OuterRef("number__capability_since")),
        Q(at__gte=OuterRef("number__added_at")),
        code="number.retired",
        subject_type=PhoneNumber._meta.model_name,
        subject_id=OuterRef("number"),
    )
    rows = DeskRegistration.objects.for_account(account).filter(state__in=WITH_ENGINE)
    rows = rows.annotate(retired_at=Subquery(retirements.order_by("-pk").values("at")[:1]))
    retired = Q(number__capability=PhoneNumber.Capability.OFF, number__campaign__isnull=True, retired_at__isnull=False)
    given_up = rows.filter(Q(number__removed_at__isnull=False) | retired)
    return given_up.filter(engine=engine) if engine else given_up


def withdraw_given_up(account: Account, engine: Engine, ids: Sequence[int], *, context: Context) -> int:
    """Somebody told the engine to forget these numbers; returns how many. Those that are in use again are left out."""
    with transaction.atomic():
        rows = select_given_up(account, engine)
        text = "Deregistered by the account, because the number was given up."
        return sum(_withdraw(rows, chunk, engine, text, context) for chunk in chunks(ids))


def _withdraw(rows: QuerySet[DeskRegistration], ids: Sequence[int], engine: Engine, text: str, context: Context) -> int:
    given_up = list(rows.filter(number__in=in_list(ids)).values_list("number", flat=True))
    all_rows = DeskRegistration.objects.filter(engine=engine)
    return _move(all_rows, given_up, engine, State.WITHDRAWN, reason=text, context=context) if given_up else 0


def mark_silent_due(now: datetime) -> int:
    """Marks one chunk of the registrations that an engine did not answer in time as silent; returns how many."""
    due = DeskRegistration.objects.filter(due_at__lte=now)
    rows = list(due.order_by("due_at", "pk").values_list("pk", "engine_id", "number_id")[:CHUNK])
    by_engine: dict[int, list[int]] = {}
    for _pk, engine, number in rows:
        by_engine.setdefault(engine, []).append(number)
    engines = Engine.objects.in_bulk(by_engine) if by_engine else {}
    with transaction.atomic():
        for pk, numbers in by_engine.items():
            _move(due, numbers, engines[pk], State.SILENT, context=Context.system(now))
    return len(rows)


def _move(
    rows: QuerySet[DeskRegistration],
    ids: Sequence[int],
    engine: Engine,
    state: State,
    *,
    context: Context,
    text: str = "",
    reason: str = "",
) -> int:
    """Moves those of `rows` with these numbers and this engine, with an audit event about each number.

    The same answer again changes nothing.
    """
    moving = rows.filter(engine=engine, number__in=in_list(ids))
    if text:
        moving = moving.exclude(state=state, reply=text)
    pks = list(moving.select_for_update().order_by("pk").values_list("pk", flat=True))
    if not pks:
        return 0
    moved = DeskRegistration.objects.filter(pk__in=in_list(pks))
    numbers = PhoneNumber.objects.filter(pk__in=moved.values("number"))
    record_events(numbers, state, after=Value(engine.name), reason=Value(text or reason), context=context)
    answer = {"reply": text} if text else {}
    moved.exclude(state=state).update(state_since=context.now)
    return moved.update(state=state, due_at=None, **answer)
