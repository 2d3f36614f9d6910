"""A request with an Idempotency-Key is cut off or takes long: its work is done once, and soon."""

import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from portal.api import idempotency
from portal.jobs import renewal
from portal.models import AuditEvent, IdempotentResponse
from reputation.imports import pipeline
from reputation.models import Campaign
from tests.portal.api.helpers import CAMPAIGNS, assert_problem, post_json
from tests.support.processes import start_python
from tests.support.urls import create_api_key
from tests.support.waiting import wait_until

# A web process that adds a campaign, and then takes for ever to answer.
SLOW_PROCESS = """
import sys, time, django
from pathlib import Path
django.setup()
from django.test import Client
from django.test.utils import setup_test_environment
from reputation import campaigns
setup_test_environment()
create = campaigns.create
def create_slowly(**kwargs):
    create(**kwargs)
    Path(sys.argv[2]).touch()
    time.sleep(600)
campaigns.create = create_slowly
headers = {"Authorization": f"Bearer {sys.argv[1]}", "Idempotency-Key": "one"}
Client(headers=headers).post("/api/v1/campaigns", '{"name": "Renewals"}', content_type="application/json")
"""


@pytest.mark.django_db(transaction=True)
def test_a_request_whose_process_is_killed_is_done_by_the_next_one_within_seconds(account, client, tmp_path):
    token = create_api_key(account)[1]
    headers = {"idempotency_key": "one", "authorization": f"Bearer {token}"}
    process = start_python(SLOW_PROCESS, token, tmp_path / "created")
    try:
        wait_until((tmp_path / "created").exists, seconds=120)
    finally:
        process.kill()
        process.wait()
    killed_at = time.monotonic()
    assert_problem(post_json(client, CAMPAIGNS, {"name": "Renewals"}, **headers), "idempotency_under_way")
    wait_until(lambda: post_json(client, CAMPAIGNS, {"name": "Renewals"}, **headers).status_code == 201, seconds=60)
    assert time.monotonic() - killed_at < 60
    assert Campaign.objects.count() == 1
    assert AuditEvent.objects.filter(code="campaign.added").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_request_that_takes_long_keeps_its_key(account, api_client, monkeypatch):
    monkeypatch.setattr(renewal, "INTERVAL_SECONDS", 0.05)
    receive = pipeline.receive

    def receive_slowly(**kwargs):
        started_at = IdempotentResponse.objects.get().started_at
        wait_until(lambda: IdempotentResponse.objects.get().started_at > started_at, seconds=60)
        return receive(**kwargs)

    monkeypatch.setattr(pipeline, "receive", receive_slowly)
    upload = {"file": SimpleUploadedFile("a.csv", b"number\n2065550143\n")}
    answer = api_client.post("/api/v1/imports", upload, headers={"Idempotency-Key": "one"})
    assert answer.status_code == 201


@pytest.mark.django_db
def test_a_request_that_is_completed_at_the_last_moment_is_not_done_again(api_client):
    assert post_json(api_client, CAMPAIGNS, {"name": "Renewals"}, idempotency_key="one").status_code == 201
    row = IdempotentResponse.objects.get()
    begun = row.started_at - 2 * idempotency.ABANDONED_AFTER
    IdempotentResponse.objects.update(completed_at=None, started_at=begun)

    def complete_first(execute, sql, *arguments):
        """The first request stores its response after the second one saw it unfinished."""
        if sql.startswith("UPDATE") and IdempotentResponse._meta.db_table in sql and not completed:
            completed.append(True)
            IdempotentResponse.objects.update(completed_at=row.completed_at)
        return execute(sql, *arguments)

    completed = []
    with connection.execute_wrapper(complete_first):
        answer = post_json(api_client, CAMPAIGNS, {"name": "Renewals"}, idempotency_key="one")
    assert completed
    assert_problem(answer, "idempotency_under_way")
    again = post_json(api_client, CAMPAIGNS, {"name": "Renewals"}, idempotency_key="one")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Campaign.objects.count() == 1
