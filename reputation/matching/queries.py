"""What matching asks the database, once for each answer; the ORM would cost more than the answer itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from typing import NamedTuple

from django.db import connection

from reputation.matching.rotation import _rotated_ranges
from reputation.matching.tiers import Tier
from reputation.models import Campaign, PhoneNumber

# Skipped numbers are counted up to here, so that an answer costs the same however many there are.
MAX_SKIPPED_COUNT = 100


class CampaignNotFound(Exception):
    """The account has no such campaign."""


_NUMBERS_TABLE = PhoneNumber._meta.db_table


_IS_TAGGED = "m.spam_status IN ({})".format(", ".join(f"'{status.value}'" for status in PhoneNumber.TAGGED))


# In the words of the partial indexes number_to_show, number_skipped_tagged and number_skipped_exhausted.
AVAILABLE = f"m.removed_at IS NULL AND m.exhausted_on IS NULL AND NOT ({_IS_TAGGED})"


SKIPPED_TAGGED = f"m.removed_at IS NULL AND {_IS_TAGGED}"


SKIPPED_EXHAUSTED = f"m.removed_at IS NULL AND m.exhausted_on IS NOT NULL AND NOT ({_IS_TAGGED})"


_FIRST_IN_RANGE = f"""
    SELECT m.id FROM {_NUMBERS_TABLE} m
    WHERE m.campaign_id = %s AND m.e164 BETWEEN r.column2 AND r.column3 AND {AVAILABLE}
    ORDER BY m.e164 LIMIT 1"""


class _CampaignRow(NamedTuple):
    id: int
    is_paused: bool
    automatic_matching: bool
    daily_limit: int | None
    limits_began_on: date | None
    account_id: int
    time_zone: str
    default_id: int | None
    default_e164: str
    default_status: str
    default_removed_at: datetime | None
    default_campaign_id: int | None
    default_exhausted_on: date | None


# The tier, the number's id and E.164, and, where that was asked in one go, how many of the tier are skipped as tagged
# and as exhausted.
_FoundNumber = tuple[Tier, int, str] | tuple[Tier, int, str, int, int]


def _fetch_campaign_and_number(
    account_id: int, campaign_id: int, tiers: Sequence[Tier]
) -> tuple[_CampaignRow, _FoundNumber | None]:
    """The campaign, and the number of the nearest of these tiers (of one range each) whose turn it is; one query.

    One, because a query costs more by the way to the database and back than by what it asks there.
    """
    ranges = [(tier, *bounds) for tier in tiers for bounds in _rotated_ranges(campaign_id, tier)]
    parameters: list[object] = [account_id, campaign_id]
    for tier, low, high in ranges:
        parameters += (low, high, *tier.ranges[0])
    with connection.cursor() as cursor:
        cursor.execute(_campaign_and_number_sql(len(ranges)), dict(zip(_PARAMETER_NAMES, parameters, strict=False)))
        row = cursor.fetchone()
    if row is None:
        raise CampaignNotFound
    campaign = _CampaignRow._make(row[:13])
    if len(row) == 13 or row[13] is None:
        return campaign, None
    return campaign, (ranges[row[13]][0], *row[14:])


# Named, because Django then puts the database's own signs for them into the text in a tenth of the time.
_PARAMETER_NAMES = (
    "account",
    "campaign",
    *(f"{name}{place}" for place in range(4) for name in ("low", "high", "first", "last")),
)


@cache
def _campaign_and_number_sql(count: int) -> str:
    chosen, join = "", ""
    if count:
        places = ", ".join(
            f"({place}, %(low{place})s, %(high{place})s, %(first{place})s, %(last{place})s)" for place in range(count)
        )
        counts = ", ".join(
            f"(SELECT count(*) FROM (SELECT 1 FROM {_NUMBERS_TABLE} m WHERE m.campaign_id = c.id AND m.e164 BETWEEN "
            f"chosen.low AND chosen.high AND {which} LIMIT {MAX_SKIPPED_COUNT}) AS counted)"
            for which in (SKIPPED_TAGGED, SKIPPED_EXHAUSTED)
        )
        chosen = f", chosen.place, chosen.id, chosen.e164, {counts}"
        join = f"""
            LEFT JOIN (
                SELECT r.column1 AS place, r.column4 AS low, r.column5 AS high, n.id, n.e164
                FROM (VALUES {places}) AS r
                JOIN {_NUMBERS_TABLE} n ON n.id = ({_FIRST_IN_RANGE.replace("%s", "%(campaign)s")})
                ORDER BY r.column1 LIMIT 1) chosen ON true"""
    return _collapse_whitespace(f"""
        SELECT c.id, c.is_paused, c.automatic_matching, c.daily_limit, c.limits_began_on, c.account_id, a.time_zone,
               d.id, d.e164, d.spam_status, d.removed_at, d.campaign_id, d.exhausted_on{chosen}
        FROM {Campaign._meta.db_table} c
        JOIN portal_account a ON a.id = c.account_id
        LEFT JOIN {_NUMBERS_TABLE} d ON d.id = c.default_number_id{join}
        WHERE c.id = %(campaign)s AND c.account_id = %(account)s""")


def _collapse_whitespace(sql: str) -> str:
    return " ".join(sql.split())


def _values_sql(count: int) -> str:
    return "(VALUES {}) AS r".format(", ".join(["(%s, %s, %s)"] * count))


def _fetch_next_number(campaign_id: int, tiers: Sequence[Tier]) -> tuple[Tier, int, str] | None:
    """The number of the nearest of these tiers whose turn it is, as (tier, id, E.164); one query."""
    ranges = [(tier, *bounds) for tier in tiers for bounds in _rotated_ranges(campaign_id, tier)]
    if not ranges:
        return None
    parameters: list[object] = []
    for place, (_tier, low, high) in enumerate(ranges):
        parameters += (place, low, high)
    with connection.cursor() as cursor:
        cursor.execute(_next_number_sql(len(ranges)), (*parameters, campaign_id))
        row = cursor.fetchone()
    return (ranges[row[0]][0], row[1], row[2]) if row else None


@cache
def _next_number_sql(count: int) -> str:
    return f"""
        SELECT r.column1, n.id, n.e164 FROM {_values_sql(count)} JOIN {_NUMBERS_TABLE} n ON n.id = ({_FIRST_IN_RANGE})
        ORDER BY r.column1 LIMIT 1"""


def _count_skipped(campaign_id: int, *tiers: Tier) -> tuple[int, int]:
    """How many numbers of the tiers are skipped: tagged, and at their daily limit, each up to COUNTED_TO; one query."""
    ranges = [bounds for tier in tiers for bounds in tier.ranges]
    parameters: list[object] = []
    for place, (low, high) in enumerate(ranges):
        parameters += (place, low, high)
    asked = (*parameters, campaign_id)
    with connection.cursor() as cursor:
        cursor.execute(_count_skipped_sql(len(ranges)), asked + asked)
        return cursor.fetchone()


@cache
def _count_skipped_sql(count: int) -> str:
    return "SELECT {}, {}".format(
        *(
            f"(SELECT count(*) FROM (SELECT 1 FROM {_values_sql(count)} JOIN {_NUMBERS_TABLE} m ON m.campaign_id = %s "
            f"AND m.e164 BETWEEN r.column2 AND r.column3 AND {which} LIMIT {MAX_SKIPPED_COUNT}) AS counted)"
            for which in (SKIPPED_TAGGED, SKIPPED_EXHAUSTED)
        )
    )


def get_tier_candidates(campaign_id: int, tier: Tier, *, most: int) -> list[int]:
    """Ids of the tier's first numbers in the order of their turns, those that are skipped among them; three queries."""
    bounds = _rotated_ranges(campaign_id, tier)
    if not bounds:
        return []
    parameters: list[object] = []
    for place, (low, high) in enumerate(bounds):
        parameters += (place, low, high)
    found: dict[int, tuple[int, str]] = {}
    for which in (AVAILABLE, SKIPPED_TAGGED, SKIPPED_EXHAUSTED):
        sql = f"""
            SELECT m.id, r.column1, m.e164 FROM {_values_sql(len(bounds))} JOIN {_NUMBERS_TABLE} m ON m.campaign_id = %s
            AND m.e164 BETWEEN r.column2 AND r.column3 AND {which} ORDER BY r.column1, m.e164 LIMIT %s"""
        with connection.cursor() as cursor:
            cursor.execute(sql, (*parameters, campaign_id, most))
            for pk, place, e164 in cursor.fetchall():
                found[pk] = min(found.get(pk, (place, e164)), (place, e164))
    return sorted(found, key=found.__getitem__)[:most]
