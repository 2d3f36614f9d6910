"""Which number a call shows: automatic caller-ID matching, the product's hot path.

A number as near as possible to the called person: the same area code and exchange, else the same area code, else
another area code of the same State, else the campaign's default caller ID. Tagged numbers are skipped, and so are
those that reached the campaign's daily limit; the default is not skipped for either, since it is what is shown when
nothing else is left, and the answer says so (the specification's last paragraphs).

How it stays true and quick:

- Nothing about a number is remembered between calls. Each answer reads what is committed when it is read, from
  indexes that hold only numbers that may be shown, so that a number is never answered once its tag is committed, in
  no process. A probe of such an index costs the same for ten numbers and for a hundred thousand.
- Equals take turns in the order of their digits, each process for itself from a place of its own: whatever the number
  of processes, no number is ahead of its equals by more than one call for each of them. No write is needed for it.
- Only a daily limit needs a count that all processes share at once: then, and only then, an answer writes a row.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection, models

from portal.area_codes import neighbours_of, states
from portal.numbers import UNITED_STATES, NotANumber, Parsed, parse
from reputation import daily_limit
from reputation.models import Campaign, PhoneNumber
from reputation.recording import record

# Skipped numbers are counted up to here, so that an answer costs the same however many there are.
COUNTED_TO = 100


class Basis(models.TextChoices):
    """What the shown number was matched on."""

    EXCHANGE = "exchange", "Same area code and exchange"
    AREA_CODE = "area_code", "Same area code"
    STATE = "state", "Same State"
    DEFAULT = "default", "Default caller ID"
    NONE = "none", "No caller ID"


NEARNESS = (Basis.EXCHANGE, Basis.AREA_CODE, Basis.STATE)

# Why a call shows the default caller ID, or none: a code and a sentence for people.
REASONS: dict[str, str] = {
    "": "",
    "campaign_paused": "The campaign is paused: the dialer is to make no calls for it.",
    "matching_off": "Automatic matching is off, so every call shows the default caller ID.",
    "called_abroad": "The called number is not in the United States, so no number is local to it.",
    "called_without_area": "The called number belongs to no area, as toll-free numbers do.",
    "no_local_number": "The campaign has no number in the called person's State.",
    "local_numbers_skipped": "Every number in the called person's State is skipped: tagged, or at its daily limit.",
}


class CampaignNotFound(Exception):
    """The account has no such campaign."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The number that a call shows (`caller_id` in E.164, None where there is none to show), and why.

    `because` is a key of REASONS, empty where a local number was found. `skipped_...` count the numbers as near as the
    shown one, or nearer, that were passed over, up to COUNTED_TO. `is_tagged`, `is_exhausted` and `is_outside` can be
    true of a default only: it is shown although it carries a label, is past the daily limit, or is in no or in another
    campaign.
    """

    called: str
    caller_id: str | None
    number_id: int | None
    basis: str
    because: str = ""
    skipped_tagged: int = 0
    skipped_exhausted: int = 0
    is_tagged: bool = False
    is_exhausted: bool = False
    is_outside: bool = False


@dataclass(frozen=True, slots=True)
class Tier:
    """Numbers that are equally near: ranges of E.164 in order, and the name under which they take turns."""

    basis: Basis
    name: str
    ranges: tuple[tuple[str, str], ...]


def match(*, account_id: int, campaign_id: int, called: str, now: datetime, takes_turn: bool = True) -> Decision:
    """The number to show for a call to `called` (as people write it in the United States, or with + and country code).

    With `takes_turn` the number's turn is over, its call is counted against a daily limit, and the decision is
    recorded; without, nothing changes. Raises CampaignNotFound, and NotANumber for what cannot be called.
    """
    try:
        number = parse(called, letters=True)
    except NotANumber:
        _ask(account_id, campaign_id, ())  # whose campaign it is comes before what is wrong with the number
        raise
    tiers = tiers_of(number) if number.region in UNITED_STATES and number.area_code else ()
    campaign, found = _ask(account_id, campaign_id, tiers[:2])
    day = now.astimezone(_zone(campaign.time_zone)).date()
    if campaign.daily_limit and campaign.limits_began_on != day:
        daily_limit.begin_anew(campaign.id, day)
        campaign, found = _ask(account_id, campaign_id, tiers[:2])
    decision = _decide(campaign, number, tiers, found, day, takes_turn)
    if takes_turn:
        record(
            account_id=account_id,
            campaign_id=campaign_id,
            day=day,
            basis=decision.basis,
            skipped_tagged=decision.skipped_tagged > 0,
            number_id=decision.number_id,
            is_counted=bool(campaign.daily_limit),
        )
    return decision


def _decide(
    campaign: _Campaign, number: Parsed, tiers: Sequence[Tier], found: _Found | None, day: date, takes_turn: bool
) -> Decision:
    """`found` is of the first two of the tiers, with which nearly every call ends."""
    if campaign.is_paused:
        return Decision(number.e164, None, None, Basis.NONE, "campaign_paused")
    if not campaign.automatic_matching:
        return _by_default(campaign, number, "matching_off", day, takes_turn)
    if number.region not in UNITED_STATES:
        return _by_default(campaign, number, "called_abroad", day, takes_turn)
    if not tiers:
        return _by_default(campaign, number, "called_without_area", day, takes_turn)
    for asked in (tiers[:2], tiers[2:]):
        found = found or _next_in_turn(campaign.id, asked)
        while found:
            tier, number_id, e164, *skipped = found
            if not takes_turn or _take_turn(tier, campaign, number_id, e164, day):
                tagged, exhausted = skipped or _skipped(campaign.id, tier)
                return Decision(number.e164, e164, number_id, tier.basis, "", tagged, exhausted)
            found = _next_in_turn(campaign.id, asked)
    tagged, exhausted = _skipped(campaign.id, *tiers[1:])
    because = "local_numbers_skipped" if tagged or exhausted else "no_local_number"
    return _by_default(campaign, number, because, day, takes_turn, tagged, exhausted)


def _by_default(
    campaign: _Campaign,
    number: Parsed,
    because: str,
    day: date,
    takes_turn: bool,
    tagged: int = 0,
    exhausted: int = 0,
) -> Decision:
    if campaign.default_id is None or campaign.default_removed_at is not None:
        return Decision(number.e164, None, None, Basis.NONE, because, tagged, exhausted)
    calls = 0
    if campaign.daily_limit and takes_turn:
        by = {"account_id": campaign.account_id, "day": day, "limit": campaign.daily_limit}
        calls = daily_limit.count(campaign.default_id, **by)
    return Decision(
        number.e164,
        campaign.default_e164,
        campaign.default_id,
        Basis.DEFAULT,
        because,
        tagged,
        exhausted,
        is_tagged=campaign.default_status in PhoneNumber.TAGGED,
        is_exhausted=bool(campaign.daily_limit)
        and (campaign.default_exhausted_on == day or calls > campaign.daily_limit),
        is_outside=campaign.default_campaign_id != campaign.id,
    )


def tiers_of(number: Parsed) -> tuple[Tier, ...]:
    """The three tiers of a called number of the United States that has an area code, the nearest first."""
    exchange = number.e164[:8]
    return (Tier(Basis.EXCHANGE, exchange, (_all_of(exchange),)), *_tiers_of_area(number.area_code))


@cache
def _tiers_of_area(area_code: str) -> tuple[Tier, Tier]:
    neighbours = tuple(_all_of(f"+1{code}") for code in neighbours_of(area_code))
    return (
        Tier(Basis.AREA_CODE, f"+1{area_code}", (_all_of(f"+1{area_code}"),)),
        Tier(Basis.STATE, states().get(area_code, ""), neighbours),
    )


def _all_of(prefix: str) -> tuple[str, str]:
    return prefix.ljust(12, "0"), prefix.ljust(12, "9")


# --- taking turns ----------------------------------------------------------------------------------------------------

# The number of each tier of a campaign that had its turn last, in this process.
_had_turn: dict[tuple[int, str], str] = {}
_turns = threading.Lock()
# So many tiers are remembered; then all begin anew, from places drawn by chance.
REMEMBERED = 200_000


def _from_turn(campaign_id: int, tier: Tier) -> list[tuple[str, str]]:
    """The tier's ranges, beginning behind the number that had its turn last, and once round."""
    if not tier.ranges:
        return []
    last = _had_turn.get((campaign_id, tier.name))
    if last is None:
        low, high = random.choice(tier.ranges)
        last = str(random.randrange(int(low), int(high) + 1)).join(("+", ""))
        with _turns:
            if len(_had_turn) >= REMEMBERED:
                _had_turn.clear()
            last = _had_turn.setdefault((campaign_id, tier.name), last)
    at = next((place for place, (_, high) in enumerate(tier.ranges) if last <= high), 0)
    low, high = tier.ranges[at]
    # A digit more is behind the number itself and before all that follow.
    return [(max(low, f"{last}0"), high), *tier.ranges[at + 1 :], *tier.ranges[: at + 1]]


def _take_turn(tier: Tier, campaign: _Campaign, number_id: int, e164: str, day: date) -> bool:
    """False when the number reached its daily limit meanwhile: then another is to be asked for."""
    with _turns:
        _had_turn[campaign.id, tier.name] = e164
    limit = campaign.daily_limit
    if not limit:
        return True
    return daily_limit.count(number_id, account_id=campaign.account_id, day=day, limit=limit, at_most=True) > 0


# --- what is asked of the database, once for each answer; the ORM would cost more than the answer itself -------------

_NUMBERS = PhoneNumber._meta.db_table
_TAGGED = "m.spam_status IN ({})".format(", ".join(f"'{status.value}'" for status in PhoneNumber.TAGGED))
# In the words of the partial indexes number_to_show, number_skipped_tagged and number_skipped_exhausted.
TO_SHOW = f"m.removed_at IS NULL AND m.exhausted_on IS NULL AND NOT ({_TAGGED})"
SKIPPED_TAGGED = f"m.removed_at IS NULL AND {_TAGGED}"
SKIPPED_EXHAUSTED = f"m.removed_at IS NULL AND m.exhausted_on IS NOT NULL AND NOT ({_TAGGED})"


_FIRST_IN_RANGE = f"""
    SELECT m.id FROM {_NUMBERS} m
    WHERE m.campaign_id = %s AND m.e164 BETWEEN r.column2 AND r.column3 AND {TO_SHOW}
    ORDER BY m.e164 LIMIT 1"""


class _Campaign(NamedTuple):
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
_Found = tuple[Tier, int, str] | tuple[Tier, int, str, int, int]


def _ask(account_id: int, campaign_id: int, tiers: Sequence[Tier]) -> tuple[_Campaign, _Found | None]:
    """The campaign, and the number of the nearest of these tiers (of one range each) whose turn it is; one query.

    One, because a query costs more by the way to the database and back than by what it asks there.
    """
    ranges = [(tier, *bounds) for tier in tiers for bounds in _from_turn(campaign_id, tier)]
    parameters: list[object] = [account_id, campaign_id]
    for tier, low, high in ranges:
        parameters += (low, high, *tier.ranges[0])
    with connection.cursor() as cursor:
        cursor.execute(_ask_sql(len(ranges)), dict(zip(_ASKED, parameters, strict=False)))
        row = cursor.fetchone()
    if row is None:
        raise CampaignNotFound
    campaign = _Campaign._make(row[:13])
    if len(row) == 13 or row[13] is None:
        return campaign, None
    return campaign, (ranges[row[13]][0], *row[14:])


# Named, because Django then puts the database's own signs for them into the text in a tenth of the time.
_ASKED = ("account", "campaign", *(f"{name}{place}" for place in range(4) for name in ("low", "high", "first", "last")))


@cache
def _ask_sql(count: int) -> str:
    chosen, join = "", ""
    if count:
        places = ", ".join(
            f"({place}, %(low{place})s, %(high{place})s, %(first{place})s, %(last{place})s)" for place in range(count)
        )
        counts = ", ".join(
            f"(SELECT count(*) FROM (SELECT 1 FROM {_NUMBERS} m WHERE m.campaign_id = c.id AND m.e164 BETWEEN "
            f"chosen.low AND chosen.high AND {which} LIMIT {COUNTED_TO}) AS counted)"
            for which in (SKIPPED_TAGGED, SKIPPED_EXHAUSTED)
        )
        chosen = f", chosen.place, chosen.id, chosen.e164, {counts}"
        join = f"""
            LEFT JOIN (
                SELECT r.column1 AS place, r.column4 AS low, r.column5 AS high, n.id, n.e164
                FROM (VALUES {places}) AS r
                JOIN {_NUMBERS} n ON n.id = ({_FIRST_IN_RANGE.replace("%s", "%(campaign)s")})
                ORDER BY r.column1 LIMIT 1) chosen ON true"""
    return _short(f"""
        SELECT c.id, c.is_paused, c.automatic_matching, c.daily_limit, c.limits_began_on, c.account_id, a.time_zone,
               d.id, d.e164, d.spam_status, d.removed_at, d.campaign_id, d.exhausted_on{chosen}
        FROM {Campaign._meta.db_table} c
        JOIN portal_account a ON a.id = c.account_id
        LEFT JOIN {_NUMBERS} d ON d.id = c.default_number_id{join}
        WHERE c.id = %(campaign)s AND c.account_id = %(account)s""")


def _short(sql: str) -> str:
    return " ".join(sql.split())


def _values(count: int) -> str:
    return "(VALUES {}) AS r".format(", ".join(["(%s, %s, %s)"] * count))


def _next_in_turn(campaign_id: int, tiers: Sequence[Tier]) -> tuple[Tier, int, str] | None:
    """The number of the nearest of these tiers whose turn it is, as (tier, id, E.164); one query."""
    ranges = [(tier, *bounds) for tier in tiers for bounds in _from_turn(campaign_id, tier)]
    if not ranges:
        return None
    parameters: list[object] = []
    for place, (_tier, low, high) in enumerate(ranges):
        parameters += (place, low, high)
    with connection.cursor() as cursor:
        cursor.execute(_next_sql(len(ranges)), (*parameters, campaign_id))
        row = cursor.fetchone()
    return (ranges[row[0]][0], row[1], row[2]) if row else None


@cache
def _next_sql(count: int) -> str:
    return f"""
        SELECT r.column1, n.id, n.e164 FROM {_values(count)} JOIN {_NUMBERS} n ON n.id = ({_FIRST_IN_RANGE})
        ORDER BY r.column1 LIMIT 1"""


def _skipped(campaign_id: int, *tiers: Tier) -> tuple[int, int]:
    """How many numbers of the tiers are skipped: tagged, and at their daily limit, each up to COUNTED_TO; one query."""
    ranges = [bounds for tier in tiers for bounds in tier.ranges]
    parameters: list[object] = []
    for place, (low, high) in enumerate(ranges):
        parameters += (place, low, high)
    asked = (*parameters, campaign_id)
    with connection.cursor() as cursor:
        cursor.execute(_skipped_sql(len(ranges)), asked + asked)
        return cursor.fetchone()


@cache
def _skipped_sql(count: int) -> str:
    return "SELECT {}, {}".format(
        *(
            f"(SELECT count(*) FROM (SELECT 1 FROM {_values(count)} JOIN {_NUMBERS} m ON m.campaign_id = %s "
            f"AND m.e164 BETWEEN r.column2 AND r.column3 AND {which} LIMIT {COUNTED_TO}) AS counted)"
            for which in (SKIPPED_TAGGED, SKIPPED_EXHAUSTED)
        )
    )


def candidates_of(campaign_id: int, tier: Tier, *, most: int) -> list[int]:
    """Ids of the tier's first numbers in the order of their turns, those that are skipped among them; three queries."""
    bounds = _from_turn(campaign_id, tier)
    if not bounds:
        return []
    parameters: list[object] = []
    for place, (low, high) in enumerate(bounds):
        parameters += (place, low, high)
    found: dict[int, tuple[int, str]] = {}
    for which in (TO_SHOW, SKIPPED_TAGGED, SKIPPED_EXHAUSTED):
        sql = f"""
            SELECT m.id, r.column1, m.e164 FROM {_values(len(bounds))} JOIN {_NUMBERS} m ON m.campaign_id = %s
            AND m.e164 BETWEEN r.column2 AND r.column3 AND {which} ORDER BY r.column1, m.e164 LIMIT %s"""
        with connection.cursor() as cursor:
            cursor.execute(sql, (*parameters, campaign_id, most))
            for pk, place, e164 in cursor.fetchall():
                found[pk] = min(found.get(pk, (place, e164)), (place, e164))
    return sorted(found, key=found.__getitem__)[:most]


_zones: dict[str, ZoneInfo] = {}


def _zone(name: str) -> ZoneInfo:
    return _zones.get(name) or _zones.setdefault(name, ZoneInfo(name))
