"""Local numbers that a call shows although they are labelled: on another network only, or the least bad of them.

Both cost at most five queries, and only calls of campaigns that chose it need them. They consider MAX_CONSIDERED
numbers, so that a call costs the same however many are labelled. Numbers at their daily limit are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from django.db import connection

from portal.db.in_list import in_list
from reputation.matching.queries import IS_SKIPPED, IS_TAGGED, NUMBERS_TABLE, range_parameters, values_sql
from reputation.matching.rotation import rotated_ranges
from reputation.matching.tiers import Tier
from reputation.models import PhoneNumber, Tag
from reputation.monitoring.carriers import CarrierNetworks
from reputation.numbers.last_seen import get_last_seen_tags
from reputation.providers.protocol import Severity

# Numbers of which a call reads the labels, nearest first and in their turn.
MAX_CONSIDERED = 100


class LabelledNumber(NamedTuple):
    """A labelled number of a campaign. `status` is a stored spam status of PhoneNumber.SKIPPED."""

    tier: Tier
    number_id: int
    e164: str
    status: str


class Label(NamedTuple):
    """A label of a number. Dates are in UTC. `carrier` and `severity` may be empty."""

    engine_id: int
    carrier: str
    severity: str
    detected_on: date
    found_on: date


def find_labelled_elsewhere(
    campaign_id: int, tiers: Sequence[Tier], called_carrier: str, networks: CarrierNetworks
) -> LabelledNumber | None:
    """Return the next number of the nearest of `tiers` whose labels are all on one network, not that of the call."""
    numbers = _fetch_labelled(campaign_id, tiers, IS_TAGGED)
    labels = _get_labels(numbers)
    return next(
        (number for number in numbers if is_labelled_elsewhere(labels[number.number_id], called_carrier, networks)),
        None,
    )


def is_labelled_elsewhere(labels: Sequence[Label], called_carrier: str, networks: CarrierNetworks) -> bool:
    """Whether all labels are on one network, and people on `called_carrier` do not see them.

    False if the network of a label or that of the call is not known.
    """
    if not labels or not networks.is_one_carrier(label.carrier for label in labels):
        return False
    return networks.are_different(labels[0].carrier, called_carrier) and not any(
        networks.is_served_by(called_carrier, label.engine_id) for label in labels
    )


def find_least_bad(campaign_id: int, tiers: Sequence[Tier], networks: CarrierNetworks) -> LabelledNumber | None:
    """Return the number of `tiers` with the least bad label; of equals the nearest, then the next in turn."""
    numbers = _fetch_labelled(campaign_id, tiers, IS_SKIPPED)
    labels = _get_labels(numbers)
    return min(numbers, key=lambda number: get_badness(labels[number.number_id], networks), default=None)


_SEVERITIES = (Severity.CATEGORY, Severity.SPAM, Severity.SCAM)


def get_badness(labels: Sequence[Label], networks: CarrierNetworks) -> tuple[bool, date, bool, int, date]:
    """Return a key that sorts labelled numbers, the least bad first.

    1. The label that was last found the longest ago: it may be gone by now. Counted in days, since look-ups of one day
       do not differ. A number with several labels counts as its newest.
    2. Labels on one network only: people on the others see none.
    3. The milder label: a category, spam, then scam, blocked and unknown.
    4. The label that was detected first.

    A number without a known label comes last: nothing is known in its favour.
    """
    if not labels:
        return True, date.max, True, len(_SEVERITIES), date.max
    return (
        False,
        max(label.found_on for label in labels),
        not networks.is_one_carrier(label.carrier for label in labels),
        max(_get_severity_rank(label.severity) for label in labels),
        max(label.detected_on for label in labels),
    )


def _get_severity_rank(severity: str) -> int:
    """Return the place in the order of severities. A block has no severity, and is as bad as a scam label."""
    return next((rank for rank, known in enumerate(_SEVERITIES) if known.value == severity), len(_SEVERITIES) - 1)


def _fetch_labelled(campaign_id: int, tiers: Sequence[Tier], condition: str) -> list[LabelledNumber]:
    """Return up to MAX_CONSIDERED labelled numbers below their limit, nearest first and in their turn; one query."""
    ranges = [(tier, *bounds) for tier in tiers for bounds in rotated_ranges(campaign_id, tier)]
    if not ranges:
        return []
    sql = f"""
        SELECT r.column1, m.id, m.e164, m.spam_status
        FROM {values_sql(len(ranges))} JOIN {NUMBERS_TABLE} m
        ON m.campaign_id = %s AND m.e164 BETWEEN r.column2 AND r.column3 AND m.removed_at IS NULL AND {condition}
        WHERE m.exhausted_on IS NULL ORDER BY r.column1, m.e164 LIMIT {MAX_CONSIDERED}"""
    with connection.cursor() as cursor:
        cursor.execute(sql, (*range_parameters((low, high) for _tier, low, high in ranges), campaign_id))
        rows = cursor.fetchall()
    # A number may be in several ranges: a nearer tier lies within the next one, and one range comes twice.
    numbers: dict[int, LabelledNumber] = {}
    for place, pk, e164, status in rows:
        numbers.setdefault(pk, LabelledNumber(ranges[place][0], pk, e164, status))
    return list(numbers.values())


def _get_labels(numbers: Iterable[LabelledNumber]) -> dict[int, list[Label]]:
    """Return the numbers' active labels, or those they had when last seen; two queries at most."""
    labels: dict[int, list[Label]] = defaultdict(list)
    last_seen = [number for number in numbers if number.status == PhoneNumber.SpamStatus.LAST_SEEN]
    tagged = [number.number_id for number in numbers if number.status != PhoneNumber.SpamStatus.LAST_SEEN]
    tags = list(Tag.objects.active().filter(number__in=in_list(tagged))) if tagged else []
    if last_seen:
        stored = [PhoneNumber(pk=number.number_id, spam_status=number.status) for number in last_seen]
        tags += [tag for of_number in get_last_seen_tags(stored).values() for tag in of_number]
    for tag in tags:
        found_at: datetime = tag.last_seen_at or tag.detected_at
        label = Label(tag.engine_id, tag.carrier, tag.severity, tag.detected_at.date(), found_at.date())
        labels[tag.number_id].append(label)
    return labels
