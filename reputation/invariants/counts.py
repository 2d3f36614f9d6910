"""Stored counts: they equal what is counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from portal.models import WebhookEndpoint
from reputation.invariants.registry import Invariant
from reputation.models import BulkAction, BulkActionNumber, NumberCount, NumberImport, PhoneNumber
from reputation.numbers import count_triggers

# The numbers of a bulk action are deleted after 30 days; see reputation/retention.py.
_COUNTED_FOR = timedelta(days=29)
State, Outcome = BulkAction.State, BulkActionNumber.Outcome

_WRONG_COUNTS = f"""
    SELECT account_id, campaign, facet, SUM(stored), SUM(counted) FROM (
        SELECT account_id, campaign, facet, SUM(count) AS stored, 0 AS counted
        FROM {NumberCount._meta.db_table} GROUP BY account_id, campaign, facet
        UNION ALL
        SELECT account_id, COALESCE(campaign_id, 0), facet, 0, COUNT(*)
        FROM {PhoneNumber._meta.db_table} WHERE facet IS NOT NULL GROUP BY account_id, COALESCE(campaign_id, 0), facet
    ) AS counts GROUP BY account_id, campaign, facet HAVING SUM(stored) <> SUM(counted)"""


def _find_wrong_number_counts(now: datetime) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_WRONG_COUNTS)
        return [
            f"account {account}, campaign {campaign}, facet {facet}: {stored} stored, {counted} counted"
            for account, campaign, facet, stored, counted in cursor.fetchall()
        ]


def _recount_numbers(keys: Sequence[Any], now: datetime) -> None:
    """Counts all numbers anew, while nobody changes one."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {PhoneNumber._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")
    count_triggers.recount()


def _count_outcomes(*, applied: bool) -> Coalesce:
    rows = BulkActionNumber.objects.filter(bulk_action=OuterRef("pk"), refusal="").order_by().values("bulk_action")
    outcome = Q(outcome=Outcome.APPLIED if applied else Outcome.SKIPPED)
    count = rows.filter(outcome).annotate(count=Count("number")).values("count")
    return Coalesce(Subquery(count, output_field=IntegerField()), 0)


def _find_wrong_bulk_actions(now: datetime) -> QuerySet[BulkAction]:
    confirmed = BulkAction.objects.filter(
        state__in=(State.APPLYING, State.DONE), confirmed_at__isnull=False, created_at__gt=now - _COUNTED_FOR
    )
    done = Q(state=State.DONE, is_stopped=False) & ~Q(total_count=F("applied_count") + F("skipped_count"))
    counted = confirmed.alias(applied=_count_outcomes(applied=True), skipped=_count_outcomes(applied=False))
    return counted.filter(done | ~Q(applied_count=F("applied")) | ~Q(skipped_count=F("skipped")))


def _find_wrong_imports(now: datetime) -> QuerySet[NumberImport]:
    planned = F("will_add") + F("will_restore") + F("will_change")
    processed = F("added") + F("restored") + F("changed") + F("skipped")
    imports = NumberImport.objects.alias(planned=planned, processed=processed)
    return imports.filter(Q(processed__gt=F("planned")) | Q(state=NumberImport.State.DONE) & ~Q(processed=F("planned")))


def _find_wrong_endpoints(now: datetime) -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(Q(consecutive_failures=0) ^ Q(failing_since__isnull=True))


INVARIANTS = (
    Invariant(
        "number_counts",
        "The stored counts of numbers, by account, campaign and facet, equal the numbers.",
        _find_wrong_number_counts,
        _recount_numbers,
    ),
    Invariant(
        "bulk_action_counts",
        "A bulk action has counted each of its numbers once, as done or as skipped.",
        _find_wrong_bulk_actions,
    ),
    Invariant(
        "import_counts",
        "A finished import has done or skipped each number of its preview, and no import more than these.",
        _find_wrong_imports,
    ),
    Invariant(
        "failures_of_endpoints",
        "A webhook endpoint is failing since some time if and only if it has counted failures.",
        _find_wrong_endpoints,
    ),
)
