"""An approval that was revoked: monitoring stops for all of the account's numbers."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef

from enrollment.models import Application
from portal.audit import SYSTEM
from portal.sweeping import hint
from reputation import capability
from reputation.models import PhoneNumber

CHUNK = 1_000
REASON = "The enrollment was revoked."


def stop_soon(sender: object, **about: object) -> None:
    """Receives enrollment.signals.revoked, within its transaction: the task is there if the decision is."""
    hint("reputation.tasks.unenrolled.stop_unenrolled")


def stop(now: datetime) -> int:
    """One chunk: numbers that are still monitored although their account's approval was revoked."""
    applications = Application.objects.filter(account=OuterRef("account"))
    revoked = applications.filter(state=Application.State.REVOKED)
    watched = PhoneNumber.objects.monitored().filter(Exists(revoked), ~Exists(applications.approved()))
    ids = list(watched.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    return len(capability.disable(ids, actor=SYSTEM, now=now, reason=REASON)) if ids else 0
