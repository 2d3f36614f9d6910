"""Registration of numbers with engines, through desks: who may be sent, and what was sent. It removes no label.

The engines learn which business uses a number. A number has a row for each engine to which it was sent, or whose list
shows it. Answers are in registration_answers.py. Each function takes any number of numbers, in chunks of the same
number of statements.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet, Value

from portal import audit
from portal.audit import Context
from portal.db.bulk import insert_from
from portal.db.in_list import in_list
from portal.models import Account
from portal.phone.numbers import US_REGIONS
from portal.text import join_names, pluralize
from reputation.desks.deadlines import add_business_days
from reputation.models import Desk, DeskLetter, DeskRegistration, Engine, PhoneNumber
from reputation.models.numbers import PhoneNumberQuerySet

State = DeskRegistration.State
CHUNK = 5_000

# Nothing waits for the desk, so the number may be sent again.
SENDABLE_AGAIN = (State.PROOF_ASKED, State.REFUSED, State.SILENT, State.HELD_BY_OTHER, State.WITHDRAWN)


class NotRegistrable(Exception):
    """Nothing was changed; the message says why and what to do."""


@dataclass(frozen=True)
class RegistrationDraft:
    """What is sent. `without_name` are the ids of numbers that do not answer with the business's name."""

    text: str
    file_name: str
    file_content: str
    attested_by: str
    mailbox: str
    reference: str = ""
    without_name: Collection[int] = ()


def get_registry_desks() -> list[Desk]:
    """The desks that take registrations, the one for most engines first, with their engines. Two queries."""
    desks = Desk.objects.filter(in_use=True, registers=True).prefetch_related("engines")
    return sorted(desks, key=lambda desk: -len(desk.engines.all()))


def get_engines(desks: Sequence[Desk]) -> list[Engine]:
    """The engines with which these desks register, by name."""
    engines = {engine.pk: engine for desk in desks for engine in desk.engines.all()}
    return sorted(engines.values(), key=lambda engine: engine.name)


def filter_by_state(numbers: PhoneNumberQuerySet, engine: Engine, state: str) -> PhoneNumberQuerySet:
    """The numbers whose registration with the engine is in this state. Empty: those that are not registered."""
    rows = DeskRegistration.objects.filter(engine=engine)
    if state:
        return numbers.filter(pk__in=rows.filter(state=state).values("number"))
    return numbers.exclude(pk__in=rows.values("number"))


def select_sendable(account: Account, desk: Desk, *, only_new: bool = False) -> PhoneNumberQuerySet:
    """The numbers that can be sent to the desk: of the United States, and not settled at each of its engines.

    `only_new`: without those that an engine refused, did not answer or was told to forget.
    """
    registered = DeskRegistration.objects.for_account(account)
    if not only_new:
        registered = registered.exclude(state__in=SENDABLE_AGAIN)
    open_somewhere = Q(pk__in=[])
    for engine in desk.engines.all():
        open_somewhere |= ~Q(pk__in=registered.filter(engine=engine).values("number"))
    return PhoneNumber.objects.for_account(account).filter(open_somewhere, region__in=US_REGIONS)


def send(account: Account, desk: Desk, ids: Sequence[int], draft: RegistrationDraft, *, context: Context) -> DeskLetter:
    """Records that somebody sent these numbers to the desk. All or nothing: raises NotRegistrable."""
    if not draft.attested_by.strip():
        raise NotRegistrable("Name who declares that the business itself uses the numbers.")
    if desk.batch_limit and len(ids) > desk.batch_limit:
        raise NotRegistrable(f"{desk} takes {desk.batch_limit:,} numbers at a time, and these are {len(ids):,}.")
    with transaction.atomic():
        # Somebody else may send the same numbers at the same time.
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        _check_sendable(account, desk, ids)
        letter = DeskLetter.objects.create(
            account=account,
            desk=desk,
            text=draft.text,
            file_name=draft.file_name,
            file_content=draft.file_content,
            reference=draft.reference,
            mailbox=draft.mailbox,
            sent_by=context.actor.user,
            attested_by=draft.attested_by.strip(),
            sent_at=context.now,
        )
        without_name = set(draft.without_name)
        named = [pk for pk in ids if pk not in without_name]
        for answers_with_name, group in ((True, named), (False, [pk for pk in ids if pk in without_name])):
            for chunk in chunks(group):
                _write_sent(account, letter, chunk, answers_with_name=answers_with_name, context=context)
    return letter


def _check_sendable(account: Account, desk: Desk, ids: Sequence[int]) -> None:
    if not ids:
        raise NotRegistrable("Choose at least one number.")
    sendable = select_sendable(account, desk)
    found = sum(sendable.filter(pk__in=in_list(chunk)).count() for chunk in chunks(ids))
    if found < len(set(ids)):
        raise NotRegistrable(
            f"{pluralize(len(set(ids)) - found, 'number')} of these cannot be sent any more: sent already, confirmed, "
            "or removed. Nothing was recorded. Choose the numbers again."
        )


def _write_sent(
    account: Account, letter: DeskLetter, ids: Sequence[int], *, answers_with_name: bool, context: Context
) -> None:
    desk = letter.desk
    engines = list(desk.engines.all())
    numbers = PhoneNumber.objects.for_account(account).filter(pk__in=in_list(ids))
    names = Value(join_names(sorted(engine.name for engine in engines)))
    record_events(numbers, State.SENT, after=Value(desk.name), reason=names, context=context)
    values = {
        "desk_id": desk.pk,
        "state": State.SENT.value,
        "state_since": context.now,
        "answers_with_name": answers_with_name,
        "letter_id": letter.pk,
        "sent_at": context.now,
        "due_at": add_business_days(context.now, desk.answer_days, account.time_zone),
    }
    for engine in engines:
        rows = DeskRegistration.objects.for_account(account).filter(engine=engine, number__in=in_list(ids))
        rows.filter(state__in=SENDABLE_AGAIN).update(**values)
        constants = {name: Value(value) for name, value in (values | {"engine_id": engine.pk, "reply": ""}).items()}
        insert_from(
            DeskRegistration, numbers, ignore_conflicts=True, account_id="account_id", number_id="pk", **constants
        )


def record_events(
    numbers: QuerySet[PhoneNumber], state: State, *, after: Value, reason: Value, context: Context
) -> None:
    """Records an event about each number, so that its page tells it. Long answers are cut there."""
    reason = Value(str(reason.value)[:500])
    audit.record_changes(
        numbers, context=context, code=f"desk_registration.{state}", label="e164", after=after, reason=reason
    )


def chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    listed = sorted(set(ids))
    return (listed[start : start + CHUNK] for start in range(0, len(listed), CHUNK))
