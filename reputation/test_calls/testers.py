"""Testers: people without an account who answer the test calls to one telephone, by a link for seven days."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from portal import audit
from portal.audit import Context
from reputation.models import Telephone, TestCall, Tester

TOKEN_BYTES = 32


def invite_tester(telephone: Telephone, name: str, *, context: Context) -> tuple[Tester, str]:
    """Invites somebody to answer the calls to this telephone; returns the tester and the token of the link.

    The token is shown once. Only its hash is stored.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with transaction.atomic():
        tester = Tester.objects.create(
            account_id=telephone.account_id,
            telephone=telephone,
            name=name.strip()[:80] or telephone.name,
            token_hash=_hash(token),
            invited_by=context.actor.user,
            invited_at=context.now,
            expires_at=context.now + timedelta(days=settings.TEST_CALLS.tester_days),
        )
        audit.record_event(
            account=telephone.account,
            context=context,
            code="tester.invited",
            subject=tester,
            after=f"{tester.name}, {telephone}",
        )
    return tester, token


def find_tester(token: str, now: datetime) -> Tester | None:
    """The tester whose link has this token; None if it has expired, was revoked, or never was one."""
    valid = Tester.objects.valid(now).select_related("account", "telephone")
    return valid.filter(token_hash=_hash(token)).first()


def revoke_tester(tester: Tester, *, context: Context) -> bool:
    """Ends the link. Returns False if it was revoked already."""
    with transaction.atomic():
        if not Tester.objects.filter(pk=tester.pk, revoked_at__isnull=True).update(revoked_at=context.now):
            return False
        audit.record_event(
            account=tester.account, context=context, code="tester.revoked", subject=tester, before=tester.name
        )
    return True


def get_own_calls(tester: Tester) -> QuerySet[TestCall]:
    """The calls that the tester took. A tester sees these, and the one that take_call returns."""
    return (
        tester.calls.filter(account=tester.account_id)
        .select_related("number", "telephone")
        .order_by("answered_at", "pk")
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
