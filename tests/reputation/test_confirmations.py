"""Row 6: the confirmation window lists what was selected, each can be taken out with an X, and it is done once."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.accounts.licensing import Product
from portal.audit import Actor
from portal.models import AuditEvent
from reputation.bulk_actions import actions
from reputation.bulk_actions.actions import apply, confirm, difference, look_at, open_window
from reputation.bulk_actions.snapshot import take_out
from reputation.models import Confirmation, ConfirmationNumber, PhoneNumber
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
def campaign(enrolled):
    return CampaignFactory(account=enrolled)


@pytest.fixture
def numbers(enrolled, campaign):
    return PhoneNumberFactory.create_batch(6, account=enrolled, campaign=campaign)


@pytest.fixture
def window(enrolled, actor, now):
    """Opens a window for numbers (or all) of the account."""

    def open_for(numbers=None, action="enable", **chosen):
        queryset = PhoneNumber.objects.for_account(enrolled)
        if numbers is not None:
            queryset = queryset.filter(pk__in=[number.pk for number in numbers])
        return open_window(account=enrolled, actor=actor, action=action, numbers=queryset, now=now, **chosen)

    return open_for


def states(numbers) -> list[str]:
    return list(
        PhoneNumber.objects.filter(pk__in=[number.pk for number in numbers])
        .order_by("pk")
        .values_list("capability", flat=True)
    )


def test_row_6_the_window_lists_the_selected_numbers_and_enable_does_it(window, numbers, actor, now):
    shown = window(numbers[:4])
    assert [number.pk for number in look_at(shown).shown] == [number.pk for number in numbers[:4]]
    assert look_at(shown).button == "Enable 4 numbers"
    assert confirm(shown, actor=actor, now=now)
    assert states(numbers) == ["verifying"] * 4 + ["off"] * 2


def test_row_6_a_number_that_was_taken_out_is_left_alone(window, numbers, actor, now):
    shown = window(numbers[:3])
    assert take_out(shown, numbers[1].pk)
    assert look_at(shown).button == "Enable 2 numbers"
    confirm(shown, actor=actor, now=now)
    assert states(numbers[:3]) == ["verifying", "off", "verifying"]


def test_row_15_disable_switches_the_chosen_numbers_off(window, numbers, actor, now):
    capability.enable([number.pk for number in numbers], actor=actor, now=now)
    confirm(window(numbers[:2], action="disable"), actor=actor, now=now)
    assert states(numbers) == ["off", "off"] + ["verifying"] * 4


def test_each_number_that_cannot_be_enabled_stands_apart_with_its_reason(window, numbers, enrolled, campaign):
    canadian = PhoneNumberFactory(account=enrolled, campaign=campaign, e164="+14165550123")
    without_seat = PhoneNumberFactory(account=enrolled)
    on = PhoneNumberFactory(account=enrolled, campaign=campaign, capability=Capability.ON)
    looked = look_at(window())
    assert {group.refusal.code: group.numbers for group in looked.refused} == {
        "already_on": [on],
        "outside_united_states": [canadian],
        "no_free_seat": [without_seat],
    }
    assert looked.to_do == len(numbers)
    assert looked.sentence.startswith("6 numbers will be verified and then monitored. 3 of the 9 you chose cannot")


def test_free_seats_go_to_the_first_numbers_and_a_seat_given_back_to_the_next(enrolled, window, now):
    LicenceFactory(account=enrolled, product=Product.MONITORING_SKU, seats=2)
    numbers = PhoneNumberFactory.create_batch(4, account=enrolled)
    shown = window(numbers)
    assert look_at(shown).shown == numbers[:2]
    take_out(shown, numbers[0].pk)
    assert look_at(shown).shown == numbers[1:3]


def test_two_windows_share_the_seats(enrolled, window, actor, now):
    LicenceFactory(account=enrolled, product=Product.MONITORING_SKU, seats=1)
    first, second = PhoneNumberFactory.create_batch(2, account=enrolled)
    windows = window([first]), window([second])
    for shown in windows:
        confirm(shown, actor=actor, now=now)
    assert states([first, second]) == ["verifying", "off"]
    assert difference(windows[1]).left_alone_first == [second]


def test_a_second_confirmation_does_nothing_and_shows_what_was_done(window, numbers, actor, now):
    shown = window(numbers)
    assert confirm(shown, actor=actor, now=now)
    events = AuditEvent.objects.count()
    capability.disable([numbers[0].pk], actor=actor, now=now)
    assert not confirm(shown, actor=actor, now=now)
    assert states(numbers)[0] == "off"
    assert AuditEvent.objects.count() == events + 1
    assert difference(shown).done == "Enabled 6 numbers."


def test_a_number_cannot_be_taken_out_of_a_confirmed_window(window, numbers, actor, now):
    shown = window(numbers)
    confirm(shown, actor=actor, now=now)
    assert not take_out(shown, numbers[0].pk)
    assert difference(shown).done == "Enabled 6 numbers."


def test_what_somebody_else_changed_meanwhile_is_left_alone_and_named(window, numbers, actor, now):
    shown = window(numbers)
    capability.enable([numbers[2].pk], actor=actor, now=now)
    PhoneNumber.objects.filter(pk=numbers[3].pk).update(removed_at=now)
    confirm(shown, actor=actor, now=now)
    found = difference(shown)
    assert found.done == "Enabled 4 numbers."
    assert found.left_alone_first == [numbers[2], numbers[3]]


def test_all_that_match_is_bound_to_what_was_shown_and_names_what_came_since(
    window, numbers, enrolled, campaign, actor, now
):
    shown = window(all_that_match=True, chosen_by="capability=off", expected=6)
    late = PhoneNumberFactory(account=enrolled, campaign=campaign)
    confirm(shown, actor=actor, now=now)
    assert states([late]) == ["off"]
    assert difference(shown).grown_first == [late]


def test_unticked_numbers_are_left_out_of_all_that_match(window, numbers, actor, now):
    shown = window(all_that_match=True, left_out=[numbers[0].pk], expected=5)
    assert shown.chosen == 5
    assert look_at(shown).drift == ""
    confirm(shown, actor=actor, now=now)
    assert states(numbers)[0] == "off"
    assert difference(shown).grown == 0


def test_the_window_says_when_more_match_than_the_page_had_counted(window, numbers):
    assert look_at(window(all_that_match=True, expected=4)).drift.startswith(
        "4 numbers matched when the page was shown, 6"
    )


def test_the_search_finds_a_number_of_the_window_by_any_part_of_it(window, numbers):
    looked = look_at(window(numbers), search=numbers[4].e164[-5:])
    assert looked.shown == [numbers[4]]
    assert looked.to_do == 6


def test_many_numbers_go_to_the_workers_and_a_killed_worker_is_followed(window, numbers, actor, now, monkeypatch):
    monkeypatch.setattr(actions, "AT_ONCE", 3)
    monkeypatch.setattr(actions, "CHUNK", 2)
    shown = window(numbers)
    confirm(shown, actor=actor, now=now)
    assert shown.state == Confirmation.State.APPLYING
    assert states(numbers) == ["off"] * 6
    # A worker did one chunk and died with the lease in its hand.
    actions._apply_chunk(shown, actor=actor, now=now)
    assert states(numbers) == ["verifying"] * 2 + ["off"] * 4
    assert not apply(shown, actor=actor, now=now), "its lease still holds"
    assert apply(shown, actor=actor, now=now + actions.LEASE)
    assert states(numbers) == ["verifying"] * 6
    assert (shown.applied, shown.left_alone) == (6, 0)


def test_the_window_costs_the_same_queries_for_5_and_for_500_numbers(window, enrolled, campaign):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            shown = look_at(window()).shown
        assert shown
        return len(captured)

    PhoneNumberFactory.create_batch(5, account=enrolled, campaign=campaign)
    few = queries()
    PhoneNumberFactory.create_batch(495, account=enrolled, campaign=campaign)
    assert queries() == few
    assert len(look_at(window()).shown) == actions.SHOWN


@pytest.mark.parametrize("action", ["enable", "disable", "assign", "unassign"])
def test_confirming_costs_the_same_queries_for_5_and_for_500_numbers(enrolled, campaign, actor, now, action):
    def queries(count: int) -> int:
        fields = {"capability": Capability.ON} if action == "disable" else {}
        mine = None if action == "assign" else campaign
        numbers = PhoneNumberFactory.create_batch(count, account=enrolled, campaign=mine, **fields)
        shown = open_window(
            account=enrolled,
            actor=actor,
            action=action,
            numbers=PhoneNumber.objects.filter(pk__in=[number.pk for number in numbers]),
            campaign=campaign if "assign" in action else None,
            now=now,
        )
        with CaptureQueriesContext(connection) as captured:
            confirm(shown, actor=actor, now=now)
        shown.refresh_from_db()
        assert shown.applied == count
        return len(captured)

    assert queries(5) == queries(500)


def test_the_page_opens_takes_out_confirms_and_says_what_was_done(as_admin, numbers):
    opened = as_admin.post(
        reverse("confirm"), {"action": "enable", "number": [number.pk for number in numbers[:3]]}, follow=True
    )
    confirmation = Confirmation.objects.get()
    assert "Enable 3 numbers" in opened.content.decode()
    page = as_admin.post(
        reverse("confirmation-take-out", args=[confirmation.pk]), {"number": numbers[0].pk}, follow=True
    ).content.decode()
    assert "Enable 2 numbers" in page
    for _twice in range(2):
        page = as_admin.post(reverse("confirmation-apply", args=[confirmation.pk]), follow=True).content.decode()
        assert "Enabled 2 numbers." in page
    assert states(numbers[:3]) == ["off", "verifying", "verifying"]


def test_all_that_match_is_sent_as_the_filter_and_never_as_ids(as_admin, numbers):
    as_admin.post(
        reverse("confirm"), {"action": "enable", "all": "1", "filter": f"q={numbers[5].e164[-4:]}", "expected": "1"}
    )
    assert list(ConfirmationNumber.objects.values_list("number", flat=True)) == [numbers[5].pk]


def test_nothing_selected_is_said_and_opens_no_window(as_admin, enrolled):
    page = as_admin.post(reverse("confirm"), {"action": "enable"}, follow=True).content.decode()
    assert "Nothing is selected" in page


def test_another_accounts_numbers_are_never_in_the_window(as_admin, numbers):
    foreign = PhoneNumberFactory()
    as_admin.post(reverse("confirm"), {"action": "enable", "number": [numbers[0].pk, foreign.pk]})
    assert list(ConfirmationNumber.objects.values_list("number", flat=True)) == [numbers[0].pk]


def test_another_accounts_campaign_is_not_found(as_admin, numbers):
    foreign = CampaignFactory(account=AccountFactory())
    answer = as_admin.post(reverse("confirm"), {"action": "assign", "campaign": foreign.pk, "number": numbers[0].pk})
    assert answer.status_code == 404


@pytest.mark.parametrize("action", ["", "explode"])
def test_an_action_that_does_not_exist_is_not_found(as_admin, numbers, action):
    assert as_admin.post(reverse("confirm"), {"action": action, "number": numbers[0].pk}).status_code == 404


def test_a_viewer_is_refused(as_viewer, window, numbers):
    shown = window(numbers)
    assert as_viewer.post(reverse("confirm"), {"action": "enable", "number": numbers[0].pk}).status_code == 403
    assert as_viewer.post(reverse("confirmation-apply", args=[shown.pk])).status_code == 403
    assert states(numbers) == ["off"] * 6


def test_the_audit_trail_names_who_confirmed_though_a_worker_did_it(window, numbers, admin, now, monkeypatch):
    monkeypatch.setattr(actions, "AT_ONCE", 0)
    shown = window(numbers[:1])
    confirm(shown, actor=Actor(user=admin.user, via="web"), now=now)
    from reputation.tasks.bulk_actions import apply_confirmation

    other = MemberFactory(account=shown.account)
    assert other.user != admin.user
    apply_confirmation(shown.pk)
    event = AuditEvent.objects.get(what="capability.verifying")
    assert (event.actor, event.after) == (admin.user, "verifying")
