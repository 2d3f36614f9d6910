"""The SQL of matching. Nearly every call needs one statement; the ORM would cost more than the call itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import cache
from typing import NamedTuple

from django.db import connection

from portal.models import Account
from reputation.matching.rotation import rotated_ranges
from reputation.matching.tiers import Tier
from reputation.models import Campaign, PhoneNumber

# Skipped numbers are counted up to this, so that a call costs the same however many there are.
MAX_SKIPPED_COUNT = 100

NUMBERS_TABLE = PhoneNumber._meta.db_table
IS_TAGGED, IS_SKIPPED = (
    "m.spam_status IN ({})".format(", ".join(f"'{status.value}'" for status in statuses))
    for statuses in (PhoneNumber.TAGGED, PhoneNumber.SKIPPED)
)

# These repeat the conditions of the partial indexes number_to_show, number_skipped_tagged, number_skipped_last_seen and
# number_skipped_exhausted, so that the databases use them.
AVAILABLE = f"m.removed_at IS NULL AND m.exhausted_on IS NULL AND NOT ({IS_SKIPPED})"
SKIPPED_TAGGED = f"m.removed_at IS NULL AND {IS_TAGGED}"
SKIPPED_LAST_SEEN = f"m.removed_at IS NULL AND m.spam_status = '{PhoneNumber.SpamStatus.LAST_SEEN.value}'"
SKIPPED_EXHAUSTED = f"m.removed_at IS NULL AND m.exhausted_on IS NOT NULL AND NOT ({IS_SKIPPED})"
# In the order of SkippedCounts.
SKIPPED = (SKIPPED_TAGGED, SKIPPED_LAST_SEEN, SKIPPED_EXHAUSTED)

_FIRST_IN_RANGE = f"""
    SELECT m.id FROM {NUMBERS_TABLE} m
    WHERE m.campaign_id = %s AND m.e164 BETWEEN r.column2 AND r.column3 AND {AVAILABLE}
    ORDER BY m.e164 LIMIT 1"""


class MatchCampaign(NamedTuple):
    """The settings of a campaign and its default caller ID, in the order of the columns of _campaign_and_number_sql."""

    id: int
    is_paused: bool
    automatic_matching: bool
    daily_limit: int | None
    limits_reset_on: date | None
    account_id: int
    time_zone: str
    default_id: int | None
    default_e164: str
    default_status: str
    default_removed_at: datetime | None
    default_campaign_id: int | None
    default_exhausted_on: date | None
    when_all_labelled: str
    shows_on_other_networks: bool


_CAMPAIGN_COLUMNS = len(MatchCampaign._fields)


class CampaignNotFound(Exception):
    """The account has no campaign with this id."""


class SkippedCounts(NamedTuple):
    """How many numbers are skipped, by reason, each up to MAX_SKIPPED_COUNT."""

    tagged: int = 0
    last_seen: int = 0
    exhausted: int = 0


NONE_SKIPPED = SkippedCounts()

# Tier, id, E.164. fetch_campaign_and_number adds the tier's skipped numbers, in the order of SkippedCounts.
FoundNumber = tuple[Tier, int, str] | tuple[Tier, int, str, int, int, int]


def fetch_campaign_and_number(
    account_id: int, campaign_id: int, tiers: Sequence[Tier]
) -> tuple[MatchCampaign, FoundNumber | None]:
    """Return the campaign and the next number of the nearest of `tiers`. Raises CampaignNotFound.

    Each tier must have one range. One query: the round trip costs more than the work in the database.
    """
    ranges = [(tier, *bounds) for tier in tiers for bounds in rotated_ranges(campaign_id, tier)]
    parameters: list[int | str] = [account_id, campaign_id]
    for tier, low, high in ranges:
        parameters += (low, high, *tier.ranges[0])
    with connection.cursor() as cursor:
        cursor.execute(_campaign_and_number_sql(len(ranges)), dict(zip(_PARAMETER_NAMES, parameters, strict=False)))
        row = cursor.fetchone()
    if row is None:
        raise CampaignNotFound
    campaign = MatchCampaign._make(row[:_CAMPAIGN_COLUMNS])
    if len(row) == _CAMPAIGN_COLUMNS or row[_CAMPAIGN_COLUMNS] is None:
        return campaign, None
    return campaign, (ranges[row[_CAMPAIGN_COLUMNS]][0], *row[_CAMPAIGN_COLUMNS + 1 :])


# Named parameters: Django converts these to the database's placeholders in a tenth of the time.
_PARAMETER_NAMES = (
    "account",
    "campaign",
    *(f"{name}{position}" for position in range(4) for name in ("low", "high", "first", "last")),
)


@cache
def _campaign_and_number_sql(range_count: int) -> str:
    columns, join = "", ""
    if range_count:
        values = ", ".join(
            f"({position}, %(low{position})s, %(high{position})s, %(first{position})s, %(last{position})s)"
            for position in range(range_count)
        )
        counts = ", ".join(
            f"(SELECT count(*) FROM (SELECT 1 FROM {NUMBERS_TABLE} m WHERE m.campaign_id = c.id AND m.e164 BETWEEN "
            f"chosen.low AND chosen.high AND {condition} LIMIT {MAX_SKIPPED_COUNT}) AS counted)"
            for condition in SKIPPED
        )
        columns = f", chosen.place, chosen.id, chosen.e164, {counts}"
        join = f"""
            LEFT JOIN (
                SELECT r.column1 AS place, r.column4 AS low, r.column5 AS high, n.id, n.e164
                FROM (VALUES {values}) AS r
                JOIN {NUMBERS_TABLE} n ON n.id = ({_FIRST_IN_RANGE.replace("%s", "%(campaign)s")})
                ORDER BY r.column1 LIMIT 1) chosen ON true"""
    return _collapse_whitespace(f"""
        SELECT c.id, c.is_paused, c.automatic_matching, c.daily_limit, c.limits_reset_on, c.account_id, a.time_zone,
               d.id, d.e164, d.spam_status, d.removed_at, d.campaign_id, d.exhausted_on,
               c.when_all_labelled, c.shows_on_other_networks{columns}
        FROM {Campaign._meta.db_table} c
        JOIN {Account._meta.db_table} a ON a.id = c.account_id
        LEFT JOIN {NUMBERS_TABLE} d ON d.id = c.default_number_id{join}
        WHERE c.id = %(campaign)s AND c.account_id = %(account)s""")


def _collapse_whitespace(sql: str) -> str:
    return " ".join(sql.split())


def values_sql(range_count: int) -> str:
    """Return a table r of ranges: position (column1), low (column2) and high (column3)."""
    return "(VALUES {}) AS r".format(", ".join(["(%s, %s, %s)"] * range_count))


def range_parameters(ranges: Iterable[tuple[str, str]]) -> list[int | str]:
    """Return the parameters of values_sql."""
    parameters: list[int | str] = []
    for position, (low, high) in enumerate(ranges):
        parameters += (position, low, high)
    return parameters


def fetch_next_number(campaign_id: int, tiers: Sequence[Tier]) -> tuple[Tier, int, str] | None:
    """Return tier, id and E.164 of the next number of the nearest of `tiers`; one query."""
    ranges = [(tier, *bounds) for tier in tiers for bounds in rotated_ranges(campaign_id, tier)]
    if not ranges:
        return None
    parameters = range_parameters((low, high) for _tier, low, high in ranges)
    with connection.cursor() as cursor:
        cursor.execute(_next_number_sql(len(ranges)), (*parameters, campaign_id))
        row = cursor.fetchone()
    return (ranges[row[0]][0], row[1], row[2]) if row else None


@cache
def _next_number_sql(range_count: int) -> str:
    return f"""
        SELECT r.column1, n.id, n.e164
        FROM {values_sql(range_count)} JOIN {NUMBERS_TABLE} n ON n.id = ({_FIRST_IN_RANGE})
        ORDER BY r.column1 LIMIT 1"""


def count_skipped(campaign_id: int, *tiers: Tier) -> SkippedCounts:
    """Return how many numbers of `tiers` are skipped; one query."""
    ranges = [bounds for tier in tiers for bounds in tier.ranges]
    parameters = (*range_parameters(ranges), campaign_id)
    with connection.cursor() as cursor:
        cursor.execute(_count_skipped_sql(len(ranges)), parameters * len(SKIPPED))
        return SkippedCounts(*cursor.fetchone())


@cache
def _count_skipped_sql(range_count: int) -> str:
    counts = (
        f"(SELECT count(*) FROM (SELECT 1 FROM {values_sql(range_count)} JOIN {NUMBERS_TABLE} m "
        f"ON m.campaign_id = %s AND m.e164 BETWEEN r.column2 AND r.column3 AND {condition} "
        f"LIMIT {MAX_SKIPPED_COUNT}) AS counted)"
        for condition in SKIPPED
    )
    return f"SELECT {', '.join(counts)}"


def get_tier_candidates(campaign_id: int, tier: Tier, *, limit: int) -> list[int]:
    """Return ids of the tier's first numbers in rotation order, skipped ones included; four queries."""
    ranges = rotated_ranges(campaign_id, tier)
    if not ranges:
        return []
    parameters = range_parameters(ranges)
    # One range comes twice in the rotation, and its numbers with it: the first position counts.
    found: dict[int, tuple[int, str]] = {}
    for condition in (AVAILABLE, *SKIPPED):
        sql = f"""
            SELECT m.id, r.column1, m.e164 FROM {values_sql(len(ranges))} JOIN {NUMBERS_TABLE} m
            ON m.campaign_id = %s AND m.e164 BETWEEN r.column2 AND r.column3 AND {condition}
            ORDER BY r.column1, m.e164 LIMIT %s"""
        with connection.cursor() as cursor:
            cursor.execute(sql, (*parameters, campaign_id, limit))
            for pk, position, e164 in cursor.fetchall():
                found[pk] = min(found.get(pk, (position, e164)), (position, e164))
    return sorted(found, key=found.__getitem__)[:limit]
