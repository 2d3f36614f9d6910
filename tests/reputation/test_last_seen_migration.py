"""The upgrade of a filled database: labels that disabling hid before, facets, counts and triggers."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.models import Account
from reputation.models import NumberCount, PhoneNumber, Tag
from tests.support.migration_steps import stepwise_database

ENDED = {"end_reason": "not_monitored"}


@pytest.fixture
def migrate(django_db_blocker, tmp_path):
    """Migrates a database of its own, which has no tables yet."""
    with django_db_blocker.unblock(), stepwise_database(tmp_path) as migrate:
        yield migrate


def test_an_upgrade_keeps_skipping_numbers_whose_label_was_hidden(migrate):
    old = migrate("0001_initial")
    now = timezone.now()
    ended = now - timedelta(days=40)
    seen = ended - timedelta(hours=6)
    names = ("Engine", "PhoneNumber", "Tag", "Check")
    engines, numbers, tags, checks = (old.get_model("reputation", name).objects for name in names)
    account_id = old.get_model("portal", "Account").objects.create(name="Cascade Solar LLC").pk
    engine_id = engines.create(slug="old-engine", name="Old engine").pk
    hidden, removed, cleared, tagged, never = (
        numbers.create(
            account_id=account_id,
            e164=f"+1206555010{n}",
            region="US",
            kind="mobile",
            area_code="206",
            removed_at=now if n == 1 else None,
        )
        for n in range(5)
    )
    for number in (hidden, removed, cleared, tagged):
        of = {"account_id": account_id, "number_id": number.pk, "engine_id": engine_id}
        tags.create(**of, label="Spam", detected_at=ended - timedelta(days=2), ended_at=ended, **ENDED)
        run = {"first_at": ended - timedelta(days=2), "last_at": seen, "received_at": seen, "valid_until": now}
        checks.create(**of, learnt_by="look-up", result="tagged", is_current=False, **run)
    run = {"first_at": now, "last_at": now, "received_at": now, "valid_until": now}
    of = {"account_id": account_id, "number_id": cleared.pk, "engine_id": engine_id, "learnt_by": "look-up"}
    checks.create(**of, result="clean", is_current=False, **run)
    numbers.filter(pk=tagged.pk).update(capability="on", spam_status="tagged", tagged_since=now)

    migrate()

    statuses = dict(PhoneNumber.objects.values_list("e164", "spam_status"))
    assert statuses == {
        hidden.e164: "last_seen",
        removed.e164: "last_seen",
        cleared.e164: "not_monitored",
        tagged.e164: "tagged",
        never.e164: "not_monitored",
    }
    assert PhoneNumber.objects.awaiting_decision(now).get().pk == hidden.pk
    assert set(Tag.objects.last_seen().values_list("number", "last_seen_at")) >= {(hidden.pk, seen), (removed.pk, seen)}
    assert PhoneNumber.objects.get(pk=hidden.pk).facet // 1000 == 7
    counted = NumberCount.objects.for_account(Account.objects.get(pk=account_id))
    assert (counted.total(), counted.tagged().total(), counted.labelled_when_last_seen().total()) == (4, 1, 1)
    PhoneNumber.objects.filter(pk=never.pk).update(removed_at=now)
    assert counted.total() == 3
    assert [number.pk for number in PhoneNumber.objects.search("5550100")] == [hidden.pk]


def test_a_status_keeps_its_digit():
    digits = {status: digit for digit, status in enumerate(PhoneNumber.STATUSES_BY_FACET)}
    assert set(digits) == set(PhoneNumber.STATUSES_BY_URGENCY) == set(PhoneNumber.SpamStatus)
    assert [digits[status] for status in ("failed", "tagged_again", "tagged", "in_remediation")] == [0, 1, 2, 3]
    assert [digits[status] for status in ("unknown", "clean", "not_monitored", "last_seen")] == [4, 5, 6, 7]
    assert digits["at_risk"] == 8
