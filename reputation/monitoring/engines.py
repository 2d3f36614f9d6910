"""The engines, what each provider does for them, and the operator's connections, kept as the providers declare them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from portal.db.in_list import compile_in_list
from reputation.models import Connection, Engine, EngineRole, PhoneNumber, Registration
from reputation.monitoring import carriers, roles
from reputation.providers.protocol import EngineInfo
from reputation.providers.registry import get_providers

logger = logging.getLogger(__name__)

CHUNK = 500
# A transaction that enables numbers may not see a new engine yet. None stays open longer than this.
BACKFILL_DELAY = timedelta(minutes=5)


def sync_engines() -> None:
    """Creates and updates the rows that follow from the providers in use; all other engines are no longer in use.

    Several processes call it at every start. It writes only what changed.
    """
    declared = [(name, info) for name, provider in get_providers().items() for info in provider.engines()]
    carriers.create_known_engines()
    engine_ids = _sync_engines({info.slug: info for _, info in reversed(declared)})
    _create_connections()
    roles.sync_roles(declared, engine_ids)
    carriers.add_declared_carriers(declared, engine_ids)


def _sync_engines(declared: dict[str, EngineInfo]) -> dict[str, int]:
    """Updates the engines; returns the ids of those in use by slug."""
    known = {engine.slug: engine for engine in Engine.objects.all()}
    missing = [Engine(slug=slug, name=info.name) for slug, info in declared.items() if slug not in known]
    if missing:
        Engine.objects.bulk_create(missing, ignore_conflicts=True)
        known |= {engine.slug: engine for engine in Engine.objects.all()}
    for engine in known.values():
        wanted: dict[str, object] = {"in_use": False}
        if engine.slug in declared:
            wanted = {"in_use": True, "name": declared[engine.slug].name}
        if all(getattr(engine, field) == value for field, value in wanted.items()):
            continue
        if not wanted["in_use"]:
            wanted["needs_retirement"] = True
        elif not engine.in_use:
            wanted |= {"in_use_since": timezone.now(), "backfill_cursor": 0, "needs_retirement": False}
        Engine.objects.filter(pk=engine.pk).update(**wanted)
        logger.info("Engine %s: %s", engine.slug, wanted)
    return {slug: known[slug].pk for slug in declared}


def _create_connections() -> None:
    """Creates the operator's connection of each provider in use that has none."""
    existing = set(Connection.objects.filter(account__isnull=True).values_list("provider", flat=True))
    missing = [Connection(provider=name) for name in get_providers() if name not in existing]
    if missing:
        Connection.objects.bulk_create(missing, ignore_conflicts=True)


def backfill_new_engines(now: datetime) -> int:
    """Registers one chunk of monitored numbers with each new engine; returns how many, 0 when all are registered.

    An engine is new once a provider begins to register numbers with it. Each is backfilled once: enabling a number
    registers it with every such engine in use.
    """
    registered = 0
    for engine in Engine.objects.filter(
        in_use=True,
        roles__role=EngineRole.Role.REGISTER,
        backfill_cursor__isnull=False,
        in_use_since__lte=now - BACKFILL_DELAY,
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

    Only with engines for which a provider registers. One statement. It is SQL because the ORM has no cross join.
    """
    if not ids:
        return 0
    adapted_now = connection.ops.adapt_datetimefield_value(now)
    listed_ids, params = compile_in_list(ids)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {Registration._meta.db_table}
                (account_id, number_id, engine_id, state, reference, reason, next_action_at, lease_token, attempts)
            SELECT n.account_id, n.id, e.id, %s, '', '', %s, '', 0
            FROM {PhoneNumber._meta.db_table} n CROSS JOIN {Engine._meta.db_table} e
                JOIN {EngineRole._meta.db_table} r ON r.engine_id = e.id AND r.role = %s
            WHERE n.id IN {listed_ids} AND {"e.id = %s" if engine else "e.in_use"}
            ON CONFLICT DO NOTHING""",
            [
                Registration.State.WAITING.value,
                adapted_now,
                EngineRole.Role.REGISTER.value,
                *params,
                *([engine.pk] if engine else []),
            ],
        )
        return cursor.rowcount
