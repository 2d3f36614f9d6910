"""docs/webhooks.md is correct: its example is what is sent, and its receiver runs unchanged."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from portal.audit import Context
from portal.models import WebhookMessage
from portal.webhooks import delivery as webhook_delivery
from portal.webhooks import http, results
from portal.webhooks.events import EVENT_TYPES
from reputation.models import Engine, PhoneNumber, Tag
from reputation.monitoring import capability, lookups
from tests.factories import (
    AccountFactory,
    CampaignFactory,
    CheckFactory,
    MonitoredNumberFactory,
    PhoneNumberFactory,
    TagFactory,
    WebhookEndpointFactory,
)
from tests.portal.webhooks.receiver import respond, run_receiver

pytestmark = pytest.mark.django_db

WEBHOOKS_DOC = (Path(settings.BASE_DIR) / "docs" / "webhooks.md").read_text()


def code_block(language: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", WEBHOOKS_DOC, re.DOTALL)[1]


def test_example_payload_is_what_is_sent(provider):
    at = datetime(2026, 11, 25, 14, 30, 0, 250_000, tzinfo=UTC)
    account = AccountFactory(pk=7)
    WebhookEndpointFactory(account=account)
    Engine.objects.filter(slug="alpha").update(name="Example Analytics")
    number = MonitoredNumberFactory(
        pk=1893,
        account=account,
        e164="+12065550143",
        label="Front desk",
        campaign=CampaignFactory(pk=12, account=account, name="Spring renewals"),
        next_action_at=at,
        spam_status=PhoneNumber.SpamStatus.TAGGED,
    )
    alpha = Engine.objects.get(slug="alpha")
    before = at - settings.SERVICE_DAY
    label = {"provider": "vendor", "verdict": "labelled", "label": "Spam Likely"}
    CheckFactory(number=number, engine=alpha, first_at=before, valid_until=at, **label)
    TagFactory(pk=4310, number=number, account=account, engine=alpha, detected_at=before)
    lookups.look_up_due(at)
    assert not Tag.objects.active().exists()
    [sent] = WebhookMessage.objects.filter(type="number.cleared")
    assert json.loads(sent.payload) == json.loads(code_block("json"))


def test_every_event_type_is_listed_with_its_description():
    listed = dict(re.findall(r"^\| `([a-z_.]+)` \| (.+) \|$", WEBHOOKS_DOC, re.MULTILINE))
    assert listed == EVENT_TYPES


def test_example_receiver_runs_unchanged(provider, capsys):
    account = AccountFactory()
    with run_receiver() as receiver:
        endpoint = WebhookEndpointFactory(account=account, url=receiver.url)
        there: dict = {}
        exec(code_block("python").replace("whsec_...", endpoint.secret), there)
        receiver.answer = lambda handler, request: respond(there["receive"](request.headers, request.body), b"")(
            handler, request
        )
        number = PhoneNumberFactory(account=account)
        capability.enable([number.pk], context=Context.system(timezone.now()))
        webhook_delivery.deliver(clock=timezone.now, wait_for_retry_seconds=0)
        assert len(receiver.accepted) == 1
        assert number.e164 in capsys.readouterr().out
        request = receiver.requests[0]
        assert there["receive"](request.headers, request.body) == 204
        assert capsys.readouterr().out == ""
        assert there["receive"](request.headers, request.body + b" ") == 401


def test_documented_delays_are_those_of_the_code():
    first, second, third, *later = results.RETRY_DELAYS
    *hours, last = (str(seconds // 3_600) for seconds in later)
    words = f"{first} seconds, {second // 60} minutes, {third // 60} minutes, and {', '.join(hours)} and {last} hours"
    assert words in " ".join(WEBHOOKS_DOC.split())
    assert f"within {http.TIMEOUTS.total} seconds" in WEBHOOKS_DOC
