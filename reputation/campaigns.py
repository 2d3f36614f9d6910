"""Which numbers a campaign calls from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from portal import audit
from portal.audit import Actor
from reputation.models import Campaign, PhoneNumber

NAME_OF_CAMPAIGN = Coalesce(Subquery(Campaign.objects.filter(pk=OuterRef("campaign")).values("name")), Value(""))


def assign(ids: Sequence[int], *, campaign: Campaign, actor: Actor, now: datetime) -> list[int]:
    """Puts these numbers of the campaign's account into it, taking them out of any other; returns those that moved."""
    return _move(ids, campaign=campaign, account_id=campaign.account_id, actor=actor, now=now)


def unassign(ids: Sequence[int], *, account_id: int, actor: Actor, now: datetime) -> list[int]:
    """Takes these numbers of the account out of their campaigns; returns those that were in one."""
    return _move(ids, campaign=None, account_id=account_id, actor=actor, now=now)


def _move(ids: Sequence[int], *, campaign: Campaign | None, account_id: int, actor: Actor, now: datetime) -> list[int]:
    elsewhere = Q(campaign__isnull=True) | ~Q(campaign=campaign) if campaign else Q(campaign__isnull=False)
    with transaction.atomic():
        movable = PhoneNumber.objects.for_account(account_id).filter(elsewhere, pk__in=ids)
        moved = list(movable.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
        numbers = PhoneNumber.objects.filter(pk__in=moved)
        audit.record_changes(
            numbers,
            actor=actor,
            now=now,
            what="number.campaign",
            label="e164",
            before=NAME_OF_CAMPAIGN,
            after=Value(campaign.name if campaign else ""),
        )
        numbers.update(campaign=campaign)
    return moved
