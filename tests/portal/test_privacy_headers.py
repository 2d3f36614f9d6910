"""Private responses are in no cache, and other sites cannot embed them or use the browser's features through them."""

import logging

import pytest
from django.test import Client

from portal.models import Member
from tests.factories import MemberFactory
from tests.portal.api.helpers import NUMBERS
from tests.support.urls import all_page_urls

pytestmark = pytest.mark.django_db

STYLE_SHEET = "/static/css/portal.css"


@pytest.fixture(autouse=True)
def _quiet_refusals(caplog):
    caplog.set_level(logging.CRITICAL, "django.request")


@pytest.fixture
def as_owner_who_is_superuser(account) -> Client:
    client = Client()
    client.force_login(MemberFactory(account=account, role=Member.Role.OWNER, user__staff_role="superuser").user)
    return client


def test_no_cache_keeps_a_page(account, as_owner_who_is_superuser):
    paths = [url.of(account) for url in all_page_urls() if url.arguments in ((), ("pk",))]
    cached = {}
    for path in (*paths, "/admin/", "/admin/portal/account/", "/no-such-page/"):
        header = as_owner_who_is_superuser.get(path).headers.get("Cache-Control", "")
        if "no-store" not in header:
            cached[path] = header
    assert cached == {}


def test_no_cache_keeps_answers_of_the_api(api_client, client):
    assert api_client.get(NUMBERS).headers["Cache-Control"] == "no-store"
    assert client.get(NUMBERS).headers["Cache-Control"] == "no-store"
    assert client.get("/api/v1/no-such-operation").headers["Cache-Control"] == "no-store"


def test_browsers_may_keep_static_files(client):
    answer = client.get(STYLE_SHEET)
    assert answer.status_code == 200
    assert "no-store" not in answer.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/", "/sign-in/", NUMBERS, STYLE_SHEET, "/no-such-page/"])
def test_other_sites_cannot_embed_a_resource(client, path):
    assert client.get(path).headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_pages_use_no_features_that_they_do_not_need(as_owner):
    policy = as_owner.get("/").headers["Permissions-Policy"]
    assert {"camera=()", "geolocation=()", "microphone=()", "usb=()"} <= set(policy.split(", "))
    assert "clipboard-write" not in policy  # the copy buttons
    assert "publickey-credentials" not in policy
