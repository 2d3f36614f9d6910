"""Triggers keep the counts of numbers correct, whatever changes the numbers."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import Count
from django.db.models.functions import Coalesce

from portal.db.bulk import insert_rows
from portal.models import Account
from reputation.models import NumberCount, PhoneNumber
from reputation.models.counts import FACETS, get_facets
from reputation.numbers import count_triggers
from tests.factories import AccountFactory, CampaignFactory, PhoneNumberFactory

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus


def recounted() -> dict[tuple[int, int, int], int]:
    present = PhoneNumber.objects.filter(removed_at__isnull=True).order_by()
    rows = present.values_list("account", Coalesce("campaign", 0), "facet").annotate(Count("pk"))
    return {(account, campaign, facet): count for account, campaign, facet, count in rows}


def stored_counts() -> dict[tuple[int, int, int], int]:
    sums: dict[tuple[int, int, int], int] = {}
    for row in NumberCount.objects.values_list("account", "campaign", "facet", "count"):
        sums[row[:3]] = sums.get(row[:3], 0) + row[3]
    return {key: count for key, count in sums.items() if count}


@pytest.fixture
def numbers(account):
    campaign = CampaignFactory(account=account)
    PhoneNumberFactory(account=AccountFactory())
    return [PhoneNumberFactory(account=account, campaign=campaign if place % 2 else None) for place in range(6)]


def bulk_create(account, numbers, now):
    made = [PhoneNumber(account=account, e164=f"+1206555{place:04}", region="US") for place in range(5)]
    PhoneNumber.objects.bulk_create(made)


def insert_with_conflicts(account, numbers, now):
    rows = [
        {"account_id": account.pk, "e164": e164, "region": "US", "kind": "geographic"}
        for e164 in (numbers[0].e164, "+12065550999")
    ]
    assert insert_rows(PhoneNumber, rows, ignore_conflicts=True) == 1
    made = [PhoneNumber(account=account, e164=e164, region="US") for e164 in (numbers[1].e164, "+12065550998")]
    PhoneNumber.objects.bulk_create(made, ignore_conflicts=True)


def upsert(account, numbers, now):
    made = [PhoneNumber(account=account, e164=e164, source="byoc") for e164 in (numbers[0].e164, "+12065550999")]
    PhoneNumber.objects.bulk_create(
        made, update_conflicts=True, unique_fields=["account", "e164"], update_fields=["source"]
    )


def save_each(account, numbers, now):
    for place, status in enumerate([Status.TAGGED, Status.CLEAN, Status.FAILED]):
        numbers[place].spam_status = status
        numbers[place].capability = "on"
        numbers[place].save()


def update_all(account, numbers, now):
    PhoneNumber.objects.filter(account=account).update(spam_status=Status.UNKNOWN, capability="on", source="byoc")


def move_to_another_campaign(account, numbers, now):
    PhoneNumber.objects.filter(account=account).update(campaign=CampaignFactory(account=account))


def unassign_all(account, numbers, now):
    PhoneNumber.objects.update(campaign=None)


def remove(account, numbers, now):
    PhoneNumber.objects.filter(pk=numbers[0].pk).update(removed_at=now, campaign=None)


def remove_and_restore(account, numbers, now):
    remove(account, numbers, now)
    PhoneNumber.objects.filter(pk=numbers[0].pk).update(removed_at=None, spam_status=Status.UNKNOWN)


def update_removed(account, numbers, now):
    remove(account, numbers, now)
    PhoneNumber.objects.filter(pk=numbers[0].pk).update(spam_status=Status.TAGGED)


def update_uncounted_fields(account, numbers, now):
    PhoneNumber.objects.update(label="Another", checked_at=now, ever_checked=True)
    PhoneNumber.objects.update(checked_at=now + timedelta(days=1))


def delete_one(account, numbers, now):
    numbers[0].delete()


def delete_campaign(account, numbers, now):
    numbers[1].campaign.delete()


def delete_account(account, numbers, now):
    Account.objects.get(pk=account.pk).delete()


def roll_back(account, numbers, now):
    with transaction.atomic():
        update_all(account, numbers, now)
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "change",
    [
        bulk_create,
        insert_with_conflicts,
        upsert,
        save_each,
        update_all,
        move_to_another_campaign,
        unassign_all,
        remove,
        remove_and_restore,
        update_removed,
        update_uncounted_fields,
        delete_one,
        delete_campaign,
        delete_account,
        roll_back,
    ],
    ids=lambda change: change.__name__,
)
def test_stored_counts_equal_a_recount_after_every_kind_of_change(account, numbers, now, change):
    assert stored_counts() == recounted()
    change(account, numbers, now)
    assert stored_counts() == recounted()
    count_triggers.compact()
    assert stored_counts() == recounted()


def test_compact_leaves_one_row_for_each_count_and_none_for_zero(account, numbers, now):
    save_each(account, numbers, now)
    update_all(account, numbers, now)
    while count_triggers.compact():
        pass
    assert NumberCount.objects.count() == len(recounted()) == len(stored_counts())


def test_missing_triggers_are_installed_again_with_a_recount(account, numbers):
    """SQLite recreates a table that is altered, without its triggers."""
    with connection.cursor() as cursor:
        on = f" ON {PhoneNumber._meta.db_table}" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER number_counted{on}")
    PhoneNumberFactory(account=account)
    assert stored_counts() != recounted()
    count_triggers.install_triggers()
    assert stored_counts() == recounted()
    PhoneNumberFactory(account=account)
    assert stored_counts() == recounted()


def test_facet_encodes_status_capability_source_and_whether_it_was_checked(account, now):
    for facet, (status, capability, source, checked) in FACETS.items():
        values = {"spam_status": status, "capability": capability, "source": source}
        number = PhoneNumberFactory(account=account, **values, checked_at=now if checked else None)
        number.refresh_from_db()
        assert number.facet == facet
    assert get_facets(spam_status=("failed",), capability=("on",)) == [200, 201, 210, 211]
    assert get_facets() == list(FACETS)


def test_filters_on_counts_agree_with_filters_on_numbers(account, numbers, now):
    save_each(account, numbers, now)
    campaign = numbers[1].campaign_id
    counts, present = NumberCount.objects.for_account(account), PhoneNumber.objects.for_account(account)
    for ask in (
        lambda asked: asked,
        lambda asked: asked.monitored(),
        lambda asked: asked.tagged(),
        lambda asked: asked.in_campaign(campaign),
        lambda asked: asked.not_in_campaign(campaign),
        lambda asked: asked.without_campaign(),
        lambda asked: asked.tagged().in_campaign(campaign),
    ):
        assert ask(counts).total() == ask(present).count()
