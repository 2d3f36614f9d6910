"""While the database or the disk cannot be used, pages and the API say so, and ask nothing of the database."""

import errno

import pytest
from django.db import OperationalError, connection
from django.template.loader import render_to_string
from django.urls import reverse

from portal.api.problems import RETRY_AFTER_SECONDS
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


@pytest.fixture
def absent_database(monkeypatch):
    """The server went away: each query raises what Django raises then."""

    def fail(*args, **kwargs):
        raise OperationalError("server closed the connection unexpectedly")

    def begin() -> None:
        monkeypatch.setattr(connection, "cursor", fail)
        monkeypatch.setattr(connection, "chunked_cursor", fail)

    return begin


def test_a_page_says_that_the_database_cannot_be_used(as_admin, absent_database):
    as_admin.raise_request_exception = False
    absent_database()
    answer = as_admin.get(reverse("number-reputation"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, str(RETRY_AFTER_SECONDS))
    page = get_html(answer)
    assert "The portal's database cannot be used at the moment" in page
    assert "server closed" not in page


def test_visitors_are_told_too(client, absent_database):
    client.raise_request_exception = False
    absent_database()
    answer = client.post(reverse("account_login"), {"username": "a@example.com", "password": "x"})
    assert answer.status_code == 503


def test_a_full_disk_is_named(as_admin, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("portal.audit.browse.get_audit_page", fail)
    as_admin.raise_request_exception = False
    answer = as_admin.get(reverse("audit-trail"))
    assert answer.status_code == 503
    assert "disk of the portal's server is full" in get_html(answer)


def test_the_page_needs_no_database(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert "The portal is not available now" in render_to_string("503.html")


@pytest.mark.parametrize("path", ["/api/v1/numbers", "/api/v1/match"])
def test_the_api_answers_a_problem_that_can_be_tried_again(path, api_client, absent_database):
    absent_database()
    answer = api_client.post(path, {}, content_type="application/json", headers={"Idempotency-Key": "once"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert answer.json()["code"] == "unavailable"
    assert answer.headers["Retry-After"] == str(RETRY_AFTER_SECONDS)


def test_the_openapi_document_names_the_problem(api_client):
    document = api_client.get("/api/v1/openapi.json").json()
    answer = document["paths"]["/api/v1/numbers"]["get"]["responses"]["503"]
    assert "unavailable" in answer["description"]
    assert "Retry-After" in answer["headers"]
