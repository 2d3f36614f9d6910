"""The engines, kept in step with what the providers in use speak for."""

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
from reputation.remediation import cases as remediation

logger = logging.getLogger(__name__)

CHUNK = 500
# No transaction that enables numbers, and did not know of an engine yet, is still open after so long.
BACKFILL_DELAY = timedelta(minutes=5)


def sync_engines() -> None:
    """Makes and renames the rows of the engines that the providers speak for; the others are no longer in use.

    At every start, by any number of processes: what is already so is not written.
    """
    cards = {card.slug: (name, card) for name, provider in get_providers().items() for card in provider.engines()}
    known = {engine.slug: engine for engine in Engine.objects.all()}
    # Carriers are the operator's to correct later, since sources disagree on who labels whose calls.
    missing = [
        Engine(slug=slug, name=card.name, provider=name, carriers=", ".join(card.carriers)[:200])
        for slug, (name, card) in cards.items()
        if slug not in known
    ]
    Engine.objects.bulk_create(missing, ignore_conflicts=True)
    for engine in known.values():
        name, card = cards.get(engine.slug, ("", None))
        wanted = {"in_use": True, "name": card.name, "provider": name} if card else {"in_use": False}
        if any(getattr(engine, field) != value for field, value in wanted.items()):
            if card and not engine.in_use:
                wanted |= {"in_use_since": timezone.now(), "to_register_after": 0, "to_let_go": False}
            elif not card:
                wanted |= {"to_let_go": True}
            Engine.objects.filter(pk=engine.pk).update(**wanted)
            logger.info("Engine %s: %s", engine.slug, wanted)


def backfill_new_engines(now: datetime) -> int:
    """One chunk: monitored numbers that an engine, new since they were enabled, is to be asked to take on; 0 when every
    engine has them all.

    A number that is enabled is registered with every engine in use in the same transaction. So each engine is led
    through the numbers once, and then never again: a million numbers cost nothing while no engine is new.
    """
    did = 0
    for engine in Engine.objects.filter(
        in_use=True, to_register_after__isnull=False, in_use_since__lte=now - BACKFILL_DELAY
    ):
        monitored = PhoneNumber.objects.present().monitored().filter(pk__gt=engine.to_register_after)
        ids = list(monitored.order_by("pk").values_list("pk", flat=True)[:CHUNK])
        with transaction.atomic():
            register_numbers(ids, engine, now=now)
            Engine.objects.filter(pk=engine.pk).update(to_register_after=ids[-1] if ids else None)
        did += len(ids)
    return did


def register_numbers(ids: Sequence[int], engine: Engine | None = None, *, now: datetime) -> int:
    """Notes that this engine, or else each in use, is to be asked to take these numbers on; one statement, which pairs
    each number with each engine, as the ORM cannot. Returns how many pairs were new."""
    if not ids:
        return 0
    at = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {Registration._meta.db_table}
                (account_id, number_id, engine_id, state, reference, reason, next_action_at, lease_token, attempts)
            SELECT n.account_id, n.id, e.id, %s, '', '', %s, '', 0
            FROM {PhoneNumber._meta.db_table} n CROSS JOIN {Engine._meta.db_table} e
            WHERE n.id IN ({", ".join(map(str, ids))}) AND {"e.id = %s" if engine else "e.in_use"}
            ON CONFLICT DO NOTHING""",
            [Registration.State.WAITING.value, at, *([engine.pk] if engine else [])],
        )
        return cursor.rowcount


def retire_unused_engines(now: datetime) -> int:
    """One chunk: what an engine said that is no longer asked. Nobody may say any more that its label stands. Once, and
    then never again: to find that there is nothing left, all checks have to be gone through."""
    gone = list(Engine.objects.filter(in_use=False, to_let_go=True).values_list("pk", flat=True))
    if not gone:
        return 0
    unused = Check.objects.filter(is_current=True, engine__in=gone)
    tagged = Tag.objects.standing().filter(engine__in=gone)
    ids = list(tagged.values_list("number_id", flat=True).distinct()[:CHUNK])
    ids = ids or list(unused.values_list("number_id", flat=True).distinct()[:CHUNK])
    if not ids:
        Engine.objects.filter(pk__in=gone, in_use=False).update(to_let_go=False)
        return 0
    with transaction.atomic():
        ending = tagged.filter(number__in=in_list(ids))
        audit.record_changes(
            ending,
            context=Context.system(now),
            what="tag.unwatched",
            label=F("number__e164"),
            before="label",
            reason=F("engine__name"),
        )
        ending.update(ended_at=now, ended_because=Tag.Ended.NOT_MONITORED)
        unused.filter(number__in=in_list(ids)).update(is_current=False)
        remediation.close_without_tags(ids, now=now)
        spam_status.recompute(ids)
    return len(ids)
