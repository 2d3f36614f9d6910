"""Operations on failed cases: to ask again, to mail the ticket, and to retire the number."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from portal.models import AuditEvent
from reputation.models import Case, DeskRequest, PhoneNumber
from tests.factories import AccountFactory, DeskRequestFactory
from tests.reputation.api.helpers import send_request
from tests.support.desks import create_refused_case
from tests.support.mails import send_mails

pytestmark = pytest.mark.django_db

FIRST_DAY = timezone.now().date() + timedelta(days=60)
NOTE = {"what_changed": "At most 40 calls a day.", "not_before": FIRST_DAY.isoformat()}


@pytest.fixture(autouse=True)
def desk_provider(settings, switch_providers):
    settings.SUPPORT_EMAIL = "support@example.com"
    switch_providers("handset", "desk")


@pytest.fixture
def case(account, now) -> Case:
    return create_refused_case(account, now)


def post(client, case: Case, action: str, body=None, **headers):
    return send_request(client, "POST", f"/cases/{case.pk}/{action}", body, **headers)


def read_problem(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_failed_case_is_asked_about_again_from_a_day_in_the_time_zone_of_the_account(api_client, case, account):
    account.time_zone = "America/Denver"
    account.save()
    said = post(api_client, case, "ask-again", NOTE)
    assert (said.status_code, said.json()["state"]) == (200, "open")
    request = DeskRequest.objects.open().get()
    begin = datetime.combine(FIRST_DAY, time.min, tzinfo=ZoneInfo("America/Denver"))
    assert (request.what_changed, request.not_before) == (NOTE["what_changed"], begin)
    assert read_problem(post(api_client, case, "ask-again", NOTE)) == (409, "not_possible")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"not_before": "2027-02-30"}, "body.not_before"),
        ({"not_before": "2027-02-01T00:00"}, "body.not_before"),
        ({"not_before": 1_800_000_000}, "body.not_before"),
        ({"what_changed": " "}, "body.what_changed"),
        ({"what_changed": None}, "body.what_changed"),
    ],
)
def test_wrong_day_or_missing_note_changes_nothing(api_client, case, change, where):
    answer = post(api_client, case, "ask-again", NOTE | change)
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, where)
    assert not DeskRequest.objects.open().exists()


def test_ticket_is_mailed_once_and_its_reference_recorded(api_client, api_key, case):
    key = {"Idempotency-Key": "mail-1"}
    said = post(api_client, case, "ticket/mail", **key)
    assert (said.status_code, said.json()["ticket_reference"]) == (200, f"NR-{case.pk}")
    repeated = post(api_client, case, "ticket/mail", **key)
    assert (repeated.content, repeated.headers["Idempotency-Replayed"]) == (said.content, "true")
    assert read_problem(post(api_client, case, "ticket/mail")) == (409, "not_possible")
    assert [message.to for message in send_mails()] == [["support@example.com"]]
    assert AuditEvent.objects.get(code="case.ticket").api_key == api_key


def test_without_an_address_of_support_nothing_is_mailed(api_client, case, settings):
    settings.SUPPORT_EMAIL = ""
    assert read_problem(post(api_client, case, "ticket/mail")) == (409, "not_possible")
    assert send_mails() == []


def test_number_is_retired_after_two_refusals(api_client, case, now):
    assert read_problem(post(api_client, case, "retire-number")) == (409, "not_possible")
    DeskRequestFactory(case=case, desk=DeskRequest.objects.get().desk, state="refused", closed_at=now)
    assert post(api_client, case, "retire-number").status_code == 200
    case.number.refresh_from_db()
    assert (case.number.capability, case.number.removed_at) == (PhoneNumber.Capability.OFF, None)
    assert AuditEvent.objects.filter(code="number.retired", subject_id=case.number_id).exists()


@pytest.mark.parametrize(("action", "body"), [("ask-again", NOTE), ("ticket/mail", None), ("retire-number", None)])
def test_case_that_did_not_fail_and_those_of_others_stay_as_they_are(api_client, case, now, action, body):
    foreign = create_refused_case(AccountFactory(), now)
    assert read_problem(post(api_client, foreign, action, body)) == (404, "not_found")
    Case.objects.filter(pk=case.pk).update(state=Case.State.CANCELLED)
    assert read_problem(post(api_client, case, action, body)) == (409, "not_possible")


def test_day_more_than_a_year_away_is_refused(api_client, case):
    refused = post(api_client, case, "ask-again", NOTE | {"not_before": "9999-12-31"})
    assert read_problem(refused) == (409, "not_possible")
    assert not DeskRequest.objects.open().exists()
