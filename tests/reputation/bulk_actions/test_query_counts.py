"""Windows, confirmations and chunks take a fixed number of queries, however many numbers they have."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.audit import Actor, Context
from portal.jobs.claims import claim_row
from portal.jobs.task_run import task_run
from reputation.bulk_actions import actions, preview
from reputation.bulk_actions.actions import confirm, create_bulk_action
from reputation.bulk_actions.preview import get_preview
from reputation.models import BulkAction, PhoneNumber
from tests.factories import PhoneNumberFactory

pytestmark = pytest.mark.django_db

Capability = PhoneNumber.Capability


def test_query_count_of_the_window_is_the_same_for_5_and_500_numbers(open_bulk_action, enrolled_account, campaign):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            shown = get_preview(open_bulk_action()).numbers
        assert shown
        return len(captured)

    PhoneNumberFactory.create_batch(5, account=enrolled_account, campaign=campaign)
    few = queries()
    PhoneNumberFactory.create_batch(495, account=enrolled_account, campaign=campaign)
    assert queries() == few
    assert len(get_preview(open_bulk_action()).numbers) == preview.MAX_LISTED


@pytest.mark.parametrize("action", ["enable", "disable", "assign", "unassign"])
def test_query_count_of_confirm_is_the_same_for_5_and_500_numbers(enrolled_account, campaign, actor, now, action):
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
        assert shown.applied_count == count
        return len(captured)

    assert queries(5) == queries(500)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("provider")
def test_each_further_chunk_of_a_task_takes_thirteen_queries(numbers, open_bulk_action, admin, now, monkeypatch):
    """`make bench` counts them for chunks of 10,000."""
    monkeypatch.setattr(actions, "CHUNK", 1)
    monkeypatch.setattr(actions, "MAX_SYNCHRONOUS", 0)
    shown = open_bulk_action(numbers)
    context = Context(Actor(user=admin.user, via="web"), now)
    confirm(shown, context=context)
    shown.refresh_from_db()
    claim = claim_row(BulkAction.objects.in_progress(), shown.pk, now=now)
    counts = []
    with task_run():
        for _ in numbers:
            with CaptureQueriesContext(connection) as captured:
                assert actions.apply_chunk(shown, claim, context=context)
            counts.append(sum(not query["sql"].startswith(("BEGIN", "COMMIT")) for query in captured))
    assert counts[1:] == [13] * (len(numbers) - 1)
