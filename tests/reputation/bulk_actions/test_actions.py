"""Row 6: the confirmation window lists what was selected, each can be taken out with an X, and it is done once."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.accounts.licensing import Product
from portal.audit import Actor, Context
from portal.models import AuditEvent
from reputation.bulk_actions import actions
from reputation.bulk_actions.actions import apply, confirm, create_bulk_action, get_preview, get_result
from reputation.bulk_actions.snapshot import remove_number
from reputation.models import BulkAction, BulkActionNumber, PhoneNumber
from reputation.monitoring import capability
from tests.factories import (
    AccountFactory,
    CampaignFactory,
    LicenceFactory,
    MemberFactory,
    PhoneNumberFactory,
)

pytestmark = pytest.mark.django_db

Capability = PhoneNumber.Capability


@pytest.fixture
def campaign(enrolled_account):
    return CampaignFactory(account=enrolled_account)


@pytest.fixture
def numbers(enrolled_account, campaign):
    return PhoneNumberFactory.create_batch(6, account=enrolled_account, campaign=campaign)


@pytest.fixture
def open_bulk_action(enrolled_account, actor, now):
    """Opens a window for numbers (or all) of the account."""

    def open_for(numbers=None, action="enable", **chosen):
        queryset = PhoneNumber.objects.for_account(enrolled_account)
        if numbers is not None:
            queryset = queryset.filter(pk__in=[number.pk for number in numbers])
        return create_bulk_action(
            account=enrolled_account, context=Context(actor, now), action=action, numbers=queryset, **chosen
        )

    return open_for


def stored_capabilities(numbers) -> list[str]:
    return list(
        PhoneNumber.objects.filter(pk__in=[number.pk for number in numbers])
        .order_by("pk")
        .values_list("capability", flat=True)
    )


def test_row_6_the_window_lists_the_selected_numbers_and_enable_does_it(open_bulk_action, numbers, actor, now):
    shown = open_bulk_action(numbers[:4])
    assert [number.pk for number in get_preview(shown).shown] == [number.pk for number in numbers[:4]]
    assert get_preview(shown).button == "Enable 4 numbers"
    assert confirm(shown, context=Context(actor, now))
    assert stored_capabilities(numbers) == ["verifying"] * 4 + ["off"] * 2


def test_row_6_a_number_that_was_taken_out_is_left_alone(open_bulk_action, numbers, actor, now):
    shown = open_bulk_action(numbers[:3])
    assert remove_number(shown, numbers[1].pk)
    assert get_preview(shown).button == "Enable 2 numbers"
    confirm(shown, context=Context(actor, now))
    assert stored_capabilities(numbers[:3]) == ["verifying", "off", "verifying"]


def test_row_15_disable_switches_the_chosen_numbers_off(open_bulk_action, numbers, actor, now):
    capability.enable([number.pk for number in numbers], context=Context(actor, now))
    confirm(open_bulk_action(numbers[:2], action="disable"), context=Context(actor, now))
    assert stored_capabilities(numbers) == ["off", "off"] + ["verifying"] * 4


def test_each_number_that_cannot_be_enabled_stands_apart_with_its_reason(
    open_bulk_action, numbers, enrolled_account, campaign
):
    canadian = PhoneNumberFactory(account=enrolled_account, campaign=campaign, e164="+14165550123")
    without_seat = PhoneNumberFactory(account=enrolled_account)
    on = PhoneNumberFactory(account=enrolled_account, campaign=campaign, capability=Capability.ON)
    looked = get_preview(open_bulk_action())
    assert {group.refusal.code: group.numbers for group in looked.refused} == {
        "already_on": [on],
        "outside_united_states": [canadian],
        "no_free_seat": [without_seat],
    }
    assert looked.to_do == len(numbers)
    assert looked.sentence.startswith("6 numbers will be verified and then monitored. 3 of the 9 you chose cannot")


def test_free_seats_go_to_the_first_numbers_and_a_seat_given_back_to_the_next(enrolled_account, open_bulk_action, now):
    LicenceFactory(account=enrolled_account, product=Product.MONITORING_SKU, seats=2)
    numbers = PhoneNumberFactory.create_batch(4, account=enrolled_account)
    shown = open_bulk_action(numbers)
    assert get_preview(shown).shown == numbers[:2]
    remove_number(shown, numbers[0].pk)
    assert get_preview(shown).shown == numbers[1:3]


def test_two_windows_share_the_seats(enrolled_account, open_bulk_action, actor, now):
    LicenceFactory(account=enrolled_account, product=Product.MONITORING_SKU, seats=1)
    first, second = PhoneNumberFactory.create_batch(2, account=enrolled_account)
    windows = open_bulk_action([first]), open_bulk_action([second])
    for shown in windows:
        confirm(shown, context=Context(actor, now))
    assert stored_capabilities([first, second]) == ["verifying", "off"]
    assert get_result(windows[1]).left_alone_first == [second]


def test_a_second_confirmation_does_nothing_and_shows_what_was_done(open_bulk_action, numbers, actor, now):
    shown = open_bulk_action(numbers)
    assert confirm(shown, context=Context(actor, now))
    events = AuditEvent.objects.count()
    capability.disable([numbers[0].pk], context=Context(actor, now))
    assert not confirm(shown, context=Context(actor, now))
    assert stored_capabilities(numbers)[0] == "off"
    assert AuditEvent.objects.count() == events + 1
    assert get_result(shown).done == "Enabled 6 numbers."


def test_a_number_cannot_be_taken_out_of_a_confirmed_window(open_bulk_action, numbers, actor, now):
    shown = open_bulk_action(numbers)
    confirm(shown, context=Context(actor, now))
    assert not remove_number(shown, numbers[0].pk)
    assert get_result(shown).done == "Enabled 6 numbers."


def test_what_somebody_else_changed_meanwhile_is_left_alone_and_named(open_bulk_action, numbers, actor, now):
    shown = open_bulk_action(numbers)
    capability.enable([numbers[2].pk], context=Context(actor, now))
    PhoneNumber.objects.filter(pk=numbers[3].pk).update(removed_at=now)
    confirm(shown, context=Context(actor, now))
    found = get_result(shown)
    assert found.done == "Enabled 4 numbers."
    assert found.left_alone_first == [numbers[2], numbers[3]]


def test_all_that_match_is_bound_to_what_was_shown_and_names_what_came_since(
    open_bulk_action, numbers, enrolled_account, campaign, actor, now
):
    shown = open_bulk_action(all_that_match=True, chosen_by="capability=off", expected=6)
    late = PhoneNumberFactory(account=enrolled_account, campaign=campaign)
    confirm(shown, context=Context(actor, now))
    assert stored_capabilities([late]) == ["off"]
    assert get_result(shown).grown_first == [late]


def test_unticked_numbers_are_left_out_of_all_that_match(open_bulk_action, numbers, actor, now):
    shown = open_bulk_action(all_that_match=True, left_out=[numbers[0].pk], expected=5)
    assert shown.chosen == 5
    assert get_preview(shown).drift == ""
    confirm(shown, context=Context(actor, now))
    assert stored_capabilities(numbers)[0] == "off"
    assert get_result(shown).grown == 0


def test_the_window_says_when_more_match_than_the_page_had_counted(open_bulk_action, numbers):
    assert get_preview(open_bulk_action(all_that_match=True, expected=4)).drift.startswith(
        "4 numbers matched when the page was shown, 6"
    )


def test_the_search_finds_a_number_of_the_window_by_any_part_of_it(open_bulk_action, numbers):
    looked = get_preview(open_bulk_action(numbers), search=numbers[4].e164[-5:])
    assert looked.shown == [numbers[4]]
    assert looked.to_do == 6


def test_many_numbers_go_to_the_workers_and_a_killed_worker_is_followed(
    open_bulk_action, numbers, actor, now, monkeypatch
):
    monkeypatch.setattr(actions, "MAX_SYNCHRONOUS", 3)
    monkeypatch.setattr(actions, "CHUNK", 2)
    shown = open_bulk_action(numbers)
    confirm(shown, context=Context(actor, now))
    assert shown.state == BulkAction.State.APPLYING
    assert stored_capabilities(numbers) == ["off"] * 6
    # A worker did one chunk and died with the lease in its hand.
    actions._apply_chunk(shown, context=Context(actor, now))
    assert stored_capabilities(numbers) == ["verifying"] * 2 + ["off"] * 4
    assert not apply(shown, context=Context(actor, now)), "its lease still holds"
    assert apply(shown, context=Context(actor, now + actions.LEASE))
    assert stored_capabilities(numbers) == ["verifying"] * 6
    assert (shown.applied, shown.left_alone) == (6, 0)


def test_the_window_costs_the_same_queries_for_5_and_for_500_numbers(open_bulk_action, enrolled_account, campaign):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            shown = get_preview(open_bulk_action()).shown
        assert shown
        return len(captured)

    PhoneNumberFactory.create_batch(5, account=enrolled_account, campaign=campaign)
    few = queries()
    PhoneNumberFactory.create_batch(495, account=enrolled_account, campaign=campaign)
    assert queries() == few
    assert len(get_preview(open_bulk_action()).shown) == actions.MAX_LISTED


@pytest.mark.parametrize("action", ["enable", "disable", "assign", "unassign"])
def test_confirming_costs_the_same_queries_for_5_and_for_500_numbers(enrolled_account, campaign, actor, now, action):
    def queries(count: int) -> int:
        fields = {"capability": Capability.ON} if action == "disable" else {}
        mine = None if action == "assign" else campaign
        numbers = PhoneNumberFactory.create_batch(count, account=enrolled_account, campaign=mine, **fields)
        shown = create_bulk_action(
            account=enrolled_account,
            context=Context(actor, now),
            action=action,
            numbers=PhoneNumber.objects.filter(pk__in=[number.pk for number in numbers]),
            campaign=campaign if "assign" in action else None,
        )
        with CaptureQueriesContext(connection) as captured:
            confirm(shown, context=Context(actor, now))
        shown.refresh_from_db()
        assert shown.applied == count
        return len(captured)

    assert queries(5) == queries(500)


def test_the_page_opens_takes_out_confirms_and_says_what_was_done(as_admin, numbers):
    opened = as_admin.post(
        reverse("confirm"), {"action": "enable", "number": [number.pk for number in numbers[:3]]}, follow=True
    )
    confirmation = BulkAction.objects.get()
    assert "Enable 3 numbers" in opened.content.decode()
    page = as_admin.post(
        reverse("confirmation-take-out", args=[confirmation.pk]), {"number": numbers[0].pk}, follow=True
    ).content.decode()
    assert "Enable 2 numbers" in page
    for _twice in range(2):
        page = as_admin.post(reverse("confirmation-apply", args=[confirmation.pk]), follow=True).content.decode()
        assert "Enabled 2 numbers." in page
    assert stored_capabilities(numbers[:3]) == ["off", "verifying", "verifying"]


def test_all_that_match_is_sent_as_the_filter_and_never_as_ids(as_admin, numbers):
    as_admin.post(
        reverse("confirm"), {"action": "enable", "all": "1", "filter": f"q={numbers[5].e164[-4:]}", "expected": "1"}
    )
    assert list(BulkActionNumber.objects.values_list("number", flat=True)) == [numbers[5].pk]


def test_nothing_selected_is_said_and_opens_no_window(as_admin, enrolled_account):
    page = as_admin.post(reverse("confirm"), {"action": "enable"}, follow=True).content.decode()
    assert "Nothing is selected" in page


def test_another_accounts_numbers_are_never_in_the_window(as_admin, numbers):
    foreign = PhoneNumberFactory()
    as_admin.post(reverse("confirm"), {"action": "enable", "number": [numbers[0].pk, foreign.pk]})
    assert list(BulkActionNumber.objects.values_list("number", flat=True)) == [numbers[0].pk]


def test_another_accounts_campaign_is_not_found(as_admin, numbers):
    foreign = CampaignFactory(account=AccountFactory())
    answer = as_admin.post(reverse("confirm"), {"action": "assign", "campaign": foreign.pk, "number": numbers[0].pk})
    assert answer.status_code == 404


@pytest.mark.parametrize("action", ["", "explode"])
def test_an_action_that_does_not_exist_is_not_found(as_admin, numbers, action):
    assert as_admin.post(reverse("confirm"), {"action": action, "number": numbers[0].pk}).status_code == 404


def test_a_viewer_is_refused(as_viewer, open_bulk_action, numbers):
    shown = open_bulk_action(numbers)
    assert as_viewer.post(reverse("confirm"), {"action": "enable", "number": numbers[0].pk}).status_code == 403
    assert as_viewer.post(reverse("confirmation-apply", args=[shown.pk])).status_code == 403
    assert stored_capabilities(numbers) == ["off"] * 6


def test_the_audit_trail_names_who_confirmed_though_a_worker_did_it(open_bulk_action, numbers, admin, now, monkeypatch):
    monkeypatch.setattr(actions, "MAX_SYNCHRONOUS", 0)
    shown = open_bulk_action(numbers[:1])
    confirm(shown, context=Context(Actor(user=admin.user, via="web"), now))
    from reputation.tasks.bulk_actions import apply_bulk_action

    other = MemberFactory(account=shown.account)
    assert other.user != admin.user
    apply_bulk_action(shown.pk)
    event = AuditEvent.objects.get(what="capability.verifying")
    assert (event.actor, event.after) == (admin.user, "verifying")
