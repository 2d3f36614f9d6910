"""The list of registered numbers at Hiya Connect: Hiya's own evidence about the account's numbers, and confirmations.

Hiya labels for the carriers and makes of the table of carriers (AT&T, Samsung). Its grade is about all of them, so the
observations name no carrier. This is not in reputation/desks/, because observations are made further up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from portal.models import Account
from portal.text import pluralize
from reputation.desks.registration_answers import confirm_listed
from reputation.engine_lists.grades import get_verdict
from reputation.engine_lists.reading import ListContent, ListRow
from reputation.models import Connection, Desk, Engine, EngineList, PhoneNumber
from reputation.monitoring.observations import apply_observations
from reputation.providers.desk import DeskProvider
from reputation.providers.protocol import Evidence, Observation, Verdict
from reputation.service_clock import days

ENGINE = "hiya"
# Numbers that the account does not have and that are named. The others are counted.
MAX_NAMED = 100


class ListRefused(Exception):
    """Nothing was changed; the message says why and what to do."""


@dataclass(frozen=True)
class ListResult:
    """`is_new` is False if the same list was read before, and its answers still count: nothing was changed."""

    engine_list: EngineList
    is_new: bool


def apply_list(
    account: Account, content: ListContent, *, name: str = "", shown_at: datetime, context: Context
) -> ListResult:
    """Stores the grades as observations of Hiya, and confirms the registrations. Raises ListRefused.

    The same list again changes nothing while its answers count, which is as long as an engine's data lasts.
    """
    engine, desk, connection = _get_parts()
    digest = _get_digest(content.rows, shown_at)
    recent = EngineList.objects.for_account(account).filter(read_at__gt=context.now - days(settings.CLEAN_DAYS))
    if same := recent.filter(engine=engine, digest=digest).order_by("-pk").first():
        return ListResult(same, is_new=False)
    ids = _find_numbers(account, content.rows)
    listed = [row for row in content.rows.values() if row.e164 in ids]
    changes = apply_observations(
        [_observe(row, shown_at) for row in listed], connection=connection, now=context.now, account_id=account.pk
    )
    day = shown_at.astimezone(ZoneInfo(account.time_zone)).date()
    text = f"On the list of registered numbers at Hiya Connect, {day.day} {day:%b %Y}."
    with transaction.atomic():
        confirmed = confirm_listed(account, engine, desk, list(ids.values()), text=text, context=context)
        engine_list = _store(account, engine, content, ids, digest, name, shown_at, context)
        engine_list.counts |= {"confirmed": confirmed} | changes
        engine_list.save(update_fields=["counts"])
        audit.record_event(
            account=account,
            context=context,
            code="engine_list.read",
            subject=engine_list,
            after=f"{engine}, {pluralize(len(listed), 'number')}",
        )
    return ListResult(engine_list, is_new=True)


def _get_parts() -> tuple[Engine, Desk, Connection]:
    """The engine, the desk of its registrations, and the connection over which the observations come."""
    engine = Engine.objects.filter(slug=ENGINE, in_use=True).first()
    connection = Connection.objects.active().filter(provider=DeskProvider.name, account__isnull=True).first()
    if engine is None or connection is None:
        raise ListRefused("The provider “desk” is not in use, so lists cannot be read. Ask the operator of the portal.")
    desks = Desk.objects.filter(engines=engine).order_by("-in_use", "pk")
    desk = desks.filter(kind=Desk.Kind.ENGINE).first() or desks.first()
    if desk is None:
        raise ListRefused("There is no desk for Hiya. Ask the operator of the portal to add one.")
    return engine, desk, connection


def _get_digest(rows: Mapping[str, ListRow], shown_at: datetime) -> str:
    lines = sorted(f"{row.e164} {row.grade}" for row in rows.values())
    return sha256("\n".join([f"{shown_at:%Y-%m-%d}", *lines]).encode()).hexdigest()


def _find_numbers(account: Account, rows: Mapping[str, ListRow]) -> dict[str, int]:
    """The ids of those that the account has."""
    numbers = PhoneNumber.objects.for_account(account)
    return dict(numbers.filter(e164__in=in_list(rows)).values_list("e164", "pk"))


def _observe(row: ListRow, shown_at: datetime) -> Observation:
    verdict = get_verdict(row.grade)
    return Observation(
        row.e164,
        ENGINE,
        verdict,
        row.grade if verdict in (Verdict.LABELLED, Verdict.WARNING) else "",
        evidence=Evidence.ENGINE_DATA,
        raw_response={"list": "Hiya Connect", "grade": row.grade, "line": row.line},
        observed_at=shown_at,
    )


def _store(
    account: Account,
    engine: Engine,
    content: ListContent,
    ids: Mapping[str, int],
    digest: str,
    name: str,
    shown_at: datetime,
    context: Context,
) -> EngineList:
    listed = [row for row in content.rows.values() if row.e164 in ids]
    unknown = [row for row in content.rows.values() if row.e164 not in ids]
    counts: dict[str, Any] = dict(Counter(get_verdict(row.grade).value for row in listed))
    return EngineList.objects.create(
        account=account,
        engine=engine,
        name=name[:255],
        digest=digest,
        shown_at=shown_at,
        read_at=context.now,
        read_by=context.actor.user,
        counts=counts | {"listed": len(listed)},
        unknown_grades=dict(Counter(row.grade for row in listed if get_verdict(row.grade) is Verdict.UNKNOWN)),
        unknown_numbers=[[row.line, row.e164] for row in unknown[:MAX_NAMED]],
        unknown_count=len(unknown),
        problems=content.problems,
        problem_count=content.problem_count,
    )
