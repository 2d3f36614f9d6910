"""The task of requests to desks."""

from datetime import timedelta

import pytest

from portal.audit import Context
from reputation.desks import requests
from reputation.models import Case, DeskRequest
from reputation.tasks.desks import advance_requests
from tests.factories import CaseFactory, DeskFactory, DeskRequestFactory, EngineFactory, SubmissionFactory, TagFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def desk_provider(switch_providers):
    switch_providers("desk")


def test_task_marks_silent_requests_and_opens_failed_cases_again(account, actor, now):
    hiya = EngineFactory(slug="hiya")
    desk = DeskFactory(engines=[hiya])
    silent = DeskRequestFactory(case__account=account, desk=desk, state="sent", due_at=now - timedelta(days=1))
    failed = CaseFactory(account=account, number__account=account, state="failed", closed_at=now, next_action_at=None)
    TagFactory(number=failed.number, engine=hiya, case=failed)
    SubmissionFactory(case=failed, engine=hiya, state="refused")
    refused = DeskRequestFactory(
        case=failed, engine=hiya, desk=desk, state="refused", refusal="no_reason", closed_at=now
    )
    requests.ask_again(account, [refused.pk], context=Context(actor, now))
    advance_requests()
    silent.refresh_from_db()
    failed.refresh_from_db()
    assert (silent.state, failed.state) == (DeskRequest.State.SILENT, Case.State.OPEN)
