"""Errors are shown on pages of the portal, with an explanation."""

from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


def test_missing_object_shows_a_404_page_with_the_menu(as_admin):
    answer = as_admin.get(reverse("number", args=[999_999]))
    assert answer.status_code == 404
    page = get_html(answer)
    assert "There is nothing here" in page
    assert "Main" in page, "the menu is there"


def test_unknown_url_shows_a_404_page_to_visitors(client):
    answer = client.get("/nothing/")
    assert (answer.status_code, "There is nothing here" in get_html(answer)) == (404, True)


def test_get_request_to_a_post_url_shows_a_405_page(as_admin):
    answer = as_admin.get(reverse("bulk-action-open"))
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    assert "only takes what a form or a button sends" in get_html(answer)


@pytest.mark.parametrize(
    "path", ["/", "/sign-in/", "/password/forgotten/", "/admin/", "/api/v1/numbers", "/no-such-page/"]
)
def test_trace_is_refused(as_admin, path):
    assert as_admin.trace(path).status_code == 405


def test_form_without_a_csrf_token_shows_what_to_do(admin):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin.user)
    answer = client.post(reverse("campaign-add"), {"name": "Renewals"})
    assert answer.status_code == 403
    assert "Go back, copy what you typed" in get_html(answer)


def test_too_many_fields_show_a_400_page(as_admin):
    form = urlencode({"action": "enable", "number": [str(n) for n in range(6_000)]}, doseq=True)
    answer = as_admin.post(reverse("bulk-action-open"), form, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert "too large or not well-formed" in get_html(answer)


def test_server_error_page_hides_details(as_admin, monkeypatch):
    monkeypatch.setattr("portal.audit.browse.get_audit_page", lambda *args, **kwargs: 1 / 0)
    as_admin.raise_request_exception = False
    answer = as_admin.get(reverse("audit-trail"))
    assert answer.status_code == 500
    assert "Something went wrong here" in get_html(answer)
    assert "ZeroDivision" not in get_html(answer)
