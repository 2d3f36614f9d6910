"""Rows bound as one JSON parameter are stored as the ORM would store them, rows from a query in its order."""

from datetime import timedelta

import pytest
from django.db.models import Value
from django.db.models.functions import Length

from portal import audit
from portal.audit import Context
from portal.db.bulk import insert_from_returning, insert_rows, update_rows
from portal.db.in_list import in_list
from portal.models import AuditEvent
from reputation.models import Check, PhoneNumber
from tests.factories import CampaignFactory, CheckFactory, EngineFactory, MonitoredNumberFactory, PhoneNumberFactory

pytestmark = pytest.mark.django_db

JSON_VALUES = [
    {"words": 'It\'s "Spam" – 詐欺 \u2028\\', "figures": [1, 2.5, -3e-7, 12345678901234567890], "none": None},
    {},
    [],
    [{"deep": [True, False]}],
    "a text alone",
    7,
]


@pytest.fixture
def check_rows(account, now) -> list[dict[str, object]]:
    """A row for each JSON value, with columns of all types: text, integer, boolean, time, JSON."""
    engine = EngineFactory()
    return [
        {
            "account_id": account.pk,
            "number_id": MonitoredNumberFactory(account=account).pk,
            "engine_id": engine.pk,
            "provider": "simulated",
            "verdict": Check.Verdict.CLEAN if place % 2 else Check.Verdict.LABELLED.value,
            "label": f"50 % {place}\t'",
            "effect": Check.Effect.CLEARS.value,
            "first_at": now,
            "last_at": now + timedelta(microseconds=place),
            "received_at": now,
            "valid_until": now + timedelta(days=place % 2),
            "raw_response": proof,
        }
        for place, proof in enumerate(JSON_VALUES)
    ]


def test_inserted_rows_are_stored_unchanged(check_rows):
    assert insert_rows(Check, check_rows) == len(check_rows)
    assert list(Check.objects.order_by("pk").values(*check_rows[0])) == check_rows
    assert list(Check.objects.order_by("pk").values_list("looks", "is_current")) == [(1, True)] * len(check_rows)


@pytest.mark.parametrize("place", range(len(JSON_VALUES)))
def test_rows_that_are_the_same_are_stored_unchanged(check_rows, place):
    row = check_rows[place] | {"is_current": False}
    assert insert_rows(Check, [row, row, row]) == 3
    assert list(Check.objects.values(*row)) == [row, row, row]


def test_each_updated_row_gets_its_own_values_and_keeps_the_others(check_rows, account, now):
    before = [CheckFactory(account=account, label="Stays") for _ in check_rows]
    given = [
        {"id": check.pk, **{name: row[name] for name in ("last_at", "raw_response")}}
        for check, row in zip(before, check_rows, strict=True)
    ]
    assert update_rows(Check, given) == len(check_rows)
    assert list(Check.objects.order_by("pk").values("id", "last_at", "raw_response")) == given
    assert set(Check.objects.values_list("label", flat=True)) == {"Stays"}


def test_rows_from_a_query_without_an_order_follow_their_keys(account, now):
    """PostgreSQL stores the first number after the others when it moves to a campaign, and reads it last."""
    ids = [PhoneNumberFactory(account=account).pk for _ in range(3)]
    PhoneNumber.objects.filter(pk=ids[0]).update(campaign=CampaignFactory(account=account))
    numbers = PhoneNumber.objects.filter(pk__in=in_list(ids))
    assert audit.record_changes(numbers, context=Context.system(now), code="number.added", label="e164") == ids
    events = AuditEvent.objects.filter(code="number.added", subject_id__in=ids)
    assert list(events.order_by("pk").values_list("subject_id", flat=True)) == ids


def test_columns_of_new_rows_are_returned_as_they_are_stored(account, now):
    """The hash of the audit trail's batches is over what is returned, and is compared with what is stored."""
    for _ in range(3):
        PhoneNumberFactory(account=account, label="Würzburg \u2028 'quoted'")
    columns = ("id", "account_id", "subject_id", "subject_label", "before", "after", "personal_text_id")
    returned = insert_from_returning(
        AuditEvent,
        PhoneNumber.objects.all(),
        returning=columns,
        account_id="account_id",
        at=Value(now),
        via=Value("task"),
        code=Value("number.changed"),
        subject_type=Value("phonenumber"),
        subject_id="pk",
        subject_label="label",
        before=Length("label"),  # an integer in a column of text
        after="e164",
        reason=Value(""),
    )
    assert sorted(returned) == list(AuditEvent.objects.order_by("pk").values_list(*columns))
    assert len(returned) == 3


def test_nothing_is_returned_if_the_condition_excludes_every_row(now):
    nothing = PhoneNumber.objects.filter(pk__in=[])
    assert insert_from_returning(AuditEvent, nothing, returning=["id"], subject_id="pk", at=Value(now)) == []
