"""Imports of CSV files."""

from pathlib import Path

import pytest
from django.conf import settings as project
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from portal.models import AuditEvent
from reputation.imports import pipeline
from reputation.models import NumberImport, PhoneNumber
from tests.reputation.api.helpers import API_ROOT, get_json, send_request
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


def post_file(client, content, name="numbers.csv", **fields):
    return client.post(f"{API_ROOT}/imports", {"file": SimpleUploadedFile(name, content), **fields})


def test_file_is_imported_after_its_preview_is_confirmed(api_client, account, api_key, as_viewer):
    answer = post_file(api_client, (Path(project.BASE_DIR) / "docs/sample-numbers.csv").read_bytes())
    said = answer.json()
    assert (answer.status_code, said["state"]) == (201, "ready")
    assert answer.headers["Location"] == f"{API_ROOT}/imports/{said['id']}"
    assert said["will_add"] > 20
    assert said["refused"] >= len(said["refused_first"]) > 5
    assert all(line["reason"] for line in said["refused_first"])
    assert not PhoneNumber.objects.exists()
    said = send_request(api_client, "POST", f"/imports/{said['id']}/confirm").json()
    assert (said["state"], said["added"]) == ("done", PhoneNumber.objects.count())
    assert get_json(api_client, f"/imports/{said['id']}") == said
    assert [one["id"] for one in get_json(api_client, "/imports")["items"]] == [said["id"]]
    assert set(AuditEvent.objects.filter(code="number.added").values_list("via", "api_key")) == {("api", api_key.pk)}
    assert "with the API key Dialer" in get_html(as_viewer.get(reverse("import", args=[said["id"]])))
    assert "API key Dialer" in get_html(as_viewer.get(reverse("imports")))


def test_cancelled_import_can_be_neither_cancelled_nor_confirmed_again(api_client, account):
    pk = post_file(api_client, b"number\n2065550143\n").json()["id"]
    assert send_request(api_client, "POST", f"/imports/{pk}/cancel").json()["state"] == "cancelled"
    for again in ("cancel", "confirm"):
        answer = send_request(api_client, "POST", f"/imports/{pk}/{again}")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")
    assert not PhoneNumber.objects.exists()


def test_import_can_be_stopped_once_while_it_is_applied(api_client, account, monkeypatch):
    monkeypatch.setattr(pipeline, "MAX_SYNCHRONOUS_ROWS", 0)
    pk = post_file(api_client, b"number\n2065550143\n").json()["id"]
    assert send_request(api_client, "POST", f"/imports/{pk}/stop").json()["code"] == "not_possible"
    send_request(api_client, "POST", f"/imports/{pk}/confirm")
    assert send_request(api_client, "POST", f"/imports/{pk}/stop").json()["state"] == "stopped"
    answer = send_request(api_client, "POST", f"/imports/{pk}/stop")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")
    assert "stopped" in answer.json()["detail"]


def test_large_import_is_applied_by_a_worker_with_the_api_key_in_the_audit_trail(
    api_client, account, api_key, monkeypatch
):
    monkeypatch.setattr(pipeline, "MAX_SYNCHRONOUS_BYTES", 10)
    monkeypatch.setattr(pipeline, "MAX_SYNCHRONOUS_ROWS", 0)
    said = post_file(api_client, b"number\n2065550143\n2065550144\n").json()
    assert said["state"] == "received"
    batch = NumberImport.objects.get()
    pipeline.advance(batch, now=timezone.now())
    answer = send_request(api_client, "POST", f"/imports/{said['id']}/confirm")
    assert (answer.status_code, answer.json()["state"]) == (202, "applying")
    batch = NumberImport.objects.get()
    pipeline.advance(batch, now=timezone.now())
    assert get_json(api_client, f"/imports/{said['id']}")["added"] == 2
    assert set(AuditEvent.objects.filter(code="number.added").values_list("via", "api_key")) == {("api", api_key.pk)}


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n", b"name,town\nA,B\n"])
def test_unreadable_file_is_refused(api_client, content):
    answer = post_file(api_client, content)
    assert (answer.status_code, answer.json()["code"]) == (422, "file_unreadable")
    assert not NumberImport.objects.exists()


def test_upload_over_the_size_limit_is_refused(api_client, settings):
    settings.UPLOAD_LIMIT_MB = 1
    answer = post_file(api_client, b"number\n" + b"2065550143\n" * 100_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


TWO_NUMBERS = b"Main,Fax,Type\n2065550143,2065550153,local\n"


def test_columns_and_encoding_can_be_given_with_the_file(api_client):
    said = post_file(api_client, TWO_NUMBERS, columns='{"Fax": "number", "3": "label"}', encoding="cp1252").json()
    assert said["columns"] == [
        {"position": 1, "heading": "Main", "role": "ignore", "note": ""},
        {"position": 2, "heading": "Fax", "role": "number", "note": ""},
        {"position": 3, "heading": "Type", "role": "label", "note": ""},
    ]
    assert (said["encoding"], said["will_add"]) == ("cp1252", 1)


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ("nonsense", "columns_invalid"),
        ('{"Fax": "digits"}', "columns_invalid"),
        ('{"Town": "number"}', "file_unreadable"),
    ],
)
def test_wrong_columns_are_refused_and_nothing_is_kept(api_client, columns, code):
    answer = post_file(api_client, TWO_NUMBERS, columns=columns)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert not NumberImport.objects.exists()


def test_columns_are_chosen_again_without_another_upload(api_client):
    pk = post_file(api_client, TWO_NUMBERS).json()["id"]
    said = send_request(api_client, "POST", f"/imports/{pk}/columns", {"columns": {"Fax": "number"}}).json()
    assert [column["role"] for column in said["columns"]] == ["ignore", "number", "ignore"]
    answer = send_request(api_client, "POST", f"/imports/{pk}/columns", {"columns": {"Fax": "label"}})
    assert (answer.status_code, answer.json()["code"]) == (422, "columns_invalid")
    send_request(api_client, "POST", f"/imports/{pk}/confirm")
    assert PhoneNumber.objects.get().e164 == "+12065550153"
    answer = send_request(api_client, "POST", f"/imports/{pk}/columns", {"columns": {"Main": "number"}})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")


def test_too_many_unconfirmed_imports_are_a_problem_of_their_own(api_client, settings):
    settings.MAX_UNCONFIRMED_IMPORTS = 1
    post_file(api_client, TWO_NUMBERS)
    answer = post_file(api_client, TWO_NUMBERS)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_imports")
