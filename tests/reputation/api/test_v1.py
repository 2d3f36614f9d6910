"""The API as a whole: its operations, and their number of queries."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reputation.models import Campaign, NumberImport, PhoneNumber
from tests.factories import (
    CampaignFactory,
    CaseFactory,
    CheckFactory,
    PhoneNumberFactory,
)
from tests.reputation.api.helpers import API_ROOT, get_json
from tests.support.urls import all_api_operations

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["/numbers", "/numbers?status=labelled", "/cases", "/campaigns", "/imports", "/numbers/{}/checks"]
)
def test_query_count_of_a_page_is_the_same_for_5_and_200_objects(api_client, account, settings, path):
    settings.API_RATE_LIMIT = 0  # the rate limiter makes a query once a second

    def make(many):
        for _ in range(many):
            campaign = CampaignFactory(account=account)
            number = PhoneNumberFactory(account=account, campaign=campaign, spam_status=PhoneNumber.SpamStatus.TAGGED)
            Campaign.objects.filter(pk=campaign.pk).update(default_number=number)
            CaseFactory(number=number)
            CheckFactory(number=first or number, is_current=False)
            NumberImport.objects.create(
                account=account, file_name="x", size=1, delimiter=",", received_at=timezone.now()
            )

    def queries():
        with CaptureQueriesContext(connection) as captured:
            page = get_json(
                api_client, path.format(PhoneNumber.objects.order_by("pk").first().pk).removeprefix(API_ROOT), **limit
            )
        assert page["items"]
        return len(captured), len(page["items"])

    first, limit = None, {} if "?" in path else {"limit": 200}
    make(5)
    first = PhoneNumber.objects.order_by("pk").first()
    queries()
    few, _ = queries()
    make(195)
    many, shown = queries()
    assert many == few
    assert shown >= 50


def test_all_required_operations_exist():
    assert {one.id for one in all_api_operations()} >= {
        "list_numbers", "get_number", "add_number", "change_number", "remove_number", "import_numbers", "get_import",
        "confirm_import", "cancel_import", "enable_numbers", "disable_numbers", "get_bulk_action", "get_reputation",
        "list_history", "list_cases", "get_case", "note_ticket", "list_campaigns", "get_campaign", "add_campaign",
        "change_campaign", "assign_numbers", "unassign_numbers", "get_enrollment", "list_events",
    }  # fmt: skip
