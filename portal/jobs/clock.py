"""A clock that was fast and is set right again: what was due by it is due now, and its claims end.

While a clock is fast, work gets due, and claims end, at moments that lie ahead once the clock is right. Nobody would
touch that work before, and webhooks and cases would wait behind it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any, Final

from django.apps import apps
from django.db import models, transaction
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from portal.jobs.claims import CLOCK_TOLERANCE, RELEASED
from portal.jobs.runner import MAX_WAIT
from portal.models import Canary, Claimable, Heartbeat

logger = logging.getLogger(__name__)

# The rows with the latest moment that a supervisor saw, and with when it was noticed that the clock was set back.
LATEST: Final = "clock"
SET_BACK: Final = "clock set back"
# How often the latest moment is written.
INTERVAL: Final = timedelta(seconds=30)
# How far after it a supervisor may have seen the clock before it was set back.
_MARGIN: Final = INTERVAL + timedelta(seconds=30)
# For so long after a clock was set back, a process may still write a time that it read before.
REPEAT_FOR: Final = timedelta(seconds=10)
# The fields of all models that say when something is due, or may be tried again.
DUE_FIELDS: Final = frozenset({"backoff_until", "due_at", "mail_due_at", "next_action_at", "paused_until", "retry_at"})


def look_at_clock() -> None:
    """Notice that the clock was set back by more than CLOCK_TOLERANCE, and go on with what was due before.

    One query, and a write every INTERVAL. Several processes may call it at once. Raises what the database raises.
    """
    now = timezone.now()
    moments = dict(Heartbeat.objects.filter(name__in=(LATEST, SET_BACK)).values_list("name", "at"))
    latest = moments.get(LATEST)
    if latest is None or now - latest >= INTERVAL:
        Heartbeat.objects.update_or_create(name=LATEST, defaults={"at": now})
    elif latest - now > CLOCK_TOLERANCE:
        _go_back(latest, moments.get(SET_BACK), now)


def _go_back(latest: datetime, noticed_at: datetime | None, now: datetime) -> None:
    """Called until REPEAT_FOR is over. One update for each field."""
    until = latest + _MARGIN
    with transaction.atomic():
        for rows, field in _get_times():
            rows.filter(**{f"{field}__gt": now, f"{field}__lte": until}).update(**{field: now})
        for model in apps.get_models():
            if issubclass(model, Claimable):
                model._base_manager.filter(lease_until__gt=now + MAX_WAIT + CLOCK_TOLERANCE).update(**RELEASED)
        if noticed_at is None:
            Heartbeat.objects.update_or_create(name=SET_BACK, defaults={"at": now})
            minutes = (latest - now).total_seconds() / 60
            logger.warning("The clock was set back by %.0f minutes. What was due before is due now.", minutes)
        elif not timedelta(0) <= now - noticed_at < REPEAT_FOR:
            Heartbeat.objects.filter(name=LATEST).update(at=now)
            Heartbeat.objects.filter(name=SET_BACK).delete()


def _get_times() -> list[tuple[models.QuerySet[Any], str]]:
    """The fields with times that lie ahead only because the clock was fast, if they are before the latest moment.

    Also those that say when something last ran: if it does not run again, it must not look as if it just had.
    """
    due = [
        (model._base_manager.all(), field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.DateTimeField) and field.name in DUE_FIELDS
    ]
    queue = [(Schedule.objects.all(), "next_run"), (OrmQ.objects.all(), "lock")]
    return [*due, *queue, (Canary.objects.all(), "last_run_at"), (Heartbeat.objects.exclude(name=LATEST), "at")]
