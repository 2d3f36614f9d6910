"""A clock that was fast and is set right again: what was due by it is due now, and its claims end.

While a clock is fast, work gets due, and claims end, at moments that lie ahead once the clock is right. Nobody would
touch that work before, and webhooks and cases would wait behind it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from django.apps import apps
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from portal.jobs.claims import CLOCK_TOLERANCE, RELEASED
from portal.jobs.runner import MAX_WAIT
from portal.models import Canary, Claimable, Heartbeat

logger = logging.getLogger(__name__)

# The row with the latest moment that a supervisor saw.
HEARTBEAT_NAME: Final = "clock"
# How often it is written. What got due after it was written last counts as due, too.
INTERVAL: Final = timedelta(seconds=30)
# The fields of all models that say when something is due, or may be tried again.
DUE_FIELDS: Final = frozenset({"backoff_until", "due_at", "mail_due_at", "next_action_at", "paused_until", "retry_at"})
# How far after the recorded moment a supervisor may have seen the clock before it was set back.
_MARGIN: Final = INTERVAL + timedelta(seconds=30)


def look_at_clock() -> None:
    """Notice that the clock was set back by more than CLOCK_TOLERANCE, and go on with what was due before.

    One query, and a write every INTERVAL. Several processes may call it at once. Raises what the database raises.
    """
    now = timezone.now()
    latest = Heartbeat.objects.filter(name=HEARTBEAT_NAME).values_list("at", flat=True).first()
    if latest is None or now - latest >= INTERVAL:
        Heartbeat.objects.update_or_create(name=HEARTBEAT_NAME, defaults={"at": now})
    elif latest - now > CLOCK_TOLERANCE:
        _go_back(latest, now)


def _go_back(latest: datetime, now: datetime) -> None:
    """One update for each field."""
    until = latest + _MARGIN
    with transaction.atomic():
        if not Heartbeat.objects.filter(name=HEARTBEAT_NAME, at=latest).update(at=now):
            return  # another process does it
        for model, field in _get_times():
            model._base_manager.filter(**{f"{field}__gt": now, f"{field}__lte": until}).update(**{field: now})
        for model in apps.get_models():
            if issubclass(model, Claimable):
                ahead = Q(lease_until__gt=now + CLOCK_TOLERANCE, lease_until__lte=until + MAX_WAIT)
                model._base_manager.filter(ahead).update(**RELEASED)
    minutes = (latest - now).total_seconds() / 60
    logger.warning("The clock was set back by %.0f minutes. What was due before is due now.", minutes)


def _get_times() -> list[tuple[type[models.Model], str]]:
    """The fields with times that lie ahead only because the clock was fast, if they are before the latest moment.

    Also those that say when something last ran: if it does not run again, it must not look as if it just had.
    """
    due = [
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.DateTimeField) and field.name in DUE_FIELDS
    ]
    return [*due, (Schedule, "next_run"), (OrmQ, "lock"), (Heartbeat, "at"), (Canary, "last_run_at")]
