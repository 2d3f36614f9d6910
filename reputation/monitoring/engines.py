"""The engines, kept equal to what the providers in use declare."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from reputation.models import Check, Engine, PhoneNumber, Registration, Tag
from reputation.numbers import spam_status
from reputation.providers.registry import get_providers
from reputation.remediation import clearing

logger = logging.getLogger(__name__)

CHUNK = 500
# A transaction that enables numbers may not see a new engine yet. None stays open longer than this.
BACKFILL_DELAY = timedelta(minutes=5)


def sync_engines() -> None:
    """Creates and updates the rows of the providers' engines; all other engines are no longer in use.

    Several processes call it at every start. It writes only what changed.
    """
    declared = {info.slug: (name, info) for name, provider in get_providers().items() for info in provider.engines()}
    known = {engine.slug: engine for engine in Engine.objects.all()}
    # Carriers are set once: an operator may correct them, because sources disagree about who labels whose calls.
    missing = [
        Engine(slug=slug, name=info.name, provider=name, carriers=", ".join(info.carriers)[:200])
        for slug, (name, info) in declared.items()
        if slug not in known
    ]
    Engine.objects.bulk_create(missing, ignore_conflicts=True)
    for engine in known.values():
        wanted: dict[str, object] = {"in_use": False}
        if engine.slug in declared:
            name, info = declared[engine.slug]
            wanted = {"in_use": True, "name": info.name, "provider": name}
        if all(getattr(engine, field) == value for field, value in wanted.items()):
            continue
        if not wanted["in_use"]:
            wanted["needs_retirement"] = True
        elif not engine.in_use:
            wanted |= {"in_use_since": timezone.now(), "backfill_cursor": 0, "needs_retirement": False}
        Engine.objects.filter(pk=engine.pk).update(**wanted)
        logger.info("Engine %s: %s", engine.slug, wanted)


def backfill_new_engines(now: datetime) -> int:
    """Registers one chunk of monitored numbers with each new engine; returns how many, 0 when all are registered.

    Each new engine is backfilled once: enabling a number registers it with every engine in use.
    """
    registered = 0
    for engine in Engine.objects.filter(
        in_use=True, backfill_cursor__isnull=False, in_use_since__lte=now - BACKFILL_DELAY
    ):
        monitored = PhoneNumber.objects.present().monitored().filter(pk__gt=engine.backfill_cursor)
        ids = list(monitored.order_by("pk").values_list("pk", flat=True)[:CHUNK])
        with transaction.atomic():
            register_numbers(ids, engine, now=now)
            Engine.objects.filter(pk=engine.pk).update(backfill_cursor=ids[-1] if ids else None)
        registered += len(ids)
    return registered


def register_numbers(ids: Sequence[int], engine: Engine | None = None, *, now: datetime) -> int:
    """Creates registrations of these numbers with this engine, or with each in use; returns how many were new.

    One statement. It is SQL because the ORM has no cross join.
    """
    if not ids:
        return 0
    adapted_now = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {Registration._meta.db_table}
                (account_id, number_id, engine_id, state, reference, reason, next_action_at, lease_token, attempts)
            SELECT n.account_id, n.id, e.id, %s, '', '', %s, '', 0
            FROM {PhoneNumber._meta.db_table} n CROSS JOIN {Engine._meta.db_table} e
            WHERE n.id IN ({", ".join(map(str, ids))}) AND {"e.id = %s" if engine else "e.in_use"}
            ON CONFLICT DO NOTHING""",
            [Registration.State.WAITING.value, adapted_now, *([engine.pk] if engine else [])],
        )
        return cursor.rowcount


def retire_unused_engines(now: datetime) -> int:
    """Ends one chunk of the tags and checks of engines that are no longer in use; returns how many numbers.

    Each engine is retired once, because finding that nothing is left scans all checks.
    """
    retired = list(Engine.objects.filter(in_use=False, needs_retirement=True).values_list("pk", flat=True))
    if not retired:
        return 0
    checks = Check.objects.filter(is_current=True, engine__in=retired)
    tags = Tag.objects.active().filter(engine__in=retired)
    ids = list(tags.values_list("number_id", flat=True).distinct()[:CHUNK])
    ids = ids or list(checks.values_list("number_id", flat=True).distinct()[:CHUNK])
    if not ids:
        Engine.objects.filter(pk__in=retired, in_use=False).update(needs_retirement=False)
        return 0
    with transaction.atomic():
        ending = tags.filter(number__in=in_list(ids))
        audit.record_changes(
            ending,
            context=Context.system(now),
            code="tag.unwatched",
            label=F("number__e164"),
            before="label",
            reason=F("engine__name"),
        )
        ending.update(ended_at=now, end_reason=Tag.EndReason.NOT_MONITORED)
        checks.filter(number__in=in_list(ids)).update(is_current=False)
        clearing.close_cases_without_tags(ids, now=now)
        spam_status.recompute(ids)
    return len(ids)
