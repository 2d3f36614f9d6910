"""An approval that was revoked: monitoring stops for all of the account's numbers."""

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


def on_enrollment_revoked(sender: object, **about: object) -> None:
    """Receives enrollment.signals.revoked, within its transaction: the task is there if the decision is."""
    enqueue("reputation.tasks.revocation.disable_revoked_numbers")


def disable_revoked(now: datetime) -> int:
    """One chunk: numbers that are still monitored although their account's approval was revoked."""
    # Accounts first: they are few, and seldom any, where the numbers may be a million.
    approved = Application.objects.approved().filter(account=OuterRef("account"))
    revoked = Application.objects.filter(~Exists(approved), state=Application.State.REVOKED)
    accounts = list(revoked.values_list("account", flat=True).distinct())
    if not accounts:
        return 0
    watched = PhoneNumber.objects.monitored().filter(account__in=accounts)
    ids = list(watched.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    return len(capability.disable(ids, context=Context.system(now), reason=REASON)) if ids else 0
