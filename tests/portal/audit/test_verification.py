"""`manage.py verify_audit` finds what somebody changes in the audit trail behind the portal's back."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db.models import F, Value

from portal import audit
from portal.audit import Context, protection
from portal.audit.batches import EventDigest, Origin
from portal.audit.chain import link_batches, link_remaining
from portal.audit.verification import Verification
from portal.models import Account, AuditBatch, AuditChain, AuditEvent, AuditIdentity
from reputation.models import PhoneNumber
from tests.factories import AccountFactory, PhoneNumberFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _without_triggers(db):
    """Whoever alters events in SQLite has removed the triggers first."""
    protection.remove_triggers()


def test_hash_of_events_is_that_of_earlier_releases():
    """Otherwise an upgrade would make all events look altered."""
    origin = Origin(datetime(2026, 11, 29, 12, tzinfo=UTC), 5, "ab" * 32, "web", None, "number.added", "phonenumber")
    system = origin._replace(actor_id=None, identity_digest=None, api_key_id=9, code="number.changed")
    digest = EventDigest()
    digest.add(origin, (7, 1, 3, "+12065550143", "", 'Würzburg "a"\n', "Import of numbers.csv", None))
    digest.add(origin, (8, None, 4, "A", "", "", "", "cd" * 32))
    digest.add(system, (9, 1, 4, "A", "", "", "", None))
    assert digest.hexdigest == "7daaf6afd9758fbd36115a3e3a4add9f14fa0999d6409882de4d3563150a1ef3"
    assert (digest.count, digest.first_id, digest.last_id) == (3, 7, 9)


@pytest.fixture
def numbers(account):
    return [PhoneNumberFactory(account=account) for _ in range(4)]


@pytest.fixture
def trail(account, numbers, actor, now) -> Account:
    """Five batches of the account: a bulk action of four numbers, and four single events."""
    context = Context(actor, now)
    audit.record_changes(PhoneNumber.objects.all(), context=context, code="number.retired", label="e164")
    for number in numbers:
        audit.record_event(account=account, context=context, code="number.changed", subject=number)
    link_remaining()
    return account


def verify(*arguments: str) -> tuple[int, str]:
    """The exit status of the command, and what it printed."""
    out = StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=out, stderr=out)
    except SystemExit as error:
        return int(error.code or 0), out.getvalue()
    return 0, out.getvalue()


def events_of_batch(position: int):
    return AuditEvent.objects.filter(batch__in=AuditBatch.objects.filter(position=position).values("number"))


def test_an_untouched_trail_is_verified(trail):
    assert verify() == (0, "8 events in 5 batches verified: nothing was altered.\n")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject_label", "+12065550199"),
        ("before", "x"),
        ("after", "x"),
        ("reason", "x"),
        ("code", "number.added"),
        ("via", "task"),
        ("subject_id", 7),
        ("subject_type", "case"),
        ("actor_id", None),
        ("identity_id", None),
        ("at", "2020-01-01T00:00Z"),
    ],
)
def test_an_altered_event_is_found_with_its_account_and_batch(trail, field, value):
    AuditEvent.objects.filter(pk=events_of_batch(1).order_by("pk")[1].pk).update(**{field: value})
    status, text = verify()
    assert status == 1
    assert text.startswith(f"account {trail.pk}: batch 1 of ")
    assert "events altered" in text
    assert "1 findings" in text


def test_a_deleted_event_is_found(trail):
    AuditEvent.objects.filter(pk=events_of_batch(1).order_by("pk")[1].pk).delete()
    status, text = verify()
    assert status == 1
    assert "batch 1 of " in text
    assert "1 event deleted" in text


def test_an_event_inserted_into_a_batch_is_found(trail):
    event = events_of_batch(2).get()
    event.pk = None
    event.save(force_insert=True)
    status, text = verify()
    assert status == 1
    assert "batch 2 of " in text
    assert "1 event inserted" in text


def test_an_event_inserted_with_a_number_of_its_own_is_found(trail):
    event = events_of_batch(2).get()
    event.pk, event.batch = None, 4711
    event.save(force_insert=True)
    assert "1 event inserted, or their batch was deleted" in verify()[1]


def test_an_event_inserted_without_a_batch_is_found(trail, account, actor, now, numbers):
    later = Context(actor, now + timedelta(days=2))
    audit.record_event(account=account, context=later, code="number.changed", subject=numbers[0])
    link_batches([account.pk])
    event = events_of_batch(2).get()
    event.pk = event.batch = None
    event.save(force_insert=True)
    status, text = verify()
    assert status == 1
    assert f"account {account.pk}: 1 event inserted without a batch" in text


def test_events_of_an_earlier_release_are_counted_and_not_covered(trail):
    AuditEvent.objects.create(account=trail, at="2026-01-01T00:00Z", via="task", code="x", subject_id=1)
    status, text = verify()
    assert status == 0
    assert "1 events have no batch and are not covered" in text


def test_reordered_events_are_found(trail):
    first, second = events_of_batch(1).order_by("pk")[:2]
    for event, other in ((first, second), (second, first)):
        AuditEvent.objects.filter(pk=event.pk).update(subject_id=other.subject_id, subject_label=other.subject_label)
    status, text = verify()
    assert status == 1
    assert "events altered, or in another order" in text


def test_reordered_batches_are_found(trail):
    second, third = AuditBatch.objects.filter(position__in=(2, 3)).order_by("position")
    AuditBatch.objects.filter(pk=second.pk).update(position=99)
    AuditBatch.objects.filter(pk=third.pk).update(position=2)
    AuditBatch.objects.filter(pk=second.pk).update(position=3)
    status, text = verify()
    assert status == 1
    assert "batch 2 of " in text
    assert "does not follow from the one before" in text


def test_a_gap_is_found_and_what_comes_after_it_is_still_compared(trail):
    gone = AuditBatch.objects.filter(position__in=(2, 3))
    AuditEvent.objects.filter(batch__in=list(gone.values_list("number", flat=True))).delete()
    gone.delete()
    events_of_batch(5).update(after="x")
    status, text = verify()
    assert status == 1
    assert f"account {trail.pk}: batches 2 to 3 are missing" in text
    assert "batch 5 of " in text
    assert "batch 4 of " not in text


def test_deleted_newest_batches_are_found(trail):
    newest = AuditBatch.objects.filter(position=5)
    AuditEvent.objects.filter(batch__in=list(newest.values_list("number", flat=True))).delete()
    newest.delete()
    assert "batch 5 is missing" in verify()[1]


def test_a_deleted_end_of_the_chain_is_found(trail):
    AuditChain.objects.all().delete()
    assert "the end of the chain was deleted" in verify()[1]


def test_an_altered_name_of_an_actor_is_found(trail):
    identity = AuditIdentity.objects.get()
    AuditIdentity.objects.update(name="Olivia Owner")
    status, text = verify()
    assert status == 1
    assert f"the name or the address of identity {identity.pk} was altered" in text


def test_an_erased_person_leaves_the_trail_verified(trail, now):
    AuditIdentity.objects.update(name="", email="", salt="", erased_at=now)
    assert verify()[0] == 0


def test_one_account_can_be_verified_alone(trail, actor, now):
    other = AccountFactory()
    audit.record_event(account=other, context=Context(actor, now), code="account.name", subject=other)
    link_batches([other.pk])
    AuditEvent.objects.filter(account=other).update(after="x")
    assert verify(f"--account={trail.pk}")[0] == 0
    assert verify(f"--account={other.pk}")[0] == 1


def test_events_without_an_account_have_a_chain_of_their_own(trail, as_superuser, actor, now):
    for address in ("a@example.com", "b@example.com"):
        audit.record_about_address(address, context=Context(actor, now), code="person.email")
    link_remaining()
    assert list(AuditBatch.objects.filter(account=None).order_by("pk").values_list("position", flat=True)) == [1, 2]
    AuditEvent.objects.filter(account=None, personal_text__label="a@example.com").update(reason="x")
    assert verify()[1].startswith("no account: batch 1 of ")


def test_a_statement_in_several_accounts_makes_a_batch_for_each(trail, actor, now):
    for _ in range(3):
        PhoneNumberFactory()
    recorded = audit.record_changes(
        PhoneNumber.objects.all(), context=Context(actor, now), code="number.retired", label="e164"
    )
    link_remaining()
    number = AuditEvent.objects.latest("pk").batch
    batches = AuditBatch.objects.filter(number=number)
    assert sum(batches.values_list("event_count", flat=True)) == len(recorded) == 7
    assert sorted(batches.values_list("position", flat=True)) == [1, 1, 1, 6]
    assert verify()[0] == 0


def test_recording_takes_the_same_number_of_queries_for_any_number_of_rows(
    account, numbers, actor, now, django_assert_num_queries
):
    def record(count: int) -> None:
        rows = PhoneNumber.objects.filter(pk__in=[number.pk for number in numbers[:count]])
        audit.record_changes(rows, context=Context(actor, now), code="number.at_risk", label="e164", after=F("label"))

    record(1)
    # The actor's identity, the events, the batch, and the webhooks' endpoints.
    for count in (1, 4):
        with django_assert_num_queries(4):
            record(count)


def test_linking_takes_the_same_number_of_queries_for_any_number_of_batches(
    trail, numbers, actor, now, django_assert_num_queries
):
    for count in (1, 4):
        for number in numbers[:count]:
            audit.record_event(account=trail, context=Context(actor, now), code="number.changed", subject=number)
        with django_assert_num_queries(7):  # two of them are for the savepoint of the test
            assert link_batches([trail.pk]) == count
    with django_assert_num_queries(1):
        assert link_batches([trail.pk]) == 0


def test_what_a_killed_process_left_unlinked_is_linked_and_verified(account, numbers, actor, now):
    audit.record_event(account=account, context=Context(actor, now), code="number.changed", subject=numbers[0])
    assert AuditBatch.objects.get().position is None
    assert verify() == (0, "1 events in 1 batches verified: nothing was altered.\n")
    assert AuditBatch.objects.get().position == 1


def test_the_heads_can_be_printed_and_change_with_each_batch(trail, numbers, actor, now):
    before = verify("--heads")[1]
    chain = AuditChain.objects.get()
    assert f"account {trail.pk} batch 5 {chain.hash}" in before
    audit.record_event(account=trail, context=Context(actor, now), code="number.changed", subject=numbers[0])
    assert f"account {trail.pk} batch 6 " in verify("--heads")[1]


def test_verification_needs_no_more_memory_for_more_events(account, numbers, actor, now):
    context = Context(actor, now)

    def verify_and_measure() -> int:
        tracemalloc.start()
        assert not list(Verification().run())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    def double(times: int) -> None:
        for _ in range(times):
            rows = PhoneNumber.objects.filter(account=account)
            audit.record_changes(rows, context=context, code="number.retired", label="e164", reason=Value("x" * 200))

    PhoneNumber.objects.bulk_create(
        PhoneNumber(account=account, e164=f"+1303555{n:04}", area_code="303", source="native") for n in range(1_500)
    )
    double(3)
    verify_and_measure()
    few = verify_and_measure()
    double(24)
    assert verify_and_measure() < 1.5 * few
