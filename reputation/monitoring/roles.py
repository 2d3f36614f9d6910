"""What each provider does for each engine: several look up or observe, one registers, and one asks for removals."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from portal.jobs.claims import RELEASED
from reputation.desks import requests
from reputation.models import Engine, EngineRole, Registration, Submission
from reputation.providers.protocol import EngineInfo, Role
from reputation.providers.registry import get_providers

logger = logging.getLogger(__name__)

ASSIGNED_ROLES = (Role.LOOK_UP, Role.REGISTER, Role.REMEDIATE, Role.OBSERVE)

# Engine id, provider and role.
_Key = tuple[int, str, str]


def sync_roles(declared: Sequence[tuple[str, EngineInfo]], engine_ids: Mapping[str, int]) -> None:
    """Assigns the roles that providers declare. Who registers or remediates stays while that provider declares it."""
    assigned = {(row.engine_id, row.provider, row.role): row for row in EngineRole.objects.all()}
    wanted = {
        (engine_ids[info.slug], provider, role): "" if role in EngineRole.EXCLUSIVE else info.evidence.value
        for provider, info in declared
        for role in _get_roles(provider)
    }
    if obsolete := assigned.keys() - wanted.keys():
        _remove(assigned[key] for key in obsolete)
    taken = {(engine, role) for engine, _, role in assigned.keys() & wanted.keys() if role in EngineRole.EXCLUSIVE}
    for key, evidence in wanted.items():
        engine, _, role = key
        if row := assigned.get(key):
            if row.evidence != evidence:
                EngineRole.objects.filter(pk=row.pk).update(evidence=evidence)
        elif (engine, role) not in taken:
            if role in EngineRole.EXCLUSIVE:
                taken.add((engine, role))
            _assign(key, evidence)


def get_declaring_providers(engine: Engine, role: str) -> list[str]:
    """The providers in use that declare this role for the engine, in the order of PROVIDERS."""
    return [
        name
        for name, provider in get_providers().items()
        if role in _get_roles(name) and any(info.slug == engine.slug for info in provider.engines())
    ]


def choose_provider(assigned: EngineRole, provider: str, *, now: datetime) -> None:
    """Lets another provider register or remediate. It gets the requests that the former did not answer."""
    with transaction.atomic():
        EngineRole.objects.filter(pk=assigned.pk).update(provider=provider)
        _send_again(assigned.engine_id, assigned.role, now)
    assigned.provider = provider


def _get_roles(provider: str) -> list[str]:
    declared = get_providers()[provider].roles
    return [role.value for role in ASSIGNED_ROLES if role in declared]


def _assign(key: _Key, evidence: str) -> None:
    engine, provider, role = key
    row = EngineRole(engine_id=engine, provider=provider, role=role, evidence=evidence)
    EngineRole.objects.bulk_create([row], ignore_conflicts=True)
    if role == EngineRole.Role.REGISTER:
        # Numbers that were enabled while nobody registered them are registered now.
        Engine.objects.filter(pk=engine).update(backfill_cursor=0, in_use_since=timezone.now())
    logger.info("Engine %s: %s has the role %s now.", engine, provider, role)


def _remove(rows: Iterable[EngineRole]) -> None:
    now = timezone.now()
    with transaction.atomic():
        for row in rows:
            row.delete()
            _send_again(row.engine_id, row.role, now)
            if row.role == EngineRole.Role.LOOK_UP:
                # What it answered is not renewed any more (see retirement.py).
                Engine.objects.filter(pk=row.engine_id).update(needs_retirement=True)
            logger.info("Engine %s: %s has the role %s no more.", row.engine_id, row.provider, row.role)


def _send_again(engine: int, role: str, now: datetime) -> None:
    """Lets requests that the former provider did not answer be sent anew: another does not know their references."""
    if role == EngineRole.Role.REGISTER:
        pending = Registration.objects.filter(engine=engine, state=Registration.State.PENDING)
        pending.update(state=Registration.State.WAITING, reference="", next_action_at=now, **RELEASED)
    if role == EngineRole.Role.REMEDIATE:
        requests.close_for_engine(engine, now=now)
        unanswered = Submission.objects.filter(engine=engine, state__in=Submission.UNANSWERED)
        unanswered.request_again(now)
