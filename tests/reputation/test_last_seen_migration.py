"""The upgrade of a filled database: labels that disabling hid before, facets, counts and triggers."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from reputation.models import NumberCount, PhoneNumber, Tag
from tests.factories import AccountFactory, EngineFactory, PhoneNumberFactory
from tests.support.migration_steps import migration_steps

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("reputation", "0001_initial")]
ENDED = {"end_reason": "not_monitored"}


@pytest.fixture
def migrate():
    """Migrates like the command, with the set-up afterwards. Ends at the newest migration."""

    def to(target: str | None) -> None:
        call_command("migrate", "reputation", *([target] if target else []), verbosity=0)

    with migration_steps():
        yield to
        to(None)


def test_an_upgrade_keeps_skipping_numbers_whose_label_was_hidden(migrate):
    account, now = AccountFactory(), timezone.now()
    engine = EngineFactory(slug="sim-hiya")
    ended = now - timedelta(days=40)
    seen = ended - timedelta(hours=6)
    hidden, removed, cleared, tagged, never = (
        PhoneNumberFactory(account=account, e164=f"+1206555010{n}", removed_at=now if n == 1 else None)
        for n in range(5)
    )
    migrate("0001")
    old = MigrationExecutor(connection).loader.project_state(BEFORE).apps
    old_tags, old_checks = old.get_model("reputation", "Tag").objects, old.get_model("reputation", "Check").objects
    old_numbers = old.get_model("reputation", "PhoneNumber").objects
    for number in (hidden, removed, cleared, tagged):
        times = {"detected_at": ended - timedelta(days=2), "ended_at": ended} | ENDED
        old_tags.create(account_id=account.pk, number_id=number.pk, engine_id=engine.pk, label="Spam", **times)
        run = {"first_at": ended - timedelta(days=2), "last_at": seen, "received_at": seen, "valid_until": now}
        of = {"account_id": account.pk, "number_id": number.pk, "engine_id": engine.pk, "learnt_by": "look-up"}
        old_checks.create(**of, result="tagged", is_current=False, **run)
    run = {"first_at": now, "last_at": now, "received_at": now, "valid_until": now}
    of = {"account_id": account.pk, "number_id": cleared.pk, "engine_id": engine.pk, "learnt_by": "look-up"}
    old_checks.create(**of, result="clean", is_current=False, **run)
    old_numbers.filter(pk=tagged.pk).update(capability="on", spam_status="tagged", tagged_since=now)

    migrate(None)

    statuses = dict(PhoneNumber.objects.values_list("e164", "spam_status"))
    assert statuses == {
        hidden.e164: "last_seen",
        removed.e164: "last_seen",
        cleared.e164: "not_monitored",
        tagged.e164: "tagged",
        never.e164: "not_monitored",
    }
    assert PhoneNumber.objects.awaiting_decision(now).get() == hidden
    assert set(Tag.objects.last_seen().values_list("number", "last_seen_at")) >= {(hidden.pk, seen), (removed.pk, seen)}
    assert PhoneNumber.objects.get(pk=hidden.pk).facet // 1000 == 7
    counted = NumberCount.objects.for_account(account)
    assert (counted.total(), counted.tagged().total(), counted.labelled_when_last_seen().total()) == (4, 1, 1)
    PhoneNumber.objects.filter(pk=never.pk).update(removed_at=now)
    assert counted.total() == 3
    assert list(PhoneNumber.objects.search("5550100")) == [hidden]


def test_a_status_keeps_its_digit():
    digits = {status: digit for digit, status in enumerate(PhoneNumber.STATUSES_BY_FACET)}
    assert set(digits) == set(PhoneNumber.STATUSES_BY_URGENCY) == set(PhoneNumber.SpamStatus)
    assert [digits[status] for status in ("failed", "tagged_again", "tagged", "in_remediation")] == [0, 1, 2, 3]
    assert [digits[status] for status in ("unknown", "clean", "not_monitored", "last_seen")] == [4, 5, 6, 7]
    assert digits["at_risk"] == 8
