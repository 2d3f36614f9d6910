"""The match operation over HTTP; tests of matching cover which number is chosen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection

from portal.db.background_writer import writer
from portal.models import ApiKey, ApiUsage
from reputation.models import Campaign, CampaignCalls
from tests.factories import AccountFactory, CampaignFactory, PhoneNumberFactory

pytestmark = pytest.mark.django_db

MATCH_URL = "/api/v1/match"


@pytest.fixture
def campaign(account) -> Campaign:
    campaign = CampaignFactory(account=account)
    PhoneNumberFactory(account=account, campaign=campaign, e164="+12064551000", spam_status="tagged")
    PhoneNumberFactory(account=account, campaign=campaign, e164="+12064552000")
    return campaign


def post_match(client, body: object, **how: object):
    text = body if isinstance(body, str) else json.dumps(body)
    return client.generic("POST", MATCH_URL, text, **{"content_type": "application/json"} | how)


def test_match_returns_the_number_and_the_reason(api_client, campaign):
    answer = post_match(api_client, {"campaign_id": campaign.pk, "called": "(206) 355-0199"})
    assert answer.status_code == 200
    said = answer.json()
    assert (said["called"], said["caller_id"], said["basis"]) == ("+12063550199", "+12064552000", "area_code")
    assert said["skipped"] == {"tagged": 1, "labelled_when_last_seen": 0, "daily_limit": 0}
    assert answer.headers["RateLimit-Policy"].startswith('"match"')


@contextmanager
def hold_write_locks() -> Iterator[None]:
    """Another connection keeps all others from writing. A query that would wait for it fails instead."""
    other = connection.copy()
    with other.cursor() as cursor, connection.cursor() as own:
        try:
            if connection.vendor == "sqlite":
                own.execute("PRAGMA busy_timeout = 100")
                cursor.execute("BEGIN IMMEDIATE")
            else:
                own.execute("SET lock_timeout = '100ms'")
                cursor.execute("BEGIN")
                cursor.execute(f"LOCK TABLE {', '.join(connection.introspection.table_names())} IN EXCLUSIVE MODE")
            yield
            cursor.execute("ROLLBACK")
        finally:
            other.close()
            connection.close()  # the time-outs are the connection's


@pytest.mark.django_db(transaction=True)
def test_a_dialer_does_not_wait_for_a_process_that_writes(api_client, campaign):
    with hold_write_locks():
        with pytest.raises(OperationalError):
            Campaign.objects.update(name="waits")
        body = {"campaign_id": campaign.pk, "called": "+12063550199"}
        answers = [post_match(api_client, body) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
    writer.write_all()
    assert ApiUsage.objects.get().request_count == 3
    assert ApiKey.objects.get().last_used_at
    assert CampaignCalls.objects.get().calls == 3


def test_another_accounts_campaign_is_not_found(api_client):
    foreign = CampaignFactory(account=AccountFactory())
    answer = post_match(api_client, {"campaign_id": foreign.pk, "called": "+12063550199"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"called": "+12063550199"}, 422, "invalid"),
        ({"campaign_id": "1", "called": "+12063550199"}, 422, "invalid"),
        ({"campaign_id": 1, "called": "+12063550199", "more": 1}, 422, "invalid"),
        ([], 422, "invalid"),
        ("{", 400, "malformed"),
    ],
)
def test_invalid_request_is_refused_with_a_problem(api_client, body, status, code):
    answer = post_match(api_client, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("called", "reason"),
    [
        ("911", "Digits are missing"),
        ("310-0143", "The area code is missing"),
        ("+15652340143", "The area code 565 is not yet in service"),
        ("+12062110143", "a service code"),
    ],
)
def test_what_cannot_be_called_is_refused_at_its_place_with_the_reason(api_client, campaign, called, reason):
    answer = post_match(api_client, {"campaign_id": campaign.pk, "called": called})
    assert (answer.status_code, answer.json()["code"]) == (422, "not_a_number")
    assert answer.json()["errors"][0]["where"] == "body.called"
    assert reason in answer.json()["errors"][0]["detail"]


def test_a_call_to_a_new_area_code_gets_a_caller_id(api_client, campaign):
    PhoneNumberFactory(account=campaign.account, campaign=campaign, e164="+13572340142")
    answer = post_match(api_client, {"campaign_id": campaign.pk, "called": "+13572340143"})
    assert (answer.status_code, answer.json()["caller_id"]) == (200, "+13572340142")


def test_wrong_content_type_and_method_are_refused(api_client, campaign):
    assert post_match(api_client, "x", content_type="text/plain").status_code == 415
    answer = api_client.get(MATCH_URL)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_request_without_a_key_or_the_scope_is_refused(client, account, api_client_for, campaign):
    body = {"campaign_id": campaign.pk, "called": "+12063550199"}
    assert post_match(client, body).status_code == 401
    assert post_match(api_client_for(account, "read", "write"), body).status_code == 403
    assert post_match(api_client_for(account, "match"), body).status_code == 200
