"""The table of numbers: filters, orders and pages. A page is read along an index, with a fixed number of queries."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from reputation.models import PhoneNumber
from reputation.number_table.ordering import SORTS
from reputation.number_table.scope import NumberScope
from reputation.number_table.table import get_number_table
from reputation.numbers.filters import NumberFilter
from tests.factories import AccountFactory, CampaignFactory, EngineFactory, PhoneNumberFactory, TagFactory

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus
SORTS_BOTH_WAYS = [way for name in SORTS for way in (name, f"-{name}")]


@pytest.fixture
def mixed_numbers(account, now):
    """Sixty different numbers in each of two accounts."""
    campaign, engine = CampaignFactory(account=account), EngineFactory()
    for owner, place in product((account, AccountFactory()), range(60)):
        status = list(Status)[place % 7]
        number = PhoneNumberFactory(
            account=owner,
            label=f"Label {place % 4}",
            spam_status=status,
            capability=["on", "off", "verifying"][place % 3],
            source=["native", "byoc"][place % 2],
            campaign=campaign if owner == account and place % 5 else None,
            checked_at=now - timedelta(hours=place % 6) if place % 4 else None,
            fresh_until=now + timedelta(hours=place % 2 * 2 - 1) if status == Status.CLEAN else None,
            removed_at=now if place % 20 == 19 else None,
        )
        if number.is_tagged and place % 2 and not number.removed_at:
            TagFactory(account=owner, number=number, engine=engine)
    return {"campaign": campaign, "engine": engine}


def filter_params(mixed_numbers) -> list[dict[str, object]]:
    return [
        {},
        *({"status": status} for status in ("tagged", "failed", "last_seen", "clean", "stale", "not_monitored")),
        {"capability": "on"},
        {"source": "byoc"},
        {"status": "clean", "capability": "on", "source": "byoc"},
        {"campaign": mixed_numbers["campaign"].pk},
        {"campaign": "none", "status": "tagged"},
        {"engine": mixed_numbers["engine"].pk},
        {"engine": mixed_numbers["engine"].pk, "capability": "off"},
        {"q": "+1206"},
        {"q": "Label 2", "status": "tagged"},
        {"q": "99999"},
    ]


def expected_ids(scope: NumberScope, number_filter: NumberFilter, sort: str, now) -> list[int]:
    """Return the ids of the same numbers, filtered by one query and sorted in Python."""

    def key(number: PhoneNumber) -> tuple:
        value = {
            "number": lambda: "",
            "label": lambda: number.label,
            "status": lambda: PhoneNumber.STATUSES_BY_URGENCY.index(number.spam_status),
            "capability": lambda: PhoneNumber.CAPABILITIES_BY_NAME.index(number.capability),
            "checked": lambda: (number.checked_at is not None, number.checked_at or 0),
        }[sort.lstrip("-")]()
        return (value, number.e164)

    ordered = sorted(number_filter.apply(scope.numbers, now), key=key, reverse=sort.startswith("-"))
    return [number.pk for number in ordered]


@pytest.mark.parametrize("max_sorted_ids", [0, 2_000], ids=["along indexes", "sorted ids"])
@pytest.mark.parametrize("sort", SORTS_BOTH_WAYS)
def test_pages_of_every_filter_and_order_have_the_expected_numbers(account, mixed_numbers, now, sort, max_sorted_ids):
    sizes = {"page_size": 7, "max_sorted_ids": max_sorted_ids}
    scopes = (
        NumberScope(account),
        NumberScope(account, in_campaign=mixed_numbers["campaign"]),
        NumberScope(account, not_in_campaign=mixed_numbers["campaign"]),
    )
    for scope, params in product(scopes, filter_params(mixed_numbers)):
        query = QueryDict(urlencode(params | {"sort": sort}), mutable=True)
        wanted = expected_ids(scope, NumberFilter.from_params(query), sort, now)
        found, after = [], ""
        while True:
            query["after"] = after
            table = get_number_table(query, scope=scope, now=now, **sizes)
            assert table.total == len(wanted), params
            found += [row.number.pk for row in table.rows]
            if not table.next:
                break
            after = table.next
        assert found == wanted, (params, sort)
        if table.previous:
            query = QueryDict(urlencode(params | {"sort": sort, "before": table.previous}))
            back = get_number_table(query, scope=scope, now=now, **sizes)
            assert [row.number.pk for row in back.rows] == wanted[table.start - 1 - 7 : table.start - 1]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by what is stored, which is little here")
@pytest.mark.parametrize("sort", SORTS_BOTH_WAYS)
def test_page_is_read_along_an_index_without_sorting(account, mixed_numbers, now, sort):
    options = {"scope": NumberScope(account), "now": now, "page_size": 7, "max_sorted_ids": 0}
    for params in filter_params(mixed_numbers):
        if "q" in params or "engine" in params:
            continue
        first = get_number_table(QueryDict(urlencode(params | {"sort": sort})), **options)
        address = urlencode(params | {"sort": sort, "after": first.next})
        with CaptureQueriesContext(connection) as queries:
            get_number_table(QueryDict(address), **options)
        for query in queries.captured_queries:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
                plan = [row[3] for row in cursor.fetchall()]
            assert not [step for step in plan if "SCAN reputation_phonenumber" in step], (address, plan)
            if "AS page0" in query["sql"]:
                assert not [step for step in plan if "TEMP B-TREE" in step], (address, plan)


@pytest.mark.parametrize("params", [{}, {"status": "clean"}, {"q": "+1206"}, {"sort": "checked"}, {"sort": "status"}])
def test_query_count_of_a_page_is_the_same_for_30_and_60_numbers(account, mixed_numbers, now, params):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            get_number_table(QueryDict(urlencode(params)), scope=NumberScope(account), now=now)
        return len(captured)

    before = queries()
    kept = PhoneNumber.objects.for_account(account).order_by("pk").values_list("pk", flat=True)
    PhoneNumber.objects.for_account(account).exclude(pk__in=list(kept[:30])).delete()
    assert queries() == before


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ("206) 555-01", ["+12065550143"]),
        ("5550143", ["+12065550143"]),
        ('say "hi"', ['Say "hi" 7%']),
        ("7%", ['Say "hi" 7%']),
        ("*hi*", []),
        ("hi' OR", []),
        ("tage Ét", ["Étage Éta"]),
        ("ge", ["Étage Éta"]),
        ("\N{ROCKET} mo", ["\N{ROCKET} Moon"]),
        ("AND", ["Andes"]),
        ("NEAR(", []),
    ],
)
def test_search_treats_every_character_literally(account, now, text, finds):
    PhoneNumberFactory(account=account, e164="+12065550143", label="")
    for place, label in enumerate(('Say "hi" 7%', "Étage Éta", "\N{ROCKET} Moon", "Andes")):
        PhoneNumberFactory(account=account, e164=f"+1307222{place:04}", label=label)
    found = get_number_table(QueryDict(urlencode({"q": text})), scope=NumberScope(account), now=now)
    assert [row.number.label or row.number.e164 for row in found.rows] == finds


def test_search_finds_the_changed_label_and_not_the_former_one(account, now):
    number = PhoneNumberFactory(account=account, label="Before")
    PhoneNumber.objects.filter(pk=number.pk).update(label="Afterwards")
    assert list(PhoneNumber.objects.search("fterw")) == [number]
    assert not PhoneNumber.objects.search("efore")
    number.delete()
    assert not PhoneNumber.objects.search("fterw")
