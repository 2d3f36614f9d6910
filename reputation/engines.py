"""The engines, kept in step with what the providers in use speak for."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Value

from portal import audit
from portal.audit import SYSTEM
from portal.inserting import insert_from
from reputation import remediation, standing
from reputation.models import Check, Engine, PhoneNumber, Registration, Tag
from reputation.providers.registry import providers

logger = logging.getLogger(__name__)

CHUNK = 500


def sync_engines() -> None:
    """Makes and renames the rows of the engines that the providers speak for; the others are no longer in use.

    At every start, by any number of processes: what is already so is not written.
    """
    cards = {card.slug: (name, card) for name, provider in providers().items() for card in provider.engines()}
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
            Engine.objects.filter(pk=engine.pk).update(**wanted)
            logger.info("Engine %s: %s", engine.slug, wanted)


def register_monitored(now: datetime) -> int:
    """One chunk: monitored numbers that an engine, new since they were enabled, has not been asked to take on."""
    did = 0
    for engine in Engine.objects.filter(in_use=True):
        registered = Registration.objects.filter(number=OuterRef("pk"), engine=engine)
        lacking = PhoneNumber.objects.present().monitored().filter(~Exists(registered))
        did += register(list(lacking.order_by("pk").values_list("pk", flat=True)[:CHUNK]), [engine], now=now)
    return did


def register(ids: list[int], engines: list[Engine], *, now: datetime) -> int:
    """Notes that each of these engines is to be asked to take these numbers on; one statement for each engine."""
    if not ids:
        return 0
    return sum(
        insert_from(
            Registration,
            PhoneNumber.objects.filter(pk__in=ids),
            ignore_conflicts=True,
            account_id="account_id",
            number_id="pk",
            engine_id=Value(engine.pk),
            state=Value(Registration.State.WAITING),
            reference=Value(""),
            reason=Value(""),
            next_action_at=Value(now),
            lease_token=Value(""),
            attempts=Value(0),
        )
        for engine in engines
    )


def let_go_unused(now: datetime) -> int:
    """One chunk: what an engine said that is no longer asked. Nobody may say any more that its label stands."""
    unused = Check.objects.filter(is_current=True, engine__in_use=False)
    tagged = Tag.objects.standing().filter(engine__in_use=False)
    ids = list(tagged.values_list("number_id", flat=True).distinct()[:CHUNK])
    ids = ids or list(unused.values_list("number_id", flat=True).distinct()[:CHUNK])
    if not ids:
        return 0
    with transaction.atomic():
        ending = tagged.filter(number__in=ids)
        audit.record_changes(
            ending,
            actor=SYSTEM,
            now=now,
            what="tag.unwatched",
            label=F("number__e164"),
            before="label",
            reason=F("engine__name"),
        )
        ending.update(ended_at=now, ended_because=Tag.Ended.NOT_MONITORED)
        unused.filter(number__in=ids).update(is_current=False)
        remediation.close_without_tags(ids, now=now)
        standing.recompute(ids)
    return len(ids)
