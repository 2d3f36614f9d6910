"""Row 6: the confirmation window lists the selected numbers, an X removes one, and the action is applied once."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from portal.accounts.licensing import Product
from portal.audit import Actor, Context
from portal.jobs.claims import LEASE_DURATION
from portal.models import AuditEvent
from reputation.bulk_actions import actions
from reputation.bulk_actions.actions import apply, confirm, create_bulk_action
from reputation.bulk_actions.preview import get_preview
from reputation.bulk_actions.remove_number import remove_number
from reputation.bulk_actions.result import get_result
from reputation.models import BulkAction, PhoneNumber
from reputation.monitoring import capability
from tests.factories import CampaignFactory, LicenceFactory, MemberFactory, PhoneNumberFactory

pytestmark = pytest.mark.django_db

Capability = PhoneNumber.Capability


def stored_capabilities(numbers) -> list[str]:
    return list(
        PhoneNumber.objects.filter(pk__in=[number.pk for number in numbers])
        .order_by("pk")
        .values_list("capability", flat=True)
    )


def test_row_6_window_lists_the_selected_numbers_and_enable_enables_them(open_bulk_action, numbers, actor, now):
    shown = open_bulk_action(numbers[:4])
    assert [number.pk for number in get_preview(shown).numbers] == [number.pk for number in numbers[:4]]
    assert get_preview(shown).button_label == "Enable 4 numbers"
    assert confirm(shown, context=Context(actor, now))
    assert stored_capabilities(numbers) == ["verifying"] * 4 + ["off"] * 2


def test_row_6_number_removed_from_the_window_is_not_enabled(open_bulk_action, numbers, actor, now):
    shown = open_bulk_action(numbers[:3])
    assert remove_number(shown, numbers[1].pk)
    assert get_preview(shown).button_label == "Enable 2 numbers"
    confirm(shown, context=Context(actor, now))
    assert stored_capabilities(numbers[:3]) == ["verifying", "off", "verifying"]


def test_row_15_disable_switches_the_selected_numbers_off(open_bulk_action, numbers, actor, now):
    capability.enable([number.pk for number in numbers], context=Context(actor, now))
    confirm(open_bulk_action(numbers[:2], action="disable"), context=Context(actor, now))
    assert stored_capabilities(numbers) == ["off", "off"] + ["verifying"] * 4


def test_numbers_that_cannot_be_enabled_are_listed_by_reason(open_bulk_action, numbers, enrolled_account, campaign):
    canadian = PhoneNumberFactory(account=enrolled_account, campaign=campaign, e164="+14165550123")
    without_seat = PhoneNumberFactory(account=enrolled_account)
    on = PhoneNumberFactory(account=enrolled_account, campaign=campaign, capability=Capability.ON)
    looked = get_preview(open_bulk_action())
    assert {group.refusal.code: group.numbers for group in looked.refused} == {
        "already_on": [on],
        "outside_united_states": [canadian],
        "no_free_seat": [without_seat],
    }
    assert looked.total_count == len(numbers)
    assert looked.summary.startswith("6 numbers will be verified and then monitored. 3 of the 9 you chose cannot")


def test_free_seats_go_to_the_first_numbers_and_a_released_seat_to_the_next(enrolled_account, open_bulk_action, now):
    LicenceFactory(account=enrolled_account, product=Product.MONITORING_SKU, seats=2)
    numbers = PhoneNumberFactory.create_batch(4, account=enrolled_account)
    shown = open_bulk_action(numbers)
    assert get_preview(shown).numbers == numbers[:2]
    remove_number(shown, numbers[0].pk)
    assert get_preview(shown).numbers == numbers[1:3]


def test_two_bulk_actions_share_the_free_seats(enrolled_account, open_bulk_action, actor, now):
    LicenceFactory(account=enrolled_account, product=Product.MONITORING_SKU, seats=1)
    first, second = PhoneNumberFactory.create_batch(2, account=enrolled_account)
    windows = open_bulk_action([first]), open_bulk_action([second])
    for shown in windows:
        confirm(shown, context=Context(actor, now))
    assert stored_capabilities([first, second]) == ["verifying", "off"]
    assert get_result(windows[1]).first_skipped == [second]


def test_second_confirmation_changes_nothing_and_shows_the_result(open_bulk_action, numbers, actor, now):
    shown = open_bulk_action(numbers)
    assert confirm(shown, context=Context(actor, now))
    events = AuditEvent.objects.count()
    capability.disable([numbers[0].pk], context=Context(actor, now))
    assert not confirm(shown, context=Context(actor, now))
    assert stored_capabilities(numbers)[0] == "off"
    assert AuditEvent.objects.count() == events + 1
    assert get_result(shown).summary == "Enabled 6 numbers."


def test_number_cannot_be_removed_from_a_confirmed_window(open_bulk_action, numbers, actor, now):
    shown = open_bulk_action(numbers)
    confirm(shown, context=Context(actor, now))
    assert not remove_number(shown, numbers[0].pk)
    assert get_result(shown).summary == "Enabled 6 numbers."


def test_numbers_changed_meanwhile_are_skipped_and_listed(open_bulk_action, numbers, actor, now):
    shown = open_bulk_action(numbers)
    capability.enable([numbers[2].pk], context=Context(actor, now))
    PhoneNumber.objects.filter(pk=numbers[3].pk).update(removed_at=now)
    confirm(shown, context=Context(actor, now))
    found = get_result(shown)
    assert found.summary == "Enabled 4 numbers."
    assert found.first_skipped == [numbers[2], numbers[3]]


def test_selection_of_all_matching_skips_and_lists_numbers_added_later(
    open_bulk_action, numbers, enrolled_account, campaign, actor, now
):
    shown = open_bulk_action(selects_all_matching=True, filter_query="capability=off", expected_count=6)
    late = PhoneNumberFactory(account=enrolled_account, campaign=campaign)
    confirm(shown, context=Context(actor, now))
    assert stored_capabilities([late]) == ["off"]
    assert get_result(shown).first_newly_matching == [late]


def test_unticked_numbers_are_excluded_from_all_matching(open_bulk_action, numbers, actor, now):
    shown = open_bulk_action(selects_all_matching=True, excluded_ids=[numbers[0].pk], expected_count=5)
    assert shown.selected_count == 5
    assert get_preview(shown).selection_change == ""
    confirm(shown, context=Context(actor, now))
    assert stored_capabilities(numbers)[0] == "off"
    assert get_result(shown).newly_matching_count == 0


def test_window_says_when_more_numbers_match_than_the_page_counted(open_bulk_action, numbers):
    assert get_preview(open_bulk_action(selects_all_matching=True, expected_count=4)).selection_change.startswith(
        "4 numbers matched when the page was shown, 6"
    )


def test_search_finds_a_number_of_the_window_by_any_part(open_bulk_action, numbers):
    looked = get_preview(open_bulk_action(numbers), search=numbers[4].e164[-5:])
    assert looked.numbers == [numbers[4]]
    assert looked.total_count == 6


def test_many_numbers_are_applied_by_a_worker_and_by_another_after_it_was_killed(
    open_bulk_action, numbers, actor, now, monkeypatch
):
    monkeypatch.setattr(actions, "MAX_SYNCHRONOUS", 3)
    monkeypatch.setattr(actions, "CHUNK", 2)
    shown = open_bulk_action(numbers)
    confirm(shown, context=Context(actor, now))
    assert shown.state == BulkAction.State.APPLYING
    assert stored_capabilities(numbers) == ["off"] * 6
    with monkeypatch.context() as patch:
        patch.setattr("time.sleep", _raise_system_exit)
        with pytest.raises(SystemExit):
            apply(shown, context=Context(actor, now))
    # A killed worker does not release its claim.
    BulkAction.objects.update(lease_until=now + LEASE_DURATION, lease_token="of the dead")
    assert stored_capabilities(numbers) == ["verifying"] * 2 + ["off"] * 4
    assert not apply(shown, context=Context(actor, now)), "its lease still holds"
    assert apply(shown, context=Context(actor, now + LEASE_DURATION))
    assert stored_capabilities(numbers) == ["verifying"] * 6
    assert (shown.applied_count, shown.skipped_count) == (6, 0)


def _raise_system_exit(seconds: float) -> None:
    raise SystemExit


@pytest.mark.parametrize("successor_finishes", [False, True])
def test_worker_whose_claim_expired_changes_nothing(
    open_bulk_action, numbers, actor, now, monkeypatch, successor_finishes
):
    """The worker stalls after its first chunk. Another applies the next chunk, or all of the rest."""
    monkeypatch.setattr(actions, "MAX_SYNCHRONOUS", 0)
    monkeypatch.setattr(actions, "CHUNK", 2)
    bulk_action = open_bulk_action(numbers)
    confirm(bulk_action, context=Context(actor, now))
    # After the expiry of the claim that the first worker renewed with its first chunk.
    later = Context(actor, timezone.now() + LEASE_DURATION + timedelta(seconds=60))
    applied_by_successor = []

    def stall(seconds: float) -> None:
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        with monkeypatch.context() as patch:
            patch.setattr(actions, "BUDGET_SECONDS", 50 if successor_finishes else -1)
            apply(BulkAction.objects.get(pk=bulk_action.pk), context=later)
        applied_by_successor.append(stored_capabilities(numbers).count("verifying"))

    monkeypatch.setattr("time.sleep", stall)
    apply(BulkAction.objects.get(pk=bulk_action.pk), context=Context(actor, now))
    assert applied_by_successor == [6 if successor_finishes else 4]
    assert stored_capabilities(numbers).count("verifying") == applied_by_successor[0]
    bulk_action.refresh_from_db()
    assert bulk_action.applied_count == applied_by_successor[0]
    apply(bulk_action, context=later)
    bulk_action.refresh_from_db()
    assert (bulk_action.state, bulk_action.applied_count, bulk_action.skipped_count) == ("done", 6, 0)
    assert stored_capabilities(numbers) == ["verifying"] * 6
    assert AuditEvent.objects.filter(code="capability.verifying").count() == 6


@pytest.mark.django_db(transaction=True)
def test_chunk_that_outlasts_its_claim_is_applied_once(enrolled_account, actor, now, monkeypatch):
    """The first worker stalls within a chunk, longer than its claim, and a second one tries to take over."""
    monkeypatch.setattr(actions, "MAX_SYNCHRONOUS", 0)
    monkeypatch.setattr(actions, "CHUNK", 2)
    campaign = CampaignFactory(account=enrolled_account)
    numbers = PhoneNumberFactory.create_batch(6, account=enrolled_account, campaign=campaign)
    bulk_action = create_bulk_action(
        account=enrolled_account, context=Context(actor, now), action="enable", numbers=PhoneNumber.objects.all()
    )
    confirm(bulk_action, context=Context(actor, now))
    is_in_chunk, enable = threading.Event(), capability.enable

    def enable_slowly(ids, *, context):
        changed = enable(ids, context=context)
        if not is_in_chunk.is_set():
            is_in_chunk.set()
            second.join(2)  # on both databases it waits for this chunk to commit
        return changed

    def take_over() -> None:
        is_in_chunk.wait(60)
        try:
            apply(BulkAction.objects.get(pk=bulk_action.pk), context=Context(actor, now + 2 * LEASE_DURATION))
        finally:
            connections.close_all()

    monkeypatch.setattr(capability, "enable", enable_slowly)
    second = threading.Thread(target=take_over)
    second.start()
    apply(BulkAction.objects.get(pk=bulk_action.pk), context=Context(actor, now))
    second.join(60)
    assert not second.is_alive()
    apply(BulkAction.objects.get(pk=bulk_action.pk), context=Context(actor, now + 4 * LEASE_DURATION))
    bulk_action.refresh_from_db()
    assert (bulk_action.state, bulk_action.applied_count, bulk_action.skipped_count) == ("done", 6, 0)
    assert stored_capabilities(numbers) == ["verifying"] * 6
    assert AuditEvent.objects.filter(code="capability.verifying").count() == 6


def test_audit_trail_names_the_confirming_user_when_a_worker_applies(
    open_bulk_action, numbers, admin, now, monkeypatch
):
    monkeypatch.setattr(actions, "MAX_SYNCHRONOUS", 0)
    shown = open_bulk_action(numbers[:1])
    confirm(shown, context=Context(Actor(user=admin.user, via="web"), now))
    from reputation.tasks.bulk_actions import apply_bulk_action

    other = MemberFactory(account=shown.account)
    assert other.user != admin.user
    apply_bulk_action(shown.pk)
    event = AuditEvent.objects.get(code="capability.verifying")
    assert (event.actor, event.after) == (admin.user, "verifying")
