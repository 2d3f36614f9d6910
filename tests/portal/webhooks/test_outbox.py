"""The outbox: one message for each change, with the change or not at all, to subscribed endpoints only."""

import json
from datetime import timedelta
from itertools import permutations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ

from enrollment import lifecycle
from enrollment.models import Application
from portal import audit
from portal.audit import Actor, Context
from portal.audit.labels import EVENT_LABELS
from portal.models import WebhookDelivery, WebhookEndpoint, WebhookMessage
from portal.webhooks import outbox
from portal.webhooks.events import EVENT_TYPES, TEST_EVENT_TYPE, event_definitions
from reputation.models import Case, Tag
from reputation.monitoring import capability, lookups
from reputation.remediation import cases as remediation
from tests.enrollment.review import decide
from tests.factories import (
    AccountFactory,
    ApplicationFactory,
    CampaignFactory,
    CaseFactory,
    EngineFactory,
    MonitoredNumberFactory,
    PhoneNumberFactory,
    TagFactory,
    UserFactory,
    WebhookEndpointFactory,
)

pytestmark = pytest.mark.django_db


def payloads(event_type: str = "") -> list[dict]:
    found = WebhookMessage.objects.filter(type=event_type) if event_type else WebhookMessage.objects.all()
    return [json.loads(message.payload) for message in found.order_by("pk")]


def message_types() -> list[str]:
    return list(WebhookMessage.objects.order_by("pk").values_list("type", flat=True))


# Event types


def test_no_event_type_is_a_substring_of_another():
    assert [pair for pair in permutations([*EVENT_TYPES, TEST_EVENT_TYPE], 2) if pair[0] in pair[1]] == []


def test_every_event_type_is_sent_for_an_existing_event_code():
    assert {item.type for item in event_definitions.values()} == set(EVENT_TYPES)
    assert set(event_definitions) - set(EVENT_LABELS) == set()


def test_all_event_types_together_fit_their_column():
    assert len(" ".join(EVENT_TYPES)) <= WebhookEndpoint._meta.get_field("event_types").max_length


# Messages


def test_new_label_sends_number_tagged_and_case_opened(endpoint, provider, account, now):
    campaign = CampaignFactory(account=account, name="Spring")
    number = MonitoredNumberFactory(account=account, campaign=campaign, label="Front desk", next_action_at=now)
    provider.labels[number.e164, "alpha"] = "Spam Likely"
    lookups.look_up_due(now)
    assert message_types() == ["number.tagged", "case.opened"]
    about = {
        "id": number.pk,
        "e164": number.e164,
        "label": "Front desk",
        "campaign_id": campaign.pk,
        "campaign": "Spring",
    }
    tag, case = Tag.objects.get(), Case.objects.get()
    tagged, opened = payloads()
    assert tagged == {
        "type": "number.tagged",
        "timestamp": outbox.format_timestamp(now),
        "data": {
            "account_id": account.pk,
            "number": about,
            "tag": {"id": tag.pk, "engine": "Alpha", "label": "Spam Likely"},
        },
    }
    assert opened["data"] == {
        "account_id": account.pk,
        "number": about,
        "case": {"id": case.pk, "former_id": None},
    }
    assert set(WebhookMessage.objects.values_list("ordering_key", flat=True)) == {number.pk}


def test_number_cleared_says_whether_the_number_is_still_tagged(endpoint, provider, account, now):
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    provider.labels |= {(number.e164, "alpha"): "Spam Likely", (number.e164, "beta"): "Scam"}
    lookups.look_up_due(now)
    for day, left in enumerate(({(number.e164, "beta"): "Scam"}, {}), 1):
        provider.labels = left
        lookups.look_up_due(now + timedelta(days=2 * day))
    told_of = [(item["data"]["tag"]["engine"], item["data"]["still_tagged"]) for item in payloads("number.cleared")]
    assert told_of == [("Alpha", True), ("Beta", False)]


def test_labels_cleared_together_are_sent_as_not_still_tagged(endpoint, provider, account, now):
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    provider.labels |= {(number.e164, "alpha"): "Spam Likely", (number.e164, "beta"): "Scam"}
    lookups.look_up_due(now)
    provider.labels = {}
    lookups.look_up_due(now + timedelta(days=2))
    assert [item["data"]["still_tagged"] for item in payloads("number.cleared")] == [False, False]


def test_failed_case_is_sent_with_its_reason(endpoint, account, now):
    case = CaseFactory(number=MonitoredNumberFactory(account=account))
    TagFactory(number=case.number, account=account, case=case)
    remediation.fail([case.pk], now=now, reason="Hiya refused the request.")
    [failed] = payloads("case.failed")
    assert failed["data"]["case"] == {"id": case.pk, "former_id": None}
    assert failed["data"]["reason"] == "Hiya refused the request."


def test_case_opened_for_a_number_tagged_again_has_the_id_of_the_former_case(endpoint, provider, account, now):
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    former = CaseFactory(number=number, state=Case.State.CLEARED, closed_at=now)
    provider.labels[number.e164, "alpha"] = "Spam Likely"
    lookups.look_up_due(now)
    assert payloads("case.opened")[0]["data"]["case"]["former_id"] == former.pk


def test_each_change_of_capability_is_sent_with_before_after_and_reason(endpoint, provider, account, actor, now):
    number = PhoneNumberFactory(account=account)
    capability.enable([number.pk], context=Context(actor, now))
    capability.accept([number.pk], context=Context.system(now))
    capability.disable([number.pk], context=Context(actor, now), reason="No longer called from.")
    steps = [(item["data"]["before"], item["data"]["after"], item["data"]["reason"]) for item in payloads()]
    assert steps == [("off", "verifying", ""), ("verifying", "on", ""), ("on", "off", "No longer called from.")]


def test_enrollment_decisions_are_sent_in_one_order(endpoint, account, now):
    application = ApplicationFactory(account=account, state=Application.State.SUBMITTED, legal_name='Cascade "Solar" é')
    reviewer = Actor(user=UserFactory(staff_role="reviewer"), via="admin")
    decide(application, "approved", context=Context(reviewer, now), reason="Well run.")
    decide(application, "revoked", context=Context(reviewer, now), reason="Complaints.")
    assert [item["data"]["after"] for item in payloads("enrollment.decided")] == ["approved", "revoked"]
    first = payloads()[0]["data"]
    assert first["application"] == {"id": application.pk, "legal_name": 'Cascade "Solar" é'}
    assert first["reason"] == "Well run."
    assert set(WebhookMessage.objects.values_list("ordering_key", flat=True)) == {0}


def test_a_withdrawn_enrollment_is_told(endpoint, account, actor, now):
    application = ApplicationFactory(account=account, state=Application.State.SUBMITTED)
    lifecycle.withdraw(application, revision=application.revision, context=Context(actor, now))
    (item,) = payloads("enrollment.withdrawn")
    assert (item["data"]["before"], item["data"]["after"]) == ("submitted", "draft")
    assert item["data"]["application"]["id"] == application.pk


def test_event_recorded_singly_is_sent_too(endpoint, account, now):
    number = PhoneNumberFactory(account=account)
    audit.record_event(
        account=account,
        context=Context.system(now),
        code="capability.on",
        subject=number,
        before="verifying",
        after="on",
    )
    assert payloads()[0]["data"]["after"] == "on"


def test_event_without_a_webhook_type_is_not_sent(endpoint, account, actor, now):
    CampaignFactory(account=account)
    audit.record_event(
        account=account, context=Context(actor, now), code="number.added", subject=PhoneNumberFactory(account=account)
    )
    assert message_types() == []


# Subscriptions


def test_only_subscribed_endpoints_of_the_account_get_a_delivery(provider, account, actor, now):
    everything = WebhookEndpointFactory(account=account)
    capabilities = WebhookEndpointFactory(account=account, event_types="capability.changed", state="paused")
    WebhookEndpointFactory(account=account, event_types="case.opened case.failed")
    WebhookEndpointFactory(account=AccountFactory())
    capability.enable([PhoneNumberFactory(account=account).pk], context=Context(actor, now))
    deliveries = WebhookDelivery.objects.order_by("endpoint")
    assert [delivery.endpoint for delivery in deliveries] == [everything, capabilities]
    assert {delivery.message for delivery in deliveries} == {WebhookMessage.objects.get()}


def test_account_without_a_subscription_gets_no_message(provider, account, actor, now):
    WebhookEndpointFactory(account=AccountFactory())
    WebhookEndpointFactory(account=account, event_types="case.opened")
    capability.enable([PhoneNumberFactory(account=account).pk], context=Context(actor, now))
    assert message_types() == []
    assert not OrmQ.objects.exists()


def test_delivery_is_queued_with_the_message(endpoint, provider, account, actor, now):
    capability.enable([PhoneNumberFactory(account=account).pk], context=Context(actor, now))
    assert [row.func() for row in OrmQ.objects.all()] == [outbox.DELIVER_TASK]


def test_each_message_has_its_own_id(endpoint, provider, account, actor, now):
    numbers = [PhoneNumberFactory(account=account).pk for _ in range(3)]
    capability.enable(numbers, context=Context(actor, now))
    capability.accept(numbers, context=Context(actor, now))
    ids = {message.event_id for message in WebhookMessage.objects.all()}
    assert len(ids) == 6
    assert all(item.startswith("msg_") for item in ids)


# Transactions


def test_a_change_that_is_rolled_back_leaves_no_message(endpoint, provider, account, actor, now):
    number = PhoneNumberFactory(account=account)
    with transaction.atomic():
        capability.enable([number.pk], context=Context(actor, now))
        assert message_types() == ["capability.changed"]
        transaction.set_rollback(True)
    assert message_types() == []
    assert not WebhookDelivery.objects.exists()
    assert not OrmQ.objects.exists()


# Number of queries


def queries_to_enable(count: int, account, context: Context) -> list[str]:
    ids = [PhoneNumberFactory(account=account).pk for _ in range(count)]
    with CaptureQueriesContext(connection) as captured:
        assert len(capability.enable(ids, context=context)) == count
    return [query["sql"] for query in captured]


def test_query_count_is_the_same_for_5_and_500_numbers(endpoint, provider, account, actor, now):
    few, many = (len(queries_to_enable(count, account, Context(actor, now))) for count in (5, 500))
    assert few == many
    assert WebhookDelivery.objects.count() == 505


def test_change_without_an_endpoint_takes_one_select_query(provider, account, actor, now):
    about = [sql for sql in queries_to_enable(5, account, Context(actor, now)) if "webhook" in sql]
    assert len(about) == 1
    assert about[0].startswith("SELECT")


def test_query_count_is_the_same_for_5_and_500_labels_and_cases(endpoint, provider, account, now):
    EngineFactory(slug="alpha")
    counts = []
    for count in (5, 500):
        numbers = [MonitoredNumberFactory(account=account, next_action_at=now) for _ in range(count)]
        provider.labels |= {(number.e164, "alpha"): "Spam Likely" for number in numbers}
        with CaptureQueriesContext(connection) as captured:
            lookups.look_up_due(now)
        counts.append(len([query for query in captured if "webhook" in query["sql"]]))
    assert counts[0] == counts[1]
    assert WebhookMessage.objects.filter(type="case.opened").count() == 505
