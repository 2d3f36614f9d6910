"""The confirmation window as a page: open it, remove a number, confirm."""

import pytest
from django.urls import reverse

from reputation.models import BulkAction, BulkActionNumber, PhoneNumber
from tests.factories import AccountFactory, CampaignFactory, PhoneNumberFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


@pytest.fixture
def numbers(enrolled_account):
    campaign = CampaignFactory(account=enrolled_account)
    return PhoneNumberFactory.create_batch(6, account=enrolled_account, campaign=campaign)


def get_capabilities(numbers) -> list[str]:
    stored = PhoneNumber.objects.filter(pk__in=[number.pk for number in numbers])
    return list(stored.order_by("pk").values_list("capability", flat=True))


def test_bulk_action_is_opened_a_number_removed_and_the_rest_confirmed_once(as_admin, numbers):
    opened = as_admin.post(
        reverse("bulk-action-open"), {"action": "enable", "number": [number.pk for number in numbers[:3]]}, follow=True
    )
    bulk_action = BulkAction.objects.get()
    assert "Enable 3 numbers" in get_html(opened)
    page = get_html(
        as_admin.post(
            reverse("bulk-action-remove-number", args=[bulk_action.pk]), {"number": numbers[0].pk}, follow=True
        )
    )
    assert "Enable 2 numbers" in page
    for _twice in range(2):
        page = get_html(as_admin.post(reverse("bulk-action-confirm", args=[bulk_action.pk]), follow=True))
        assert "Enabled 2 numbers." in page
    assert get_capabilities(numbers[:3]) == ["off", "verifying", "verifying"]


def test_selection_of_all_matching_is_sent_as_a_filter(as_admin, numbers):
    as_admin.post(
        reverse("bulk-action-open"),
        {"action": "enable", "all": "1", "filter": f"q={numbers[5].e164[-4:]}", "expected": "1"},
    )
    assert list(BulkActionNumber.objects.values_list("number", flat=True)) == [numbers[5].pk]


def test_no_selection_opens_no_window_and_gives_the_reason(as_admin, enrolled_account):
    page = get_html(as_admin.post(reverse("bulk-action-open"), {"action": "enable"}, follow=True))
    assert "Nothing is selected" in page


def test_another_accounts_numbers_are_never_in_the_window(as_admin, numbers):
    foreign = PhoneNumberFactory()
    as_admin.post(reverse("bulk-action-open"), {"action": "enable", "number": [numbers[0].pk, foreign.pk]})
    assert list(BulkActionNumber.objects.values_list("number", flat=True)) == [numbers[0].pk]


def test_another_accounts_campaign_is_not_found(as_admin, numbers):
    foreign = CampaignFactory(account=AccountFactory())
    posted = {"action": "assign", "campaign": foreign.pk, "number": numbers[0].pk}
    answer = as_admin.post(reverse("bulk-action-open"), posted)
    assert answer.status_code == 404


@pytest.mark.parametrize("action", ["", "explode"])
def test_unknown_action_is_not_found(as_admin, numbers, action):
    assert as_admin.post(reverse("bulk-action-open"), {"action": action, "number": numbers[0].pk}).status_code == 404


def test_a_viewer_is_refused(as_admin, as_viewer, numbers):
    as_admin.post(reverse("bulk-action-open"), {"action": "enable", "number": [number.pk for number in numbers]})
    shown = BulkAction.objects.get()
    assert as_viewer.post(reverse("bulk-action-open"), {"action": "enable", "number": numbers[0].pk}).status_code == 403
    assert as_viewer.post(reverse("bulk-action-confirm", args=[shown.pk])).status_code == 403
    assert get_capabilities(numbers) == ["off"] * 6
