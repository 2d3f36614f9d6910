"""Reports of labels by the API: what is stored, what is refused, and that a repeated request reports once."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from portal.models import AuditEvent, today_of
from reputation.models import LabelPhoto, LabelReport, PhoneNumber
from reputation.monitoring import engines
from reputation.providers import registry
from tests.factories import AccountFactory, MonitoredNumberFactory
from tests.reputation.api.helpers import get_json, send_request

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def handset(db, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    settings.PROVIDERS = ["handset"]
    registry._load_providers.cache_clear()
    engines.sync_engines()


@pytest.fixture
def number(account) -> PhoneNumber:
    return MonitoredNumberFactory(account=account, e164="+12065550143")


@pytest.fixture
def agents(account, api_client_for):
    """A client with a key that may only report."""
    return api_client_for(account, "report")


def report(client, **body):
    return send_request(client, "POST", "/label-reports", {"number": "+12065550143", "label": "Scam Likely"} | body)


def test_a_key_for_reports_reports_and_does_nothing_else(agents, api_client, account, number, now):
    day = today_of(account, now) - timedelta(days=1)
    answer = report(agents, carrier="T-Mobile", called_number="(206) 555-0144", seen_on=day.isoformat())
    assert answer.status_code == 201
    stored = LabelReport.objects.get()
    assert answer.headers["Location"] == f"/api/v1/label-reports/{stored.pk}"
    assert (stored.number, stored.carrier, stored.called_e164) == (number, "T-Mobile", "+12065550144")
    assert today_of(account, stored.seen_at) == day
    number.refresh_from_db()
    assert number.spam_status == PhoneNumber.SpamStatus.AT_RISK
    assert AuditEvent.objects.get(code="report.added").api_key is not None
    assert agents.get("/api/v1/numbers").json()["code"] == "scope_missing"
    assert get_json(api_client, f"/label-reports/{stored.pk}") == answer.json()
    assert get_json(api_client, "/label-reports", state="open")["items"] == [answer.json()]
    assert get_json(api_client, "/label-reports", state="dismissed")["items"] == []


def test_a_repeated_request_reports_once(agents, number):
    body = {"number": "+12065550143", "label": "Spam"}
    answers = [send_request(agents, "POST", "/label-reports", body, **{"Idempotency-Key": "call-17"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert LabelReport.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"number": "+12065550999"}, "body.number"),
        ({"number": "no number"}, "body.number"),
        ({"label": " "}, "body.label"),
        ({"label": "x" * 81}, "body.label"),
        ({"called_number": "12"}, "body.called_number"),
        ({"seen_on": "2999-01-01"}, "body.seen_on"),
        ({"seen_on": "2026-02-30"}, "body.seen_on"),
        ({"photo_id": 17}, "body.photo_id"),
        ({"colour": "red"}, "body.colour"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(agents, number, body, where):
    answer = report(agents, **body)
    assert answer.status_code == 422
    assert [error["where"] for error in answer.json()["errors"]] == [where]
    assert not LabelReport.objects.exists()


def test_numbers_and_photos_of_another_account_are_not_found(agents, number):
    other = AccountFactory()
    MonitoredNumberFactory(account=other, e164="+12065550888")
    photo = LabelPhoto.objects.create(account=other, file="label-photos/1/theirs.jpg")
    assert report(agents, number="+12065550888").status_code == 422
    assert report(agents, photo_id=photo.pk).status_code == 422


def test_a_photo_is_sent_before_the_report_that_names_it(agents, account, number):
    content = BytesIO()
    Image.new("RGB", (40, 20), "red").save(content, "PNG")
    upload = SimpleUploadedFile("label.png", content.getvalue())
    sent = agents.post("/api/v1/label-photos", {"file": upload})
    assert sent.status_code == 200
    assert report(agents, photo_id=sent.json()["id"]).status_code == 201
    assert LabelReport.objects.get().photo == LabelPhoto.objects.for_account(account).get()
    broken = agents.post("/api/v1/label-photos", {"file": SimpleUploadedFile("label.png", b"no picture")})
    assert (broken.status_code, broken.json()["errors"][0]["where"]) == (422, "body.file")


def test_reports_that_are_switched_off_are_refused(agents, number, settings):
    settings.PROVIDERS = ["complaints"]
    registry._load_providers.cache_clear()
    answer = report(agents)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")
