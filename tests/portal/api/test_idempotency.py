"""Writes with an Idempotency-Key are done once."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from django.utils import timezone

from portal.api import idempotency
from portal.models import ApiKey, AuditEvent, IdempotentResponse
from reputation import campaigns, retention
from reputation.models import Campaign, PhoneNumber
from tests.factories import PhoneNumberFactory
from tests.portal.api.helpers import CAMPAIGNS, NUMBERS, assert_problem, post_json
from tests.support.urls import create_api_key

pytestmark = pytest.mark.django_db


def test_repeated_request_is_done_once_and_gets_the_same_response(api_client):
    first = post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    again = post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key='"one"')
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert [again.headers[name] for name in ("Location", "ETag", "Content-Type")] == [
        first.headers[name] for name in ("Location", "ETag", "Content-Type")
    ]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert AuditEvent.objects.filter(code="number.added").count() == 1


def test_repeated_request_gets_the_same_refusal(api_client):
    PhoneNumberFactory(account_id=ApiKey.objects.get().account_id, e164="+12065550143")
    first = post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    assert_problem(first, "number_exists")
    PhoneNumber.objects.all().delete()
    again = post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    assert again.content == first.content
    assert again.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("other", [{"number": "+12065550144"}, {"number": "+12065550143", "label": ""}])
def test_different_request_with_the_same_key_is_refused(api_client, other):
    post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    assert_problem(post_json(api_client, NUMBERS, other, idempotency_key="one"), "idempotency_key_reused")
    assert_problem(post_json(api_client, CAMPAIGNS, {"name": "x"}, idempotency_key="one"), "idempotency_key_reused")


def test_idempotency_keys_of_two_api_keys_are_independent(account, api_client_for):
    names = ["A", "B"]
    answers = [post_json(api_client_for(account), CAMPAIGNS, {"name": name}, idempotency_key="one") for name in names]
    assert [answer.status_code for answer in answers] == [201, 201]


def test_repeated_request_must_wait_while_the_first_is_in_progress(account, api_client):
    post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    IdempotentResponse.objects.update(completed_at=None)
    answer = post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    assert_problem(answer, "idempotency_under_way")
    assert answer.headers["Retry-After"] == "1"


def test_repeated_request_is_done_when_the_first_was_abandoned(account, api_client):
    key = ApiKey.objects.get()
    begun = timezone.now() - idempotency.ABANDONED_AFTER - timedelta(seconds=1)
    answered = post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    PhoneNumber.objects.all().delete()  # a killed process committed nothing
    IdempotentResponse.objects.filter(api_key=key).update(completed_at=None, started_at=begun)
    again = post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    assert (answered.status_code, again.status_code) == (201, 201)
    assert "Idempotency-Replayed" not in again.headers
    assert PhoneNumber.objects.count() == 1


def test_request_that_lost_its_claim_is_rolled_back(account, api_client, monkeypatch):
    """The process was slow, and another took over its claim meanwhile. The response of the other counts."""
    create = campaigns.create

    def slow(**kwargs):
        IdempotentResponse.objects.update(claim_token="another")
        return create(**kwargs)

    monkeypatch.setattr("reputation.api.campaigns.campaigns.create", slow)
    assert_problem(
        post_json(api_client, CAMPAIGNS, {"name": "Renewals"}, idempotency_key="one"), "idempotency_under_way"
    )
    assert not Campaign.objects.exists()


def test_repeated_upload_with_another_boundary_is_the_same_request(api_client):
    def send(content=b"number\n2065550143\n"):
        return api_client.post(
            "/api/v1/imports", {"file": SimpleUploadedFile("a.csv", content)}, headers={"Idempotency-Key": "one"}
        )

    first, again = send(), send()
    assert (first.status_code, again.headers.get("Idempotency-Replayed")) == (201, "true")
    assert first.json() == again.json()
    assert_problem(send(b"number\n2065550144\n"), "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "x" * 256, 'a"b', "\u00e9"])
def test_malformed_idempotency_key_is_refused(api_client, key):
    assert_problem(post_json(api_client, CAMPAIGNS, {"name": "x"}, idempotency_key=key), "invalid")


def test_key_can_be_used_for_another_request_after_a_day(api_client):
    now = timezone.now()
    with time_machine.travel(now - timedelta(hours=25), tick=False):
        post_json(api_client, CAMPAIGNS, {"name": "A"}, idempotency_key="one")
    assert post_json(api_client, CAMPAIGNS, {"name": "B"}, idempotency_key="one").status_code == 201
    assert retention.delete_old_idempotent_responses(now) == 0
    assert retention.delete_old_idempotent_responses(now + timedelta(hours=25)) == 1
    assert not IdempotentResponse.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_with_the_same_key_are_done_once(account):
    token = create_api_key(account)[1]
    together, statuses = threading.Barrier(6), []

    def send():
        client = Client(headers={"Authorization": f"Bearer {token}"})
        together.wait()
        try:
            statuses.append(post_json(client, CAMPAIGNS, {"name": "Renewals"}, idempotency_key="one").status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert Campaign.objects.count() == 1
    assert AuditEvent.objects.filter(code="campaign.added").count() == 1
