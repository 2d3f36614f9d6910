"""Asking again about the label of a failed case, from a date on, after the account has changed what caused it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, Max, OuterRef

from portal.audit import Context
from portal.db.in_list import in_list
from reputation.desks import requests
from reputation.desks.requests import NotAskable
from reputation.models import Case, DeskRequest, PhoneNumber, Submission, Tag
from reputation.providers.connections import get_engines_asked_by_people
from reputation.remediation import reopening

__all__ = ["NotAskable", "ask_again"]

MAX_WAIT = timedelta(days=365)


def ask_again(case: Case, *, what_changed: str, first_day: date | None = None, context: Context) -> None:
    """Opens the failed case again: people ask their desks, and providers the other engines. Raises NotAskable.

    `first_day` is the day from which on they ask, in the account's time zone, at most MAX_WAIT from now. None or an
    earlier day: as soon as it may be.
    """
    now = context.now
    time_zone = ZoneInfo(case.account.time_zone)
    today = now.astimezone(time_zone).date()
    if first_day and first_day > today + MAX_WAIT:
        raise NotAskable(f"Choose a day until {today + MAX_WAIT:%-d %B %Y}. Nothing was changed.")
    not_before = datetime.combine(first_day, time.min, tzinfo=time_zone) if first_day and first_day > today else None
    with transaction.atomic():
        # The number is locked before the case, as where a label is found.
        PhoneNumber.objects.select_for_update().get(pk=case.number_id)
        if Case.objects.select_for_update().get(pk=case.pk).state != Case.State.FAILED:
            raise NotAskable("This case did not fail, or is open again already. Nothing was changed.")
        sent = _send_to_engines_again(case, not_before or now)
        if ended := _get_last_requests(case):
            requests.ask_again(case.account, ended, what_changed=what_changed, not_before=not_before, context=context)
        elif not sent:
            raise NotAskable("Its label is gone, or nobody can ask its engine. Nothing was changed.")
        reopening.reopen([case.pk], now=now)
    case.refresh_from_db()


def _send_to_engines_again(case: Case, at: datetime) -> int:
    """Lets providers ask the engines that still label the number, from this time on; returns how many."""
    people = get_engines_asked_by_people()
    refused = case.submissions.with_active_tag().exclude(engine__in=in_list(people))
    return Submission.objects.filter(pk__in=in_list(list(refused.values_list("pk", flat=True)))).request_again(at)


def _get_last_requests(case: Case) -> list[int]:
    """The ids of the last request to each desk about each label of the case that is still there."""
    labels = Tag.objects.active().filter(case=case, engine=OuterRef("engine"))
    of_case = DeskRequest.objects.filter(Exists(labels), case=case).order_by()
    return list(of_case.values("desk", "engine").annotate(last=Max("pk")).values_list("last", flat=True))
