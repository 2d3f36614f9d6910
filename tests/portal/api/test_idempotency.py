"""What every operation of the API shares: refusals, writes that happen once, rate limits, versions, cursors."""

import json
import threading
from datetime import timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openapi_spec_validator import validate

from portal.accounts.api_keys import SCOPES
from portal.api import idempotency, rate_limits
from portal.api.authentication import require_api_key
from portal.api.pagination import encode_cursor
from portal.api.problems import PROBLEM_TYPES
from portal.models import ApiKey, ApiUsage, AuditEvent, IdempotentResponse
from reputation import campaigns
from reputation.models import Campaign, PhoneNumber
from reputation.views.api_reference import openapi_document
from tests.factories import CampaignFactory, PhoneNumberFactory
from tests.support.urls import all_api_operations, create_api_key

pytestmark = pytest.mark.django_db

NUMBERS = "/api/v1/numbers"
CAMPAIGNS = "/api/v1/campaigns"


def post_json(client, path, body, **headers):
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers)


def assert_problem(answer, code):
    said = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json", answer.content
    assert (said["code"], said["status"]) == (code, answer.status_code)
    assert said["type"].endswith(f"/api/#problem-{code}")
    assert said["title"]
    assert said["detail"]
    assert said["hint"]
    return said


# Refusals


def test_what_is_wrong_is_named_with_its_place(api_client):
    said = assert_problem(
        post_json(api_client, NUMBERS, {"number": "+12065550143", "lable": "x", "source": "own"}), "invalid"
    )
    assert {one["where"] for one in said["errors"]} == {"body.lable", "body.source"}
    said = assert_problem(api_client.get(NUMBERS, {"limit": "1000", "status": "spam"}), "invalid")
    assert {one["where"] for one in said["errors"]} == {"query.limit", "query.status"}


@pytest.mark.parametrize("body", ["{", "nonsense", '{"number": NaN}', "[" * 100_000, b"\xff\xfe"])
def test_what_is_no_json_is_malformed(api_client, body):
    assert_problem(api_client.post(NUMBERS, body, content_type="application/json"), "malformed")


@pytest.mark.parametrize("name", ["\ud800", "a\x00b", "a\nb", " ", "\u00a0", "x" * 81, 5, None, ["a"]])
def test_text_that_is_no_name_is_refused(api_client, name):
    assert_problem(post_json(api_client, CAMPAIGNS, {"name": name}), "invalid")
    assert not Campaign.objects.exists()


def test_another_type_of_body_is_refused(api_client):
    assert_problem(api_client.post(NUMBERS, {"number": "+12065550143"}), "media_type")
    assert_problem(post_json(api_client, "/api/v1/imports", {}), "media_type")
    assert not PhoneNumber.objects.exists()


def test_a_body_that_is_too_large_is_refused_before_it_is_read(api_client):
    assert_problem(post_json(api_client, NUMBERS, {"number": "1" * 1024 * 1024}), "too_large")


@pytest.mark.parametrize("path", ["/api/v1/", "/api/v1/nothing", "/api/v1/numbers/", "/api/v1/numbers/1/nothing"])
def test_an_address_that_is_none_is_a_problem_too(api_client, path):
    assert_problem(api_client.get(path), "not_found")


def test_a_method_that_is_none_names_those_that_are(api_client):
    answer = api_client.delete(NUMBERS)
    assert_problem(answer, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "POST"}
    assert_problem(api_client.post("/api/v1/openapi.json"), "method_not_allowed")


def test_a_failure_shows_no_insides_and_leaves_nothing_behind(api_client, monkeypatch, caplog):
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


def test_refusals_of_keys_carry_the_challenge(client, account, api_client_for):
    answer = client.get(NUMBERS)
    assert_problem(answer, "key_missing")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    answer = api_client_for(account, "match").get(NUMBERS)
    assert_problem(answer, "scope_missing")
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_no_answer_is_kept_by_anybody_on_the_way(api_client, client):
    for answer in (api_client.get(NUMBERS), client.get(NUMBERS), api_client.get(f"{NUMBERS}/1")):
        assert answer.headers["Cache-Control"] == "no-store"


def test_writing_needs_no_csrf_token_and_a_cookie_counts_for_nothing(account, owner):
    token = create_api_key(account)[1]
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner.user)
    assert post_json(client, NUMBERS, {"number": "+12065550143"}).status_code == 401
    answer = post_json(client, NUMBERS, {"number": "+12065550143"}, authorization=f"Bearer {token}")
    assert answer.status_code == 201
    assert not answer.cookies
    assert AuditEvent.objects.get(what="number.added").actor is None


# Writes happen once


def test_the_same_request_is_done_once_and_gets_the_same_answer(api_client):
    first = post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    again = post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key='"one"')
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert [again.headers[name] for name in ("Location", "ETag", "Content-Type")] == [
        first.headers[name] for name in ("Location", "ETag", "Content-Type")
    ]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert AuditEvent.objects.filter(what="number.added").count() == 1


def test_a_refusal_is_the_same_again_too(api_client):
    PhoneNumberFactory(account_id=ApiKey.objects.get().account_id, e164="+12065550143")
    first = post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    assert_problem(first, "number_exists")
    PhoneNumber.objects.all().delete()
    again = post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    assert again.content == first.content
    assert again.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("other", [{"number": "+12065550144"}, {"number": "+12065550143", "label": ""}])
def test_another_request_with_the_same_key_is_refused(api_client, other):
    post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    assert_problem(post_json(api_client, NUMBERS, other, idempotency_key="one"), "idempotency_key_reused")
    assert_problem(post_json(api_client, CAMPAIGNS, {"name": "x"}, idempotency_key="one"), "idempotency_key_reused")


def test_keys_of_two_systems_do_not_meet(account, api_client_for):
    names = ["A", "B"]
    answers = [post_json(api_client_for(account), CAMPAIGNS, {"name": name}, idempotency_key="one") for name in names]
    assert [answer.status_code for answer in answers] == [201, 201]


def test_while_the_first_is_under_way_the_second_is_told_to_wait(account, api_client):
    post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    IdempotentResponse.objects.update(answered_at=None)
    answer = post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    assert_problem(answer, "idempotency_under_way")
    assert answer.headers["Retry-After"] == "1"


def test_a_request_whose_process_died_is_done_by_whoever_asks_again(account, api_client):
    key = ApiKey.objects.get()
    begun = timezone.now() - idempotency.ABANDONED_AFTER - timedelta(seconds=1)
    answered = post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    PhoneNumber.objects.all().delete()  # what a dead process had begun was never committed
    IdempotentResponse.objects.filter(key=key).update(answered_at=None, begun_at=begun)
    again = post_json(api_client, NUMBERS, {"number": "+12065550143"}, idempotency_key="one")
    assert (answered.status_code, again.status_code) == (201, 201)
    assert "Idempotency-Replayed" not in again.headers
    assert PhoneNumber.objects.count() == 1


def test_a_process_that_was_given_up_undoes_what_it_did(account, api_client, monkeypatch):
    """It was slow, not dead: while it worked, somebody else took the request over, and that one's answer counts."""
    create = campaigns.create

    def slow(**kwargs):
        IdempotentResponse.objects.update(token="another")
        return create(**kwargs)

    monkeypatch.setattr("reputation.api.campaigns.campaigns.create", slow)
    assert_problem(
        post_json(api_client, CAMPAIGNS, {"name": "Renewals"}, idempotency_key="one"), "idempotency_under_way"
    )
    assert not Campaign.objects.exists()


def test_an_upload_that_is_sent_again_is_the_same_though_its_boundary_differs(api_client):
    def send(content=b"number\n2065550143\n"):
        return api_client.post(
            "/api/v1/imports", {"file": SimpleUploadedFile("a.csv", content)}, headers={"Idempotency-Key": "one"}
        )

    first, again = send(), send()
    assert (first.status_code, again.headers.get("Idempotency-Replayed")) == (201, "true")
    assert first.json() == again.json()
    assert_problem(send(b"number\n2065550144\n"), "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "x" * 256, 'a"b', "\u00e9"])
def test_a_key_that_is_none_is_refused(api_client, key):
    assert_problem(post_json(api_client, CAMPAIGNS, {"name": "x"}, idempotency_key=key), "invalid")


def test_after_a_day_a_key_may_stand_for_another_request(api_client):
    now = timezone.now()
    with time_machine.travel(now - timedelta(hours=25), tick=False):
        post_json(api_client, CAMPAIGNS, {"name": "A"}, idempotency_key="one")
    assert post_json(api_client, CAMPAIGNS, {"name": "B"}, idempotency_key="one").status_code == 201
    assert idempotency.prune(now) == 0
    assert idempotency.prune(now + timedelta(hours=25)) == 1
    assert not IdempotentResponse.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_that_come_at_once_one_is_done(account):
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
    assert AuditEvent.objects.filter(what="campaign.added").count() == 1


# Rate limits


def test_every_answer_says_how_much_is_left(api_client, settings):
    settings.API_RATE_LIMIT = 5
    with time_machine.travel("2026-11-25T10:00:20Z", tick=False):
        left = [api_client.get(NUMBERS).headers for _ in range(2)]
    assert [one["RateLimit-Policy"] for one in left] == ['"default";q=5;w=60'] * 2
    assert [one["RateLimit"] for one in left] == ['"default";r=4;t=40', '"default";r=3;t=40']


def test_who_asks_too_often_is_told_when_to_come_again(api_client, settings):
    settings.API_RATE_LIMIT = 3
    with time_machine.travel("2026-11-25T10:00:20Z", tick=False):
        answers = [api_client.get(NUMBERS) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert_problem(answers[-1], "rate_limited")
        assert answers[-1].headers["Retry-After"] == "40"
        assert answers[-1].headers["RateLimit"] == '"default";r=0;t=40'
    with time_machine.travel("2026-11-25T10:01:00Z", tick=False):
        assert api_client.get(NUMBERS).status_code == 200


def test_one_system_does_not_use_up_anothers_requests(account, api_client_for, settings):
    settings.API_RATE_LIMIT = 1
    one, other = api_client_for(account), api_client_for(account)
    with time_machine.travel("2026-11-25T10:00:20Z", tick=False):
        assert [client.get(NUMBERS).status_code for client in (one, one, other)] == [200, 429, 200]


def test_without_a_limit_nothing_is_counted(api_client, settings):
    settings.API_RATE_LIMIT = 0
    assert "RateLimit" not in api_client.get(NUMBERS).headers
    assert not ApiUsage.objects.exists()


def test_a_hundred_requests_in_a_second_write_once(account, now, monkeypatch, django_assert_num_queries):
    key, _ = create_api_key(account)
    monkeypatch.setattr(rate_limits.time, "monotonic", lambda: 100.0)
    with django_assert_num_queries(1):
        for _ in range(100):
            spent = rate_limits.count_request(key, "default", now=now)
    assert spent.used == 100


def test_processes_add_up_what_they_counted(account, now, monkeypatch, settings):
    """Each dictionary of counts is a process; the clock of each goes on by two seconds between its requests."""
    settings.API_RATE_LIMIT = 100
    key, _ = create_api_key(account)
    clock, processes = iter(range(0, 10_000, 2)), [{}, {}, {}]
    monkeypatch.setattr(rate_limits.time, "monotonic", lambda: float(next(clock)))
    now = now.replace(second=5)
    for turn in range(90):
        monkeypatch.setattr(rate_limits, "_counters", processes[turn % 3])
        spent = rate_limits.count_request(key, "default", now=now)
    assert spent.used == 90
    assert ApiUsage.objects.get().used == 90


@pytest.mark.django_db(transaction=True)
def test_the_limit_holds_across_processes_within_about_a_seconds_requests(account, now, monkeypatch, settings):
    settings.API_RATE_LIMIT = 1_000
    key, _ = create_api_key(account)
    clock = {"now": 0.0}
    monkeypatch.setattr(rate_limits.time, "monotonic", lambda: clock["now"])
    processes = [{} for _ in range(4)]
    now, answered = now.replace(second=0), 0
    for _second in range(10):  # each of the four answers 50 requests a second: 2,000 in these ten seconds
        clock["now"] += 1.0
        for process in processes:
            monkeypatch.setattr(rate_limits, "_counters", process)
            for _ in range(50):
                answered += not rate_limits.count_request(key, "default", now=now).is_too_much
    assert 1_000 <= answered <= 1_000 + 4 * 50


def test_a_plain_view_is_guarded_by_one_line(account, rf):
    view = require_api_key("match", policy="match")(_account_name_view)
    token = create_api_key(account, "match")[1]
    answer = view(rf.get("/", headers={"Authorization": f"Bearer {token}"}))
    assert answer.content.decode() == account.name
    assert answer.headers["RateLimit-Policy"].startswith('"match";q=60000')
    assert view(rf.get("/")).status_code == 401


def _account_name_view(request):
    return HttpResponse(request.caller.account.name)


def test_the_guard_takes_one_query_when_nothing_is_due(account, rf, django_assert_num_queries):
    view = require_api_key("match", policy="match")(_account_name_view)
    token = create_api_key(account, "match")[1]
    request = rf.get("/", headers={"Authorization": f"Bearer {token}"})
    view(request)
    with django_assert_num_queries(1):
        view(request)


# Versions and cursors


def test_of_two_who_change_a_number_the_second_learns_of_it(api_client, account):
    number = PhoneNumberFactory(account=account, label="Old")
    path = f"{NUMBERS}/{number.pk}"
    seen = api_client.get(path).headers["ETag"]

    def change(label, version):
        return api_client.patch(
            path, json.dumps({"label": label}), content_type="application/json", headers={"If-Match": version}
        )

    changed = change("First", seen)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != seen
    late = change("Second", seen)
    assert_problem(late, "changed_meanwhile")
    assert late.headers["ETag"] == changed.headers["ETag"]
    assert_problem(api_client.delete(path, headers={"If-Match": seen}), "changed_meanwhile")
    number.refresh_from_db()
    assert (number.label, number.removed_at) == ("First", None)
    assert change("Third", f'"other", {changed.headers["ETag"]}').status_code == 200
    assert change("Fourth", "*").status_code == 200


def test_a_look_up_between_reading_and_changing_is_no_change(api_client, account):
    number = PhoneNumberFactory(account=account)
    seen = api_client.get(f"{NUMBERS}/{number.pk}").headers["ETag"]
    PhoneNumber.objects.update(spam_status=PhoneNumber.SpamStatus.CLEAN, checked_at=timezone.now(), ever_checked=True)
    assert api_client.get(f"{NUMBERS}/{number.pk}").headers["ETag"] == seen


def test_pages_go_through_everything_once_whatever_is_added_meanwhile(api_client, account):
    made = [number.pk for number in PhoneNumberFactory.create_batch(7, account=account)]
    seen, params = [], {"limit": 3}
    while True:
        page = api_client.get(NUMBERS, params).json()
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
        PhoneNumber.objects.filter(pk=seen[0]).delete()
    assert seen == made


@pytest.mark.parametrize(
    "text", ["nonsense", "AAAA", encode_cursor("campaigns", 5), encode_cursor("numbers", 5) + "A", "b" * 80]
)
def test_a_cursor_of_another_list_is_refused(api_client, text):
    assert_problem(api_client.get(NUMBERS, {"cursor": text}), "cursor_invalid")


# The document


def test_the_document_is_valid_and_anybodys(client):
    document = client.get("/api/v1/openapi.json").json()
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"]
    assert document == json.loads(json.dumps(openapi_document()))


def test_every_operation_says_its_scope_and_its_refusals():
    for of_path in openapi_document()["paths"].values():
        for operation in of_path.values():
            assert operation["security"] == [{"key": [operation["x-scope"]]}]
            assert operation["x-scope"] in SCOPES
            assert {"401", "403", "429", "500"} <= set(operation["responses"])
            assert operation["summary"]


def test_the_page_shows_every_operation_and_every_refusal(as_viewer):
    page = as_viewer.get(reverse("api-reference")).content.decode()
    for operation in all_api_operations():
        assert f'id="{operation.id}"' in page
        assert operation.path in page
    for code in PROBLEM_TYPES:
        assert f'id="problem-{code}"' in page
    assert "<script" not in page.partition("<main")[2]


def test_the_page_asks_no_more_than_any_other(as_viewer, django_assert_max_num_queries):
    as_viewer.get(reverse("api-reference"))
    with django_assert_max_num_queries(6):
        as_viewer.get(reverse("api-reference"))


def test_a_campaigns_name_is_one_as_the_database_sees_it(api_client, account):
    CampaignFactory(account=account, name="Renewals")
    assert_problem(post_json(api_client, CAMPAIGNS, {"name": "RENEWALS"}), "name_taken")
    with connection.cursor() as after_it:
        after_it.execute("SELECT 1")  # a refused write leaves a transaction that works
