"""Revocation: when an enrollment is revoked, monitoring stops for all numbers of the account."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef

from enrollment.models import Application
from portal.audit import Context
from portal.jobs.runner import enqueue
from reputation.models import PhoneNumber
from reputation.monitoring import capability

CHUNK = 1_000
REASON = "The enrollment was revoked."


def on_enrollment_revoked(sender: object, **kwargs: object) -> None:
    """Receives enrollment.signals.revoked, and enqueues the task in the transaction of the decision."""
    enqueue("reputation.tasks.revocation.disable_revoked_numbers")


def disable_revoked(now: datetime) -> int:
    """Disables one chunk of monitored numbers of accounts whose enrollment is revoked; returns how many."""
    # Query the accounts first: there are few or none, but there may be a million numbers.
    approved = Application.objects.approved().filter(account=OuterRef("account"))
    revoked = Application.objects.filter(~Exists(approved), state=Application.State.REVOKED)
    accounts = list(revoked.values_list("account", flat=True).distinct())
    if not accounts:
        return 0
    monitored = PhoneNumber.objects.monitored().filter(account__in=accounts)
    ids = list(monitored.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    return len(capability.disable(ids, context=Context.system(now), reason=REASON)) if ids else 0
