"""A campaign's daily limit of calls per number: a number that reached it is skipped until the next day.

NumberCalls holds one row per number and day. Matching counts a call there before it returns the number, so that no
number is shown more often than the limit, however many processes answer. `PhoneNumber.exhausted_on` is derived from
the count, so that matching skips such numbers by index. A day is one of the account's time zone.
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


def count_call(
    number_id: int, *, account_id: int, day: date, limit: int, enforce_limit: bool = False, is_default: bool = False
) -> int:
    """Count a call of the number and return the day's total.

    With `enforce_limit`, a number that already reached the limit is not counted, and 0 is returned. A default caller ID
    may belong to another campaign: only the limit of a number's own campaign makes it exhausted.
    """
    parameters: list[int | date] = [account_id, number_id, day]
    sql = _COUNT_SQL
    if enforce_limit:
        sql += f" WHERE {_CALLS_TABLE}.calls < %s"
        parameters.append(limit)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{sql} RETURNING calls", parameters)
        row = cursor.fetchone()
        calls = row[0] if row else 0
        if not row or calls >= limit:
            exhausted = PhoneNumber.objects.filter(pk=number_id)
            if is_default:
                exhausted = exhausted.filter(campaign__daily_limit__lte=calls)
            exhausted.exclude(exhausted_on=day).update(exhausted_on=day)
    return calls


def get_default_limit(limit: int | None, *, campaign_id: int, default_id: int) -> int | None:
    """Return the lower of a campaign's limit and that of the campaign that its default caller ID is in; one query."""
    of_default = Campaign.objects.filter(numbers=default_id).exclude(pk=campaign_id)
    limits = [limit, of_default.values_list("daily_limit", flat=True).first()]
    return min((one for one in limits if one), default=None)


def get_calls(number_id: int, day: date) -> int:
    """Return how many calls of the day showed the number, as far as they are written."""
    return NumberCalls.objects.filter(number=number_id, day=day).values_list("calls", flat=True).first() or 0


def reset_for_day(campaign_id: int, day: date) -> None:
    """Make the campaign's exhausted numbers available again. The first call of the day does this; later ones do not."""
    with transaction.atomic():
        if Campaign.objects.filter(pk=campaign_id).exclude(limits_reset_on=day).update(limits_reset_on=day):
            PhoneNumber.objects.filter(campaign=campaign_id, exhausted_on__lt=day).update(exhausted_on=None)


def recompute(numbers: PhoneNumberQuerySet, *, account_id: int, now: datetime) -> None:
    """Derive `exhausted_on` of these numbers of the account again; two queries.

    Call it after the numbers changed their campaign, or the campaign its limit.
    """
    time_zone = Account.objects.values_list("time_zone", flat=True).get(pk=account_id)
    day = now.astimezone(ZoneInfo(time_zone)).date()
    limit = Campaign.objects.filter(pk=OuterRef(OuterRef("campaign"))).values("daily_limit")
    reached = NumberCalls.objects.filter(number=OuterRef("pk"), day=day, calls__gte=Subquery(limit))
    numbers.update(exhausted_on=Case(When(Exists(reached), then=Value(day)), default=None))
