"""A campaign's daily limit of calls per number: who reached it is skipped, like a tagged number, until the next day.

The calls of a number are counted in one row for each day (NumberCalls), in the transaction of the answer, so that no
number is shown more often however many processes answer. `exhausted_on` at the number follows from it, so that
matching passes over such numbers without looking at them.
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Case, Exists, OuterRef, Subquery, Value, When

from portal.models import Account
from reputation.models import Campaign, NumberCalls, PhoneNumber
from reputation.models.numbers import PhoneNumberQuerySet

_CALLS_TABLE = NumberCalls._meta.db_table
_COUNT_SQL = f"""
    INSERT INTO {_CALLS_TABLE} (account_id, number_id, day, calls) VALUES (%s, %s, %s, 1)
    ON CONFLICT (number_id, day) DO UPDATE SET calls = {_CALLS_TABLE}.calls + 1"""


def count_call(number_id: int, *, account_id: int, day: date, limit: int, at_most: bool = False) -> int:
    """Counts a call of the number on this day and returns the day's sum. With `at_most`, 0 is returned and nothing is
    counted where the limit was reached before.

    A number is exhausted by the limit of the campaign it is in, not by another's whose default caller ID it is.
    """
    parameters: list[object] = [account_id, number_id, day]
    sql = _COUNT_SQL
    if at_most:
        sql += f" WHERE {_CALLS_TABLE}.calls < %s"
        parameters.append(limit)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{sql} RETURNING calls", parameters)
        row = cursor.fetchone()
        calls = row[0] if row else 0
        if not row or calls >= limit:
            reached = PhoneNumber.objects.filter(pk=number_id)
            if not at_most:  # a default caller ID, which may be in another campaign
                reached = reached.filter(campaign__daily_limit__lte=calls)
            reached.exclude(exhausted_on=day).update(exhausted_on=day)
    return calls


def reset_for_day(campaign_id: int, day: date) -> None:
    """On a new day no number of the campaign has reached its limit yet. Whoever comes first does it."""
    with transaction.atomic():
        if Campaign.objects.filter(pk=campaign_id).exclude(limits_began_on=day).update(limits_began_on=day):
            PhoneNumber.objects.filter(campaign=campaign_id, exhausted_on__lt=day).update(exhausted_on=None)


def recompute(numbers: PhoneNumberQuerySet, *, account_id: int, now: datetime) -> None:
    """Which of these numbers of the account have reached the limit of the campaign they are in: after either changed.
    Two queries, however many there are."""
    zone = Account.objects.values_list("time_zone", flat=True).get(pk=account_id)
    day = now.astimezone(ZoneInfo(zone)).date()
    limit = Campaign.objects.filter(pk=OuterRef(OuterRef("campaign"))).values("daily_limit")
    reached = NumberCalls.objects.filter(number=OuterRef("pk"), day=day, calls__gte=Subquery(limit))
    numbers.update(exhausted_on=Case(When(Exists(reached), then=Value(day)), default=None))
