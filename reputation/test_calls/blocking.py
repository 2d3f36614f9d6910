"""Calls that did not arrive: when they show that a network blocks the number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings

from portal.db.in_list import in_list
from reputation.models import ControlCall, Telephone, TestCall


def add_control_call(telephone: Telephone, e164: str, rang_at: datetime) -> ControlCall:
    """Another number, which is known to arrive, rang the telephone."""
    call = ControlCall(account_id=telephone.account_id, telephone=telephone, e164=e164, rang_at=rang_at)
    call.full_clean()
    call.save()
    return call


def find_blocked(calls: Iterable[TestCall]) -> set[int]:
    """The ids of those of these calls after which their number counts as blocked on the telephone's network.

    So many calls in a row (`arrivals_missed`) did not arrive at the telephone on the same network within
    `arrivals_days`, and each time a control number rang it within `control_minutes`: a control call, or a test call
    from another number. Three queries.
    """
    config = settings.TEST_CALLS
    missed = [call for call in calls if call.result == TestCall.Result.NOT_ARRIVED]
    if not missed:
        return set()
    telephones = {call.telephone_id for call in missed}
    made = TestCall.objects.filter(
        telephone__in=in_list(telephones), number__in=in_list({call.number_id for call in missed})
    )
    by_pair: dict[tuple[int, int], list[TestCall]] = defaultdict(list)
    for call in made.filter(state__in=TestCall.ANSWERED).order_by("answered_at", "pk"):
        by_pair[call.number_id, call.telephone_id].append(call)
    times = [call.answered_at for of_pair in by_pair.values() for call in of_pair if call.answered_at]
    rang = _get_rings(telephones, min(times), max(times))
    blocked = set()
    for call in missed:
        of_pair = by_pair[call.number_id, call.telephone_id]
        until = [one for one in of_pair if (one.answered_at, one.pk) <= (call.answered_at, call.pk)]
        last = [one for one in until[-config.arrivals_missed :] if _is_near(one, call)]
        if len(last) == config.arrivals_missed and all(_was_missed(one, rang) for one in last):
            blocked.add(call.pk)
    return blocked


def _is_near(call: TestCall, last: TestCall) -> bool:
    """Whether both calls tell about the same block: on one network, and not too far apart."""
    if not call.answered_at or not last.answered_at:
        return False
    apart = timedelta(days=settings.TEST_CALLS.arrivals_days)
    return call.network == last.network and last.answered_at - call.answered_at <= apart


_Rings = dict[int, list[tuple[datetime, int | None]]]


def _get_rings(telephones: Iterable[int], first: datetime, last: datetime) -> _Rings:
    """When these telephones rang, with the number's id if it was a test call."""
    margin = timedelta(minutes=settings.TEST_CALLS.control_minutes)
    ids = list(telephones)
    rings: _Rings = defaultdict(list)
    controls = ControlCall.objects.filter(telephone__in=in_list(ids), rang_at__range=(first - margin, last + margin))
    for telephone, at in controls.values_list("telephone", "rang_at"):
        rings[telephone].append((at, None))
    calls = TestCall.objects.filter(
        telephone__in=in_list(ids), result__in=TestCall.SEEN, answered_at__range=(first - margin, last + margin)
    )
    for telephone, answered_at, number in calls.values_list("telephone", "answered_at", "number"):
        if answered_at:
            rings[telephone].append((answered_at, number))
    return rings


def _was_missed(call: TestCall, rang: _Rings) -> bool:
    """Whether the call did not arrive although another number rang the telephone about then."""
    margin = timedelta(minutes=settings.TEST_CALLS.control_minutes)
    at = call.answered_at
    return call.result == TestCall.Result.NOT_ARRIVED and any(
        number != call.number_id and at is not None and abs(at - time) <= margin
        for time, number in rang.get(call.telephone_id, ())
    )
