"""Running campaigns without a usable caller ID: their calls show no number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import connection

from portal.text import join_names
from reputation.matching.queries import AVAILABLE, SKIPPED, SKIPPED_EXHAUSTED, SKIPPED_LAST_SEEN, SKIPPED_TAGGED
from reputation.models import Campaign, PhoneNumber

_NUMBERS_TABLE = PhoneNumber._meta.db_table


@dataclass(frozen=True)
class CampaignWithoutCallerId:
    """A running campaign whose calls show no number, and why."""

    pk: int
    name: str
    automatic_matching: bool
    has_tagged: bool
    has_labelled_when_last_seen: bool
    has_exhausted: bool

    @property
    def reason(self) -> str:
        if not self.automatic_matching:
            return "It has no default caller ID, and automatic matching is off."
        states = [
            state
            for is_found, state in (
                (self.has_tagged, "tagged"),
                (self.has_labelled_when_last_seen, "labelled when last seen"),
                (self.has_exhausted, "at their daily limit"),
            )
            if is_found
        ]
        if not states:
            return "It has no default caller ID and no numbers."
        return f"It has no default caller ID, and all its numbers are {join_names(states, 'or')}."


def _exists(condition: str) -> str:
    """Whether the campaign has a number with this condition. The order makes the databases use the partial index."""
    return (
        f"(SELECT m.id FROM {_NUMBERS_TABLE} m WHERE m.campaign_id = c.id AND {condition} "
        "ORDER BY m.e164 LIMIT 1) IS NOT NULL"
    )


# A number that reached its limit on an earlier day can be shown again. The first call of the day makes it available
# (daily_limit.reset_for_day); until then the campaign has an earlier `limits_reset_on`.
_REACHED_EARLIER = (
    "((c.limits_reset_on IS NULL OR c.limits_reset_on <> %s) AND "
    + _exists(f"{SKIPPED_EXHAUSTED} AND m.exhausted_on < %s")
    + ")"
)
_NOT_EXHAUSTED = "(m.exhausted_on IS NULL OR m.exhausted_on < %s)"
_MAY_SHOW_LABELLED = (
    f"(c.when_all_labelled = '{Campaign.WhenAllLabelled.LEAST_BAD.value}' AND ("
    + " OR ".join(_exists(f"{condition} AND {_NOT_EXHAUSTED}") for condition in (SKIPPED_TAGGED, SKIPPED_LAST_SEEN))
    + "))"
)
# Each subquery has the condition of a partial index and ends at the first number that it finds.
_SQL = f"""
    SELECT c.id, c.name, c.automatic_matching, {", ".join(map(_exists, SKIPPED))}
    FROM {Campaign._meta.db_table} c
    LEFT JOIN {_NUMBERS_TABLE} d ON d.id = c.default_number_id AND d.removed_at IS NULL
    WHERE c.account_id = %s AND NOT c.is_paused AND d.id IS NULL AND NOT (
        c.automatic_matching AND ({_exists(AVAILABLE)} OR {_REACHED_EARLIER} OR {_MAY_SHOW_LABELLED}))
    ORDER BY c.name, c.id LIMIT %s"""


def get_campaigns_without_caller_id(account_id: int, day: date, *, limit: int) -> list[CampaignWithoutCallerId]:
    """The account's running campaigns without a usable caller ID on this day, by name; one query.

    A default caller ID is always usable, tagged or not (see match.py).
    """
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [account_id, day, day, day, day, limit])
        return [CampaignWithoutCallerId(pk, name, *map(bool, flags)) for pk, name, *flags in cursor.fetchall()]
