"""Licences that end soon: when their owners are warned, and which are still to be warned about.

An account is warned 30, 7 and 1 days before the last day of a licence. If the portal did not run on such a day, the
warning comes later, once. A licence that another one renews causes no warning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from django.db.models import F, Q

from portal.models import Licence, today_of
from portal.models.accounts import LicenceQuerySet

WARNING_DAYS = (30, 7, 1)
# No time zone is further from UTC.
MAX_OFFSET = timedelta(days=1)


def get_expiring(licences: Sequence[Licence], today: date) -> list[Licence]:
    """Those of an account's licences that end within 30 days and are not renewed, the next to end first."""
    expiring = [licence for licence in licences if get_warning(licence, today) and not is_renewed(licence, licences)]
    return sorted(expiring, key=lambda licence: (licence.valid_until or date.max, licence.pk))


def get_warning(licence: Licence, today: date) -> int | None:
    """Which of WARNING_DAYS applies today; None if the licence is not valid or lasts longer."""
    if licence.valid_until is None or licence.valid_from > today:
        return None
    days_left = (licence.valid_until - today).days
    return min((days for days in WARNING_DAYS if 0 <= days_left <= days), default=None)


def is_renewed(licence: Licence, licences: Iterable[Licence]) -> bool:
    """Whether another of the account's licences of this product follows without a gap, with as many seats."""
    if licence.valid_until is None:
        return True
    next_day = licence.valid_until + timedelta(days=1)
    return any(
        other.pk != licence.pk
        and (other.account_id, other.product) == (licence.account_id, licence.product)
        and other.seats >= licence.seats
        and other.valid_from <= next_day
        and (other.valid_until is None or other.valid_until >= next_day)
        for other in licences
    )


def schedule_warnings(now: datetime) -> int:
    """Make the mails of the warnings due that apply now, each once; return how many."""
    soon = now.date() + MAX_OFFSET
    not_warned = Q(pk__in=[])
    for days in WARNING_DAYS:
        is_missing = Q(warned_for__isnull=True) | ~Q(warned_for=F("valid_until")) | Q(warned_days__gt=days)
        not_warned |= Q(is_missing, valid_until__lte=soon + timedelta(days=days))
    candidates = Licence.objects.filter(not_warned, valid_until__gte=now.date() - MAX_OFFSET, valid_from__lte=soon)
    return sum(
        _mark(licence, warning, mail_due_at=now, mail_attempts=0)
        for licence, siblings in _with_siblings(candidates)
        if (warning := get_warning(licence, today_of(licence.account, now)))
        and not _was_warned(licence, warning)
        and not is_renewed(licence, siblings)
    )


def get_ended(now: datetime) -> list[Licence]:
    """Licences that have ended by the day of the account's time zone, and that nothing was done about."""
    is_open = Q(warned_for__isnull=True) | ~Q(warned_for=F("valid_until")) | Q(warned_days__gt=0)
    candidates = Licence.objects.filter(is_open, valid_until__lt=now.date() + MAX_OFFSET).select_related("account")
    return [
        licence
        for licence in candidates.order_by("account", "valid_until", "pk")
        if licence.valid_until and licence.valid_until < today_of(licence.account, now)
    ]


def mark_ended(licence: Licence) -> bool:
    """Record that the end of the licence is dealt with. False if another process did it, or it was extended."""
    return _mark(licence, 0, mail_due_at=None)


def _was_warned(licence: Licence, days: int) -> bool:
    return licence.warned_for == licence.valid_until and licence.warned_days is not None and licence.warned_days <= days


def _mark(licence: Licence, days: int, **mail: datetime | int | None) -> bool:
    """Record the warning, unless another process did it or the licence was changed meanwhile."""
    unchanged = Licence.objects.filter(
        pk=licence.pk, valid_until=licence.valid_until, warned_days=licence.warned_days, warned_for=licence.warned_for
    )
    return bool(unchanged.update(warned_days=days, warned_for=licence.valid_until, **mail))


def _with_siblings(candidates: LicenceQuerySet) -> list[tuple[Licence, Sequence[Licence]]]:
    """The licences, each with all licences of its account; two queries."""
    licences = list(candidates.select_related("account").order_by("pk"))
    siblings: dict[int, list[Licence]] = defaultdict(list)
    for licence in Licence.objects.filter(account__in={licence.account_id for licence in licences}):
        siblings[licence.account_id].append(licence)
    return [(licence, siblings[licence.account_id]) for licence in licences]
