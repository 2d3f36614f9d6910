"""Problem responses of the API."""

import pytest

from reputation.models import Campaign, PhoneNumber
from tests.portal.api.helpers import CAMPAIGNS, NUMBERS, assert_problem, post_json

pytestmark = pytest.mark.django_db


def test_invalid_parameters_are_listed_with_their_location(api_client):
    said = assert_problem(
        post_json(api_client, NUMBERS, {"number": "+12065550143", "lable": "x", "source": "own"}), "invalid"
    )
    assert {one["where"] for one in said["errors"]} == {"body.lable", "body.source"}
    said = assert_problem(api_client.get(NUMBERS, {"limit": "1000", "status": "spam"}), "invalid")
    assert {one["where"] for one in said["errors"]} == {"query.limit", "query.status"}


@pytest.mark.parametrize("body", ["{", "nonsense", '{"number": NaN}', "[" * 100_000, b"\xff\xfe"])
def test_invalid_json_is_refused(api_client, body):
    assert_problem(api_client.post(NUMBERS, body, content_type="application/json"), "malformed")


@pytest.mark.parametrize("name", ["\ud800", "a\x00b", "a\nb", " ", "\u00a0", "x" * 81, 5, None, ["a"]])
def test_invalid_name_is_refused(api_client, name):
    assert_problem(post_json(api_client, CAMPAIGNS, {"name": name}), "invalid")
    assert not Campaign.objects.exists()


def test_wrong_content_type_is_refused(api_client):
    assert_problem(api_client.post(NUMBERS, {"number": "+12065550143"}), "media_type")
    assert_problem(post_json(api_client, "/api/v1/imports", {}), "media_type")
    assert not PhoneNumber.objects.exists()


def test_a_body_that_is_too_large_is_refused_before_it_is_read(api_client):
    assert_problem(post_json(api_client, NUMBERS, {"number": "1" * 1024 * 1024}), "too_large")


@pytest.mark.parametrize("path", ["/api/v1/", "/api/v1/nothing", "/api/v1/numbers/", "/api/v1/numbers/1/nothing"])
def test_unknown_path_is_a_problem(api_client, path):
    assert_problem(api_client.get(path), "not_found")


def test_method_that_is_not_allowed_gets_the_allowed_methods(api_client):
    answer = api_client.delete(NUMBERS)
    assert_problem(answer, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "POST"}
    assert_problem(api_client.post("/api/v1/openapi.json"), "method_not_allowed")


@pytest.mark.parametrize("path", ["/api/v1/numbers", "/api/v1/openapi.json", "/api/v1/nowhere"])
def test_plain_http_is_refused_and_not_redirected(path, api_client, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert_problem(api_client.get(path), "https_required")
    assert api_client.get("/number-management/").status_code == 301
    assert api_client.get("/api/v1/numbers", secure=True).status_code == 200


def test_server_error_hides_details_and_is_rolled_back(api_client, monkeypatch, caplog):
    def break_down(*args, **kwargs):
        raise ZeroDivisionError("the inside of it")

    monkeypatch.setattr("reputation.api.numbers.serialize_number", break_down)
    answer = post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    assert_problem(answer, "server_error")
    assert "inside" not in answer.content.decode()
    assert "the inside of it" in caplog.text
    assert not PhoneNumber.objects.exists()
    monkeypatch.undo()
    assert post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one").status_code == 201


def test_responses_must_not_be_cached(api_client, client):
    for answer in (api_client.get(NUMBERS), client.get(NUMBERS), api_client.get(f"{NUMBERS}/1")):
        assert answer.headers["Cache-Control"] == "no-store"
