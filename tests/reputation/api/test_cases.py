"""Operations on cases."""

import pytest

from portal.models import AuditEvent
from reputation.models import Case
from tests.factories import (
    AccountFactory,
    CaseFactory,
    EngineFactory,
    MonitoredNumberFactory,
    SubmissionFactory,
    TagFactory,
)
from tests.reputation.api.helpers import get_json, send_request
from tests.support.urls import create_case

pytestmark = pytest.mark.django_db


def test_cases_are_listed_newest_first_and_filtered_by_state_and_number(api_client, account):
    failed, opened = create_case(account, Case.State.FAILED), create_case(account)
    create_case(AccountFactory())
    found = get_json(api_client, "/cases")["items"]
    assert [one["id"] for one in found] == [opened.pk, failed.pk]
    assert [one["id"] for one in get_json(api_client, "/cases", state="failed")["items"]] == [failed.pk]
    assert [one["id"] for one in get_json(api_client, "/cases", number_id=opened.number_id)["items"]] == [opened.pk]


def test_case_has_its_submissions_and_its_next_step(provider, api_client, account):
    case = CaseFactory(number=MonitoredNumberFactory(account=account))
    engine = EngineFactory(slug="alpha", name="Alpha")
    TagFactory(number=case.number, case=case, engine=engine)
    SubmissionFactory(case=case, engine=engine)
    said = get_json(api_client, f"/cases/{case.pk}")
    assert (said["state"], said["number"]["number"]) == ("open", case.number.e164)
    assert "goes to Alpha" in said["next"]["sentence"]
    assert said["next"]["by"]
    assert [one["engine"]["name"] for one in said["submissions"]] == ["Alpha"]


def test_ticket_is_stored_only_for_a_failed_case(api_client, account, api_key):
    failed, opened = create_case(account, Case.State.FAILED), create_case(account)
    said = send_request(api_client, "PUT", f"/cases/{failed.pk}/ticket", {"reference": "48213"}).json()
    assert (said["ticket_reference"], bool(said["ticket_noted_at"])) == ("48213", True)
    assert AuditEvent.objects.get(code="case.ticket").api_key == api_key
    answer = send_request(api_client, "PUT", f"/cases/{opened.pk}/ticket", {"reference": "48213"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")
