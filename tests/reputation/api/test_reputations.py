"""Reputation, checks and history of a number."""

import pytest
from django.utils import timezone

from portal import audit
from portal.audit import Context
from reputation.models import Check
from reputation.numbers import spam_status
from tests.factories import (
    CaseFactory,
    CheckFactory,
    EngineFactory,
    MonitoredNumberFactory,
    PhoneNumberFactory,
    TagFactory,
)
from tests.reputation.api.helpers import get_json

pytestmark = pytest.mark.django_db


def test_reputation_has_the_check_of_each_engine(api_client, account):
    alpha, beta = EngineFactory(name="Alpha"), EngineFactory(name="Beta")
    number = MonitoredNumberFactory(account=account)
    case = CaseFactory(number=number)
    CheckFactory(number=number, engine=alpha)
    CheckFactory(number=number, engine=beta, verdict=Check.Verdict.LABELLED, label="Spam Likely")
    tag = TagFactory(number=number, engine=beta, case=case)
    spam_status.recompute([number.pk], now=timezone.now())
    said = get_json(api_client, f"/numbers/{number.pk}/reputation")
    assert (said["spam_status"], said["is_tagged"], said["case_id"]) == ("tagged", True, case.pk)
    assert [(one["id"], one["engine"]["name"], one["label"]) for one in said["tags"]] == [
        (tag.pk, "Beta", "Spam Likely")
    ]
    answers = {
        one["engine"]["name"]: [(check["verdict"], check["effect"], check["evidence"]) for check in one["checks"]]
        for one in said["engines"]
    }
    assert answers["Alpha"] == [("clean", "clears", "engine_data")]
    assert answers["Beta"] == [("labelled", "tags", "engine_data")]
    checks = get_json(api_client, f"/numbers/{number.pk}/checks")["items"]
    assert [one["engine"]["name"] for one in checks] == ["Beta", "Alpha"]


def test_history_has_the_events_of_the_number_its_tags_and_its_cases(api_client, account, now):
    number = MonitoredNumberFactory(account=account)
    case, tag = CaseFactory(number=number), TagFactory(number=number)
    for code, subject in (("number.added", number), ("tag.detected", tag), ("case.opened", case)):
        audit.record_event(account=account, context=Context.system(now), code=code, subject=subject)
    audit.record_event(account=account, context=Context.system(now), code="number.added", subject=PhoneNumberFactory())
    first = get_json(api_client, f"/numbers/{number.pk}/history", limit=2)
    rest = get_json(api_client, f"/numbers/{number.pk}/history", limit=2, cursor=first["next_cursor"])
    assert [one["what"] for one in first["items"] + rest["items"]] == ["case.opened", "tag.detected", "number.added"]
    assert rest["next_cursor"] is None
