"""Bulk actions on many numbers: workers take the snapshot, and only numbers in it are changed."""

from unittest.mock import Mock

import pytest
from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from portal.accounts.licensing import Product
from portal.audit import Context
from portal.db.bulk import insert_rows
from portal.jobs.claims import LEASE_DURATION
from portal.models import AuditEvent
from reputation.bulk_actions import actions, snapshot
from reputation.bulk_actions.actions import apply, confirm, create_bulk_action
from reputation.bulk_actions.preview import get_preview
from reputation.bulk_actions.remove_number import remove_number
from reputation.bulk_actions.result import get_result
from reputation.bulk_actions.rules import ELIGIBILITY_RULES
from reputation.bulk_actions.selection import get_matching_numbers
from reputation.models import BulkAction, PhoneNumber, Registration
from reputation.monitoring import capability
from reputation.tasks.bulk_actions import apply_bulk_action, continue_bulk_actions, prepare_bulk_action
from tests.factories import LicenceFactory, MemberFactory, PhoneNumberFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

State = BulkAction.State
Capability = PhoneNumber.Capability


@pytest.fixture
def numbers(enrolled_account, campaign):
    return PhoneNumberFactory.create_batch(10, account=enrolled_account, campaign=campaign)


@pytest.fixture
def open_for_all(enrolled_account, actor, now, monkeypatch):
    """Return a function that creates a bulk action for all matching numbers, with a snapshot in chunks of three."""
    monkeypatch.setattr(snapshot, "CHUNK", 3)

    def open_for(expected, **chosen):
        return create_bulk_action(
            account=enrolled_account,
            context=Context(actor, now),
            action="enable",
            numbers=PhoneNumber.objects.for_account(enrolled_account),
            selects_all_matching=True,
            expected_count=expected,
            **chosen,
        )

    return open_for


def snapshot_ids(confirmation) -> list[int]:
    return list(confirmation.numbers.order_by("number").values_list("number", flat=True))


def test_large_window_opens_without_a_snapshot_and_cannot_be_confirmed_yet(open_for_all, numbers, actor, now):
    window = open_for_all(10)
    assert (window.state, snapshot_ids(window)) == (State.PREPARING, [])
    assert not confirm(window, context=Context(actor, now))
    assert set(PhoneNumber.objects.values_list("capability", flat=True)) == {"off"}


def test_worker_takes_the_snapshot_and_then_the_action_can_be_confirmed(open_for_all, numbers, actor, now):
    window = open_for_all(10)
    prepare_bulk_action(window.pk)
    window.refresh_from_db()
    assert (window.state, window.selected_count) == (State.READY, 10)
    looked = get_preview(window)
    assert (looked.total_count, looked.numbers, looked.selection_change) == (10, numbers, "")
    assert confirm(window, context=Context(actor, now))
    assert set(PhoneNumber.objects.values_list("capability", flat=True)) == {"verifying"}


def test_small_window_is_ready_immediately(open_for_all, numbers):
    few = numbers[:2]
    PhoneNumber.objects.exclude(pk__in=[number.pk for number in few]).delete()
    assert get_preview(open_for_all(2)).numbers == few


def test_snapshot_of_ticked_numbers_is_taken_immediately(enrolled_account, numbers, actor, now, monkeypatch):
    monkeypatch.setattr(snapshot, "CHUNK", 3)
    ticked = [number.pk for number in numbers[:6]]
    mine = PhoneNumber.objects.filter(pk__in=ticked)
    window = create_bulk_action(account=enrolled_account, context=Context(actor, now), action="enable", numbers=mine)
    assert (window.state, snapshot_ids(window)) == (State.READY, ticked)
    prepare_bulk_action(window.pk)
    assert snapshot_ids(window) == ticked


def test_another_worker_continues_the_snapshot_without_duplicates(open_for_all, numbers, now):
    window = open_for_all(10)
    question = ELIGIBILITY_RULES["enable"](window.account, None, now)
    snapshot.snapshot_chunk(window, get_matching_numbers(window, now), question)
    BulkAction.objects.update(lease_until=now + LEASE_DURATION)
    continue_bulk_actions()
    assert len(snapshot_ids(window)) == 3, "its lease still holds"
    BulkAction.objects.update(lease_until=None)
    continue_bulk_actions()
    window.refresh_from_db()
    assert (window.state, window.selected_count) == (State.READY, 10)
    assert snapshot_ids(window) == [number.pk for number in numbers]


def continue_snapshot(window) -> bool:
    return snapshot.continue_snapshot(BulkAction.objects.get(pk=window.pk), when_complete=lambda: None)


def test_worker_whose_claim_expired_writes_nothing_more(open_for_all, numbers, monkeypatch):
    """The worker stalls after its first chunk, and another completes the snapshot meanwhile."""
    window = open_for_all(10)
    results = []

    def stall(seconds: float) -> None:
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        BulkAction.objects.update(lease_until=timezone.now())
        results.append(continue_snapshot(window))

    monkeypatch.setattr("time.sleep", stall)
    results.append(continue_snapshot(window))
    assert results == [True, False]
    window.refresh_from_db()
    assert (window.state, window.selected_count) == (State.READY, 10)
    assert snapshot_ids(window) == [number.pk for number in numbers]


def test_refusals_are_counted_across_chunks(open_for_all, numbers, enrolled_account, now, actor):
    capability.enable([numbers[0].pk, numbers[7].pk], context=Context(actor, now))
    abroad = PhoneNumberFactory(account=enrolled_account, e164="+14165550143")
    window = open_for_all(11, excluded_ids=[numbers[4].pk])
    prepare_bulk_action(window.pk)
    window.refresh_from_db()
    looked = get_preview(window)
    assert {group.refusal.code: group.count for group in looked.refused} == {
        "being_verified": 2,
        "outside_united_states": 1,
    }
    assert (looked.total_count, window.selected_count, looked.removed_count) == (7, 10, 0)
    assert looked.refused[1].numbers == [abroad]
    assert numbers[4] not in looked.numbers


def test_seats_go_to_the_first_numbers_across_chunks(open_for_all, enrolled_account, now):
    LicenceFactory(account=enrolled_account, product=Product.MONITORING_SKU, seats=4)
    numbers = PhoneNumberFactory.create_batch(8, account=enrolled_account)
    window = open_for_all(8)
    prepare_bulk_action(window.pk)
    window.refresh_from_db()
    assert get_preview(window).numbers == numbers[:4]
    remove_number(window, numbers[1].pk)
    assert get_preview(window).numbers == [numbers[0], *numbers[2:5]]
    remove_number(window, numbers[6].pk)
    looked = get_preview(window)
    assert looked.numbers == [numbers[0], *numbers[2:5]]
    assert (looked.total_count, looked.refused_count, looked.removed_count) == (4, 2, 2)


def test_numbers_added_during_the_snapshot_are_shown_as_a_difference(open_for_all, numbers, enrolled_account, campaign):
    window = open_for_all(10)
    PhoneNumberFactory(account=enrolled_account, campaign=campaign)
    prepare_bulk_action(window.pk)
    window.refresh_from_db()
    assert get_preview(window).selection_change.startswith(
        "10 numbers matched when the page was shown, 11 when this window opened."
    )


def test_action_with_apply_immediately_is_applied_after_the_snapshot(open_for_all, numbers):
    window = open_for_all(10, apply_immediately=True)
    assert window.state == State.PREPARING
    prepare_bulk_action(window.pk)
    window.refresh_from_db()
    assert (window.state, window.applied_count) == (State.DONE, 10)


@pytest.mark.django_db(transaction=True)
def test_action_with_apply_immediately_is_never_left_between_its_snapshot_and_its_start(
    open_for_all, numbers, monkeypatch
):
    """A worker is killed when the snapshot is complete and the action is not yet confirmed."""
    monkeypatch.setattr(actions, "MAX_SYNCHRONOUS", 0)
    window = open_for_all(10, apply_immediately=True)
    with monkeypatch.context() as killed:
        killed.setattr(actions, "enqueue", Mock(side_effect=SystemExit))
        with pytest.raises(SystemExit):
            prepare_bulk_action(window.pk)
    window.refresh_from_db()
    assert (window.state, window.selected_count) == (State.PREPARING, 9)
    continue_bulk_actions()
    apply_bulk_action(window.pk)
    window.refresh_from_db()
    assert (window.state, window.applied_count) == (State.DONE, 10)


@pytest.mark.django_db(transaction=True)
def test_action_with_apply_immediately_is_not_created_without_being_confirmed(open_for_all, numbers, monkeypatch):
    monkeypatch.setattr(snapshot, "CHUNK", 20)
    monkeypatch.setattr(actions, "MAX_SYNCHRONOUS", 0)
    monkeypatch.setattr(actions, "enqueue", Mock(side_effect=SystemExit))
    with pytest.raises(SystemExit):
        open_for_all(10, apply_immediately=True)
    assert not BulkAction.objects.exists()


def test_stopped_bulk_action_leaves_the_rest_unchanged_and_says_so(
    open_for_all, numbers, as_admin, actor, now, monkeypatch
):
    monkeypatch.setattr(actions, "MAX_SYNCHRONOUS", 0)
    monkeypatch.setattr(actions, "CHUNK", 4)
    window = open_for_all(10)
    prepare_bulk_action(window.pk)
    window.refresh_from_db()
    confirm(window, context=Context(actor, now))
    monkeypatch.setattr(actions, "BUDGET_SECONDS", -1)
    assert not apply(window, context=Context(actor, now))
    answer = as_admin.post(reverse("bulk-action-stop", args=[window.pk]), follow=True)
    assert "It was stopped. Enabled 4 numbers of 10." in get_html(answer)
    apply_bulk_action(window.pk)
    continue_bulk_actions()
    assert PhoneNumber.objects.filter(capability="verifying").count() == 4


def test_running_worker_notices_that_the_action_was_stopped(open_for_all, numbers, actor, now, monkeypatch):
    monkeypatch.setattr(actions, "MAX_SYNCHRONOUS", 0)
    monkeypatch.setattr(actions, "CHUNK", 4)
    window = open_for_all(10)
    prepare_bulk_action(window.pk)
    window.refresh_from_db()
    confirm(window, context=Context(actor, now))
    monkeypatch.setattr("time.sleep", lambda seconds: actions.stop(window, now=now))
    apply(BulkAction.objects.get(pk=window.pk), context=Context(actor, now))
    window.refresh_from_db()
    assert (window.state, window.is_stopped, window.applied_count) == (State.DONE, True, 4)


def test_snapshot_in_progress_can_be_stopped(open_for_all, numbers, as_admin):
    window = open_for_all(10)
    page = get_html(as_admin.get(reverse("bulk-action", args=[window.pk])))
    assert "The numbers are being listed" in page
    assert "Enable 10" not in page
    as_admin.post(reverse("bulk-action-stop", args=[window.pk]))
    prepare_bulk_action(window.pk)
    assert snapshot_ids(window) == []


def test_bulk_action_of_another_account_is_not_found(open_for_all, numbers, client_for):
    window = open_for_all(10)
    foreign = client_for(MemberFactory(role="admin"))
    assert foreign.post(reverse("bulk-action-stop", args=[window.pk])).status_code == 404


def test_confirming_100_000_numbers_enables_exactly_those_still_allowed(enrolled_account, campaign, actor, now):
    """Of the 50, somebody else enabled 20, removed 10, relabelled 10, and unassigned 10 from the campaign."""
    row = {"account_id": enrolled_account.pk, "region": "US", "kind": "geographic", "campaign_id": campaign.pk}
    for start in range(2_000_000, 2_100_000, 20_000):
        e164s = (f"+1307{place}" for place in range(start, start + 20_000))
        insert_rows(PhoneNumber, [row | {"e164": e164, "label": "Old"} for e164 in e164s])
    window = create_bulk_action(
        account=enrolled_account,
        context=Context(actor, now),
        action="enable",
        numbers=PhoneNumber.objects.for_account(enrolled_account),
        selects_all_matching=True,
        expected_count=100_000,
    )
    prepare_bulk_action(window.pk)
    window.refresh_from_db()
    shown = set(snapshot_ids(window))
    assert get_preview(window).button_label == "Enable 100,000 numbers"
    changed = sorted(shown)[1::2_000]
    enabled, removed, relabelled, moved = changed[:20], changed[20:30], changed[30:40], changed[40:]
    capability.enable(enabled, context=Context(actor, now))
    PhoneNumber.objects.filter(pk__in=removed).update(removed_at=now)
    PhoneNumber.objects.filter(pk__in=relabelled).update(label="New")
    PhoneNumber.objects.filter(pk__in=moved).update(campaign=None)
    new = PhoneNumberFactory.create_batch(3, account=enrolled_account, campaign=campaign)
    confirm(window, context=Context(actor, now))
    while window.state != State.DONE:
        apply(window, context=Context(actor, now))
    acted_on = set(Registration.objects.values_list("number", flat=True)) - set(enabled)
    # Numbers outside campaigns need a seat, and none is free.
    assert acted_on == shown - {*enabled, *removed, *moved}
    assert (window.applied_count, window.skipped_count) == (99_960, 40)
    added = PhoneNumber.objects.filter(pk__in=[number.pk for number in new])
    assert set(added.values_list("capability", flat=True)) == {"off"}
    said = get_result(window)
    assert said.summary == "Enabled 99,960 numbers."
    assert (said.skipped_count, [number.pk for number in said.first_skipped]) == (40, enabled[:5])
    assert (said.newly_matching_count, said.first_newly_matching) == (3, new)
    events = AuditEvent.objects.filter(code="capability.verifying").values("subject_id").annotate(Count("pk"))
    assert events.filter(pk__count__gt=1).count() == 0
