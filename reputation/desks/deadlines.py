"""Deadlines of requests to desks, in business days, and requests that a desk does not answer in time."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from portal.audit import Context
from portal.federal_holidays import is_business_day
from portal.models import Account
from reputation.desks import transitions
from reputation.models import DeskRequest

State = DeskRequest.State
CHUNK = 500
# Those of the desk. After the due date, it has not answered.
WAITING_FOR_DESK = (State.SENT, State.ACKNOWLEDGED)


def add_business_days(start: datetime, days: int, zone: str) -> datetime:
    """The end of the last of so many business days after `start` in this time zone. Federal holidays are none."""
    tz = ZoneInfo(zone)
    day = start.astimezone(tz).date()
    while days > 0:
        day += timedelta(days=1)
        if is_business_day(day):
            days -= 1
    return datetime.combine(day, time.max, tzinfo=tz)


def get_send_by(account: Account, since: datetime) -> datetime:
    """Until when the account's people send a request, answer a question, or decide after silence."""
    return add_business_days(since, settings.DESKS.send_days, account.time_zone)


def mark_silent_due(now: datetime) -> int:
    """Marks one chunk of the requests whose desk did not answer in time as silent; returns how many.

    Then it is the account's turn again: to ask once more, or to withdraw the request.
    """
    due = DeskRequest.objects.open().filter(state__in=WAITING_FOR_DESK, due_at__lte=now)
    ids = list(due.order_by("due_at", "pk").values_list("pk", flat=True)[:CHUNK])
    if not ids:
        return 0
    with transaction.atomic():
        requests = [
            request
            for request in transitions.lock(DeskRequest.objects.filter(pk__in=ids))
            if request.is_open and request.state in WAITING_FOR_DESK and request.due_at and request.due_at <= now
        ]
        transitions.move(
            requests,
            to=State.SILENT,
            context=Context.system(now),
            due_at={request.pk: get_send_by(request.account, now) for request in requests},
        )
    return len(ids)
