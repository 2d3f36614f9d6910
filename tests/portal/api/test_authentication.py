"""Authentication by API keys, and its number of queries."""

import pytest
from django.http import HttpResponse
from django.test import Client

from portal.api.authentication import require_api_key
from portal.models import AuditEvent
from tests.portal.api.helpers import NUMBERS, assert_problem, post_json
from tests.support.urls import create_api_key

pytestmark = pytest.mark.django_db


def test_refused_key_gets_a_www_authenticate_challenge(client, account, api_client_for):
    answer = client.get(NUMBERS)
    assert_problem(answer, "key_missing")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    answer = api_client_for(account, "match").get(NUMBERS)
    assert_problem(answer, "scope_missing")
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_writes_need_no_csrf_token_and_ignore_session_cookies(account, owner):
    token = create_api_key(account)[1]
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner.user)
    assert post_json(client, NUMBERS, {"number": "+12065550143"}).status_code == 401
    answer = post_json(client, NUMBERS, {"number": "+12065550143"}, authorization=f"Bearer {token}")
    assert answer.status_code == 201
    assert not answer.cookies
    assert AuditEvent.objects.get(code="number.added").actor is None


def test_decorator_protects_a_plain_view(account, rf):
    view = require_api_key("match", policy="match")(_account_name_view)
    token = create_api_key(account, "match")[1]
    answer = view(rf.get("/", headers={"Authorization": f"Bearer {token}"}))
    assert answer.content.decode() == account.name
    assert answer.headers["RateLimit-Policy"].startswith('"match";q=60000')
    assert view(rf.get("/")).status_code == 401


def _account_name_view(request):
    return HttpResponse(request.caller.account.name)


def test_decorator_takes_one_query_when_no_write_is_due(account, rf, django_assert_num_queries):
    view = require_api_key("match", policy="match")(_account_name_view)
    token = create_api_key(account, "match")[1]
    request = rf.get("/", headers={"Authorization": f"Bearer {token}"})
    view(request)
    with django_assert_num_queries(1):
        view(request)
