"""The operations of the API do what the pages do, for the key's account, and the audit trail names the key."""

import json
from pathlib import Path

import pytest
from django.conf import settings as project
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal import audit
from portal.accounts.licensing import Product
from portal.audit import Context
from portal.models import ApiKey, AuditEvent
from reputation import phone_numbers
from reputation.bulk_actions import actions
from reputation.imports import pipeline
from reputation.models import BulkAction, Campaign, Case, Check, NumberImport, PhoneNumber
from reputation.numbers import spam_status
from reputation.tasks.bulk_actions import apply_bulk_action
from tests.factories import (
    AccountFactory,
    CampaignFactory,
    CaseFactory,
    CheckFactory,
    EngineFactory,
    LicenceFactory,
    MonitoredNumberFactory,
    PhoneNumberFactory,
    SubmissionFactory,
    TagFactory,
)
from tests.support.urls import all_api_operations, create_case

pytestmark = pytest.mark.django_db

V1 = "/api/v1"


def send_request(client, method, path, body=None, **headers):
    return client.generic(
        method,
        f"{V1}{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json" if body is not None else "",
        headers=headers,
    )


def get_json(client, path, **params):
    answer = client.get(f"{V1}{path}", params)
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.fixture
def api_key(api_client) -> ApiKey:
    return ApiKey.objects.get()


# Numbers


def test_a_number_is_added_and_the_trail_names_the_key(api_client, account, api_key, as_viewer):
    campaign = CampaignFactory(account=account)
    body = {"number": "(206) 555-0143", "label": "Seattle 4", "source": "byoc", "campaign_id": campaign.pk}
    answer = send_request(api_client, "POST", "/numbers", body)
    assert answer.status_code == 201
    number = PhoneNumber.objects.get()
    assert (number.account, number.e164, number.label, number.source, number.campaign) == (
        account,
        "+12065550143",
        "Seattle 4",
        "byoc",
        campaign,
    )
    said = answer.json()
    assert (said["number"], said["label"], said["campaign"]) == (
        "+12065550143",
        "Seattle 4",
        {"id": campaign.pk, "name": campaign.name},
    )
    assert answer.headers["Location"] == f"{V1}/numbers/{number.pk}"
    assert api_client.get(answer.headers["Location"]).json() == said
    event = AuditEvent.objects.get(what="number.added")
    assert (event.via, event.api_key, event.actor) == ("api", api_key, None)
    assert "API key Dialer" in as_viewer.get(reverse("audit-trail"), {"who": "api"}).content.decode()


def test_what_a_key_did_is_not_said_to_be_the_services_own_doing(api_client, account, as_viewer):
    send_request(api_client, "POST", "/numbers", {"number": "+12065550143"})
    assert (
        "Number added"
        not in as_viewer.get(reverse("audit-trail"), {"who": "service"}).content.decode().partition('id="events"')[2]
    )


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("+12065550", "not_a_number"),
        ("1-800-FLOWERS", "not_a_number"),
        ("+19005550143", "not_a_number"),
        ("x" * 61, "invalid"),
        ("", "invalid"),
        (12065550143, "invalid"),
    ],
)
def test_what_is_no_caller_id_is_refused(api_client, number, code):
    answer = send_request(api_client, "POST", "/numbers", {"number": number})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["where"] == "body.number"


def test_a_number_that_is_there_is_named(api_client, account):
    there = PhoneNumberFactory(account=account, e164="+12065550143")
    answer = send_request(api_client, "POST", "/numbers", {"number": "+12065550143", "label": "New"})
    assert (answer.status_code, answer.json()["code"], answer.json()["id"]) == (409, "number_exists", there.pk)
    there.refresh_from_db()
    assert there.label == ""


def test_a_number_that_another_account_has_is_added_for_this_one_too(api_client, account):
    PhoneNumberFactory(e164="+12065550143")
    assert send_request(api_client, "POST", "/numbers", {"number": "+12065550143"}).status_code == 201


def test_a_removed_number_comes_back(api_client, account, now):
    number = PhoneNumberFactory(account=account, e164="+12065550143", label="Kept")
    phone_numbers.remove([number.pk], context=Context.system(now))
    assert send_request(api_client, "GET", f"/numbers/{number.pk}").status_code == 404
    said = send_request(api_client, "POST", "/numbers", {"number": "+12065550143"}).json()
    assert (said["id"], said["label"]) == (number.pk, "Kept")


def test_what_is_left_out_of_a_change_stays(api_client, account):
    campaign = CampaignFactory(account=account)
    number = PhoneNumberFactory(account=account, label="Old", source="byoc", campaign=campaign)
    said = send_request(api_client, "PATCH", f"/numbers/{number.pk}", {"label": "New"}).json()
    assert (said["label"], said["source"], said["campaign"]["id"]) == ("New", "byoc", campaign.pk)
    said = send_request(api_client, "PATCH", f"/numbers/{number.pk}", {"campaign_id": None, "source": "native"}).json()
    assert (said["label"], said["source"], said["campaign"]) == ("New", "native", None)
    assert send_request(api_client, "PATCH", f"/numbers/{number.pk}", {}).json() == said


def test_a_change_that_names_another_accounts_campaign_changes_nothing(api_client, account):
    number = PhoneNumberFactory(account=account, label="Old")
    body = {"label": "New", "campaign_id": CampaignFactory().pk}
    answer = send_request(api_client, "PATCH", f"/numbers/{number.pk}", body)
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, "body.campaign_id")
    number.refresh_from_db()
    assert (number.label, number.campaign) == ("Old", None)


def test_a_removed_number_is_gone_from_the_list(api_client, account):
    number = MonitoredNumberFactory(account=account)
    answer = send_request(api_client, "DELETE", f"/numbers/{number.pk}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert get_json(api_client, "/numbers")["items"] == []
    assert send_request(api_client, "DELETE", f"/numbers/{number.pk}").status_code == 404
    number.refresh_from_db()
    assert number.capability == PhoneNumber.Capability.OFF


def test_the_list_is_the_accounts_and_takes_the_filters_of_the_table(api_client, account):
    campaign, engine = CampaignFactory(account=account), EngineFactory()
    tagged = MonitoredNumberFactory(account=account, e164="+12065550100", campaign=campaign)
    TagFactory(number=tagged, engine=engine)
    spam_status.recompute([tagged.pk])
    other = PhoneNumberFactory(account=account, e164="+12125550100", label="Boston", source="byoc")
    PhoneNumberFactory()

    def found(**params):
        return [one["id"] for one in get_json(api_client, "/numbers", **params)["items"]]

    assert found() == [tagged.pk, other.pk]
    assert found(q="(206) 555") == found(status="labelled") == found(capability="on") == [tagged.pk]
    assert found(campaign=campaign.pk) == found(engine=engine.pk) == found(source="native") == [tagged.pk]
    assert found(campaign="none") == found(q="bost") == [other.pk]
    assert found(campaign=CampaignFactory().pk) == []


def test_a_clean_answer_that_is_too_old_is_stale(api_client, account, now):
    number = MonitoredNumberFactory(account=account, spam_status=PhoneNumber.SpamStatus.CLEAN, fresh_until=now)
    said = get_json(api_client, f"/numbers/{number.pk}")
    assert (said["spam_status"], said["is_tagged"]) == ("stale", False)


# Reputation


def test_a_reputation_says_what_each_engine_says(api_client, account):
    alpha, beta = EngineFactory(name="Alpha"), EngineFactory(name="Beta")
    number = MonitoredNumberFactory(account=account)
    case = CaseFactory(number=number)
    CheckFactory(number=number, engine=alpha)
    CheckFactory(number=number, engine=beta, result=Check.Result.TAGGED, label="Spam Likely")
    tag = TagFactory(number=number, engine=beta, case=case)
    spam_status.recompute([number.pk])
    said = get_json(api_client, f"/numbers/{number.pk}/reputation")
    assert (said["spam_status"], said["is_tagged"], said["case_id"]) == ("tagged", True, case.pk)
    assert [(one["id"], one["engine"]["name"], one["label"]) for one in said["tags"]] == [
        (tag.pk, "Beta", "Spam Likely")
    ]
    results = {one["engine"]["name"]: one["check"] and one["check"]["result"] for one in said["engines"]}
    assert (results["Alpha"], results["Beta"]) == ("clean", "tagged")
    checks = get_json(api_client, f"/numbers/{number.pk}/checks")["items"]
    assert [one["engine"]["name"] for one in checks] == ["Beta", "Alpha"]


def test_a_history_holds_the_numbers_its_labels_and_its_cases_events(api_client, account, now):
    number = MonitoredNumberFactory(account=account)
    case, tag = CaseFactory(number=number), TagFactory(number=number)
    for what, subject in (("number.added", number), ("tag.detected", tag), ("case.opened", case)):
        audit.record_event(account=account, context=Context.system(now), what=what, subject=subject)
    audit.record_event(account=account, context=Context.system(now), what="number.added", subject=PhoneNumberFactory())
    first = get_json(api_client, f"/numbers/{number.pk}/history", limit=2)
    rest = get_json(api_client, f"/numbers/{number.pk}/history", limit=2, cursor=first["next_cursor"])
    assert [one["what"] for one in first["items"] + rest["items"]] == ["case.opened", "tag.detected", "number.added"]
    assert rest["next_cursor"] is None


def test_times_are_utc_with_their_offset(api_client, account):
    number = PhoneNumberFactory(account=account, added_at=timezone.datetime.fromisoformat("2026-03-01T08:00:00-05:00"))
    assert get_json(api_client, f"/numbers/{number.pk}")["added_at"] == "2026-03-01T13:00:00Z"


# Cases


def test_cases_are_listed_newest_first_by_state_and_number(api_client, account):
    failed, opened = create_case(account, Case.State.FAILED), create_case(account)
    create_case(AccountFactory())
    found = get_json(api_client, "/cases")["items"]
    assert [one["id"] for one in found] == [opened.pk, failed.pk]
    assert [one["id"] for one in get_json(api_client, "/cases", state="failed")["items"]] == [failed.pk]
    assert [one["id"] for one in get_json(api_client, "/cases", number_id=opened.number_id)["items"]] == [opened.pk]


def test_a_case_says_its_course_and_what_happens_next(api_client, account):
    case = CaseFactory(number=MonitoredNumberFactory(account=account))
    engine = EngineFactory(name="Alpha")
    TagFactory(number=case.number, case=case, engine=engine)
    SubmissionFactory(case=case, engine=engine)
    said = get_json(api_client, f"/cases/{case.pk}")
    assert (said["state"], said["number"]["number"]) == ("open", case.number.e164)
    assert "goes to Alpha" in said["next"]["sentence"]
    assert said["next"]["by"]
    assert [one["engine"]["name"] for one in said["submissions"]] == ["Alpha"]


def test_a_ticket_is_noted_for_a_case_that_failed_and_no_other(api_client, account, api_key):
    failed, opened = create_case(account, Case.State.FAILED), create_case(account)
    said = send_request(api_client, "PUT", f"/cases/{failed.pk}/ticket", {"reference": "48213"}).json()
    assert (said["ticket_reference"], bool(said["ticket_noted_at"])) == ("48213", True)
    assert AuditEvent.objects.get(what="case.ticket").api_key == api_key
    answer = send_request(api_client, "PUT", f"/cases/{opened.pk}/ticket", {"reference": "48213"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")


# Campaigns


def test_a_campaign_is_added_and_changed_at_once_or_not_at_all(api_client, account, api_key):
    said = send_request(api_client, "POST", "/campaigns", {"name": "  Renewals ", "automatic_matching": False}).json()
    assert (said["name"], said["automatic_matching"], said["is_paused"], said["default_number"]) == (
        "Renewals",
        False,
        False,
        None,
    )
    number = PhoneNumberFactory(account=account)
    change = {"name": "Spring", "is_paused": True, "automatic_matching": True, "default_number_id": number.pk}
    said = send_request(api_client, "PATCH", f"/campaigns/{said['id']}", change).json()
    assert (said["name"], said["is_paused"], said["automatic_matching"], said["default_number"]["id"]) == (
        "Spring",
        True,
        True,
        number.pk,
    )
    assert set(AuditEvent.objects.filter(subject="campaign").values_list("what", "api_key")) == {
        (f"campaign.{what}", api_key.pk) for what in ("added", "name", "paused", "matching_on", "default")
    }
    refused = send_request(
        api_client, "PATCH", f"/campaigns/{said['id']}", {"name": "X", "default_number_id": PhoneNumberFactory().pk}
    )
    assert (refused.status_code, refused.json()["errors"][0]["where"]) == (422, "body.default_number_id")
    assert Campaign.objects.get().name == "Spring"
    said = send_request(
        api_client, "PATCH", f"/campaigns/{said['id']}", {"default_number_id": None, "is_paused": False}
    ).json()
    assert (said["default_number"], said["is_paused"]) == (None, False)


def test_a_number_that_cannot_be_shown_is_no_default(api_client, account):
    campaign, premium = CampaignFactory(account=account), PhoneNumberFactory(account=account, kind="premium")
    answer = send_request(
        api_client, "PATCH", f"/campaigns/{campaign.pk}", {"name": "X", "default_number_id": premium.pk}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")
    campaign.refresh_from_db()
    assert campaign.name != "X"


def test_a_campaigns_daily_limit_is_set_changed_and_taken_away(api_client, account):
    address = f"/campaigns/{CampaignFactory(account=account).pk}"
    seen = api_client.get(f"{V1}{address}")
    assert seen.json()["daily_limit"] is None
    limited = send_request(api_client, "PATCH", address, {"daily_limit": 100})
    assert limited.json()["daily_limit"] == 100
    assert limited.headers["ETag"] != seen.headers["ETag"]
    assert send_request(api_client, "PATCH", address, {"name": "Other"}).json()["daily_limit"] == 100
    for wrong in (0, -1, 1_000_001):
        assert send_request(api_client, "PATCH", address, {"daily_limit": wrong}).status_code == 422
    assert send_request(api_client, "PATCH", address, {"daily_limit": None}).json()["daily_limit"] is None
    events = AuditEvent.objects.filter(what="campaign.daily_limit").order_by("pk")
    assert list(events.values_list("before", "after")) == [("none", "100"), ("100", "none")]


def test_of_two_who_change_a_campaign_the_second_learns_of_it(api_client, account):
    campaign = CampaignFactory(account=account)
    seen = api_client.get(f"{V1}/campaigns/{campaign.pk}").headers["ETag"]
    assert (
        send_request(api_client, "PATCH", f"/campaigns/{campaign.pk}", {"is_paused": True}, if_match=seen).status_code
        == 200
    )
    answer = send_request(api_client, "PATCH", f"/campaigns/{campaign.pk}", {"name": "X"}, if_match=seen)
    assert (answer.status_code, answer.json()["code"]) == (412, "changed_meanwhile")


def test_numbers_are_assigned_and_unassigned(api_client, account):
    campaign, numbers = CampaignFactory(account=account), PhoneNumberFactory.create_batch(3, account=account)
    ids = [number.pk for number in numbers]
    said = send_request(
        api_client, "POST", f"/campaigns/{campaign.pk}/assign", {"ids": [*ids[:2], PhoneNumberFactory().pk]}
    ).json()
    assert (said["state"], said["chosen"], said["applied"]) == ("done", 2, 2)
    assert list(PhoneNumber.objects.in_campaign(campaign).order_by("pk").values_list("pk", flat=True)) == ids[:2]
    said = send_request(api_client, "POST", f"/campaigns/{campaign.pk}/unassign", {"filter": {}}).json()
    assert said["applied"] == 2
    assert not PhoneNumber.objects.in_campaign(campaign).exists()


# Enable and disable


def test_a_dry_run_answers_what_the_window_shows_and_changes_nothing(api_client, enrolled_account):
    campaign = CampaignFactory(account=enrolled_account)
    LicenceFactory(account=enrolled_account, product=Product.MONITORING_SKU, seats=1)
    PhoneNumberFactory.create_batch(2, account=enrolled_account, campaign=campaign)
    outside = PhoneNumberFactory.create_batch(3, account=enrolled_account)
    canadian = PhoneNumberFactory(account=enrolled_account, e164="+16045550143")
    said = send_request(api_client, "POST", "/numbers/enable", {"filter": {}, "dry_run": True}).json()
    assert (said["state"], said["chosen"], said["to_do"], said["applied"]) == ("shown", 6, 3, 0)
    refused = {one["code"]: (one["count"], [number["id"] for number in one["examples"]]) for one in said["refused"]}
    assert refused == {
        "outside_united_states": (1, [canadian.pk]),
        "no_free_seat": (2, [number.pk for number in outside[1:]]),
    }
    assert said["seats"] == {"total": 1, "used": 0, "free": 1}
    window = actions.get_preview(BulkAction.objects.get())
    assert (said["sentence"], said["to_do"]) == (window.sentence, window.to_do)
    assert not PhoneNumber.objects.monitored().exists()


def test_what_a_dry_run_showed_is_done_when_it_is_confirmed_and_once(api_client, enrolled_account, api_key):
    campaign = CampaignFactory(account=enrolled_account)
    shown = PhoneNumberFactory.create_batch(2, account=enrolled_account, campaign=campaign)
    pk = send_request(api_client, "POST", "/numbers/enable", {"filter": {}, "dry_run": True}).json()["id"]
    PhoneNumberFactory(account=enrolled_account, campaign=campaign)  # came later, and was not shown
    said = send_request(api_client, "POST", f"/confirmations/{pk}/confirm").json()
    assert (said["state"], said["applied"]) == ("done", 2)
    assert set(PhoneNumber.objects.monitored()) == set(shown)
    assert send_request(api_client, "POST", f"/confirmations/{pk}/confirm").json() == said
    assert get_json(api_client, f"/confirmations/{pk}") == said
    events = AuditEvent.objects.filter(what="capability.verifying")
    assert list(events.values_list("via", "api_key")) == [("api", api_key.pk)] * 2


def test_enabling_by_ids_and_disabling_by_filter(api_client, enrolled_account):
    campaign = CampaignFactory(account=enrolled_account)
    numbers = PhoneNumberFactory.create_batch(3, account=enrolled_account, campaign=campaign)
    answer = send_request(api_client, "POST", "/numbers/enable", {"ids": [numbers[0].pk, numbers[1].pk]})
    assert (answer.status_code, answer.json()["applied"]) == (200, 2)
    said = send_request(api_client, "POST", "/numbers/disable", {"filter": {"capability": "verifying"}}).json()
    assert (said["action"], said["chosen"], said["applied"]) == ("disable", 2, 2)
    assert not PhoneNumber.objects.monitored().exists()


def test_without_an_enrollment_nothing_is_enabled_and_the_reason_said(api_client, account):
    PhoneNumberFactory.create_batch(2, account=account)
    said = send_request(api_client, "POST", "/numbers/enable", {"filter": {}}).json()
    assert (said["to_do"], said["applied"], [one["code"] for one in said["refused"]]) == (0, 0, ["not_enrolled"])
    assert said["sentence"] == "Nothing was changed."


def test_more_than_are_done_at_once_go_to_the_workers_who_name_the_key(
    api_client, enrolled_account, api_key, monkeypatch
):
    monkeypatch.setattr(actions, "MAX_SYNCHRONOUS", 2)
    PhoneNumberFactory.create_batch(5, account=enrolled_account, campaign=CampaignFactory(account=enrolled_account))
    answer = send_request(api_client, "POST", "/numbers/enable", {"filter": {}}, idempotency_key="one")
    said = answer.json()
    assert (answer.status_code, said["state"], said["to_do"], said["applied"]) == (202, "applying", 5, 0)
    apply_bulk_action(said["id"])
    said = get_json(api_client, f"/confirmations/{said['id']}")
    assert (said["state"], said["applied"], said["sentence"]) == ("done", 5, "Enabled 5 numbers.")
    events = AuditEvent.objects.filter(what="capability.verifying")
    assert set(events.values_list("via", "api_key")) == {("api", api_key.pk)}


@pytest.mark.parametrize(
    "body", [{}, {"ids": []}, {"ids": [1], "filter": {}}, {"filter": {"status": "x"}}, {"ids": ["1"]}]
)
def test_what_does_not_say_which_numbers_does_nothing(api_client, account, body):
    PhoneNumberFactory(account=account)
    assert send_request(api_client, "POST", "/numbers/disable", body).status_code == 422
    assert not BulkAction.objects.exists()


def test_the_portal_shows_a_bulk_action_of_a_key_with_its_name(api_client, enrolled_account, as_viewer):
    PhoneNumberFactory(account=enrolled_account, campaign=CampaignFactory(account=enrolled_account))
    pk = send_request(api_client, "POST", "/numbers/enable", {"filter": {}}).json()["id"]
    assert "the API key Dialer" in as_viewer.get(reverse("confirmation", args=[pk])).content.decode()


# Imports


def post_file(client, content, name="numbers.csv"):
    return client.post(f"{V1}/imports", {"file": SimpleUploadedFile(name, content)})


def test_a_file_is_shown_first_and_imported_when_it_is_confirmed(api_client, account, api_key, as_viewer):
    answer = post_file(api_client, (Path(project.BASE_DIR) / "docs/sample-numbers.csv").read_bytes())
    said = answer.json()
    assert (answer.status_code, said["state"]) == (201, "ready")
    assert answer.headers["Location"] == f"{V1}/imports/{said['id']}"
    assert said["will_add"] > 20
    assert said["refused"] >= len(said["refused_first"]) > 5
    assert all(line["reason"] for line in said["refused_first"])
    assert not PhoneNumber.objects.exists()
    said = send_request(api_client, "POST", f"/imports/{said['id']}/confirm").json()
    assert (said["state"], said["added"]) == ("done", PhoneNumber.objects.count())
    assert get_json(api_client, f"/imports/{said['id']}") == said
    assert [one["id"] for one in get_json(api_client, "/imports")["items"]] == [said["id"]]
    assert set(AuditEvent.objects.filter(what="number.added").values_list("via", "api_key")) == {("api", api_key.pk)}
    assert "with the API key Dialer" in as_viewer.get(reverse("import", args=[said["id"]])).content.decode()
    assert "API key Dialer" in as_viewer.get(reverse("imports")).content.decode()


def test_an_import_is_dropped_or_confirmed_and_not_both(api_client, account):
    pk = post_file(api_client, b"number\n2065550143\n").json()["id"]
    assert send_request(api_client, "POST", f"/imports/{pk}/cancel").json()["state"] == "cancelled"
    for again in ("cancel", "confirm"):
        answer = send_request(api_client, "POST", f"/imports/{pk}/{again}")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")
    assert not PhoneNumber.objects.exists()


def test_an_import_that_is_under_way_can_be_stopped_once(api_client, account, monkeypatch):
    monkeypatch.setattr(pipeline, "MAX_SYNCHRONOUS_ROWS", 0)
    pk = post_file(api_client, b"number\n2065550143\n").json()["id"]
    assert send_request(api_client, "POST", f"/imports/{pk}/stop").json()["code"] == "not_possible"
    send_request(api_client, "POST", f"/imports/{pk}/confirm")
    assert send_request(api_client, "POST", f"/imports/{pk}/stop").json()["state"] == "stopped"
    answer = send_request(api_client, "POST", f"/imports/{pk}/stop")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")
    assert "stopped" in answer.json()["detail"]


def test_a_large_import_is_read_and_applied_by_the_workers_who_name_the_key(api_client, account, api_key, monkeypatch):
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
    assert set(AuditEvent.objects.filter(what="number.added").values_list("via", "api_key")) == {("api", api_key.pk)}


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n", b"name,town\nA,B\n"])
def test_what_is_no_file_of_numbers_is_refused_with_the_reason(api_client, content):
    answer = post_file(api_client, content)
    assert (answer.status_code, answer.json()["code"]) == (422, "file_unreadable")
    assert not NumberImport.objects.exists()


def test_an_upload_over_the_limit_is_too_large(api_client, settings):
    settings.UPLOAD_LIMIT_MB = 1
    answer = post_file(api_client, b"number\n" + b"2065550143\n" * 100_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


# Enrollment


def test_the_enrollment_and_the_seats_are_said(api_client, account, api_client_for):
    assert get_json(api_client, "/enrollment")["state"] == "none"
    assert get_json(api_client, "/enrollment")["is_approved"] is False


def test_an_approved_enrollment_is_said(api_client, enrolled_account):
    LicenceFactory(account=enrolled_account, product=Product.MONITORING_SKU, seats=7)
    said = get_json(api_client, "/enrollment")
    assert (said["state"], said["is_approved"], said["seats"]["free"]) == ("approved", True, 7)


# However many there are


@pytest.mark.parametrize(
    "path", ["/numbers", "/numbers?status=labelled", "/cases", "/campaigns", "/imports", "/numbers/{}/checks"]
)
def test_a_page_asks_as_much_for_5_as_for_200(api_client, account, settings, path):
    settings.API_RATE_LIMIT = 0  # which asks once a second, however much is answered

    def make(many):
        for _ in range(many):
            campaign = CampaignFactory(account=account)
            number = PhoneNumberFactory(account=account, campaign=campaign, spam_status=PhoneNumber.SpamStatus.TAGGED)
            Campaign.objects.filter(pk=campaign.pk).update(default_number=number)
            CaseFactory(number=number)
            CheckFactory(number=first or number, is_current=False)
            NumberImport.objects.create(
                account=account, file_name="x", size=1, delimiter=",", received_at=timezone.now()
            )

    def queries():
        with CaptureQueriesContext(connection) as captured:
            page = get_json(
                api_client, path.format(PhoneNumber.objects.order_by("pk").first().pk).removeprefix(V1), **limit
            )
        assert page["items"]
        return len(captured), len(page["items"])

    first, limit = None, {} if "?" in path else {"limit": 200}
    make(5)
    first = PhoneNumber.objects.order_by("pk").first()
    queries()
    few, _ = queries()
    make(195)
    many, shown = queries()
    assert many == few
    assert shown >= 50


@pytest.mark.parametrize("action", ["enable", "disable"])
def test_a_bulk_action_asks_as_much_for_5_numbers_as_for_500(api_client, enrolled_account, settings, action):
    settings.API_RATE_LIMIT = 0
    campaign = CampaignFactory(account=enrolled_account)
    capability = {"enable": "off", "disable": "on"}[action]

    def queries(many):
        ids = [one.pk for one in PhoneNumberFactory.create_batch(many, account=enrolled_account, campaign=campaign,
                                                                 capability=capability)]  # fmt: skip
        with CaptureQueriesContext(connection) as captured:
            assert send_request(api_client, "POST", f"/numbers/{action}", {"ids": ids}).json()["applied"] == many
        return len(captured)

    queries(5)
    assert queries(5) == queries(500)


def test_the_operations_are_those_of_the_issue():
    assert {one.id for one in all_api_operations()} >= {
        "list_numbers", "get_number", "add_number", "change_number", "remove_number", "import_numbers", "get_import",
        "confirm_import", "cancel_import", "enable_numbers", "disable_numbers", "get_confirmation", "get_reputation",
        "list_history", "list_cases", "get_case", "note_ticket", "list_campaigns", "get_campaign", "add_campaign",
        "change_campaign", "assign_numbers", "unassign_numbers", "get_enrollment", "list_events",
    }  # fmt: skip
