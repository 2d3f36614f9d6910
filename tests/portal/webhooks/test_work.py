"""What counts as a webhook that is due: what nothing but a free worker is missing for."""

from datetime import timedelta

import pytest

from portal.audit import Context
from portal.jobs.work import get_kind
from portal.models import WebhookDelivery
from reputation.monitoring import capability
from tests.portal.webhooks.helpers import deliver

pytestmark = pytest.mark.django_db


def test_message_that_waits_behind_a_refused_one_is_not_due(endpoint, receiver, numbers, now):
    """It would be called late until the refused one is tried again, up to a day later."""
    capability.enable(numbers[:1], context=Context.system(now))
    WebhookDelivery.objects.update(attempts=3, next_action_at=now + timedelta(minutes=30))
    capability.accept(numbers[:1], context=Context.system(now))
    webhooks = get_kind("webhooks")
    assert webhooks.find_oldest(now + timedelta(minutes=20)) is None
    assert deliver(now + timedelta(minutes=20)) == 0
    assert webhooks.find_oldest(now + timedelta(minutes=40)) == now + timedelta(minutes=30)


def test_endpoint_is_due_since_its_first_message_that_could_be_sent(endpoint, numbers, now):
    capability.enable(numbers[:1], context=Context.system(now))
    WebhookDelivery.objects.update(next_action_at=now + timedelta(minutes=30))
    capability.accept(numbers[:1], context=Context.system(now))
    capability.enable(numbers[1:2], context=Context.system(now + timedelta(minutes=5)))
    assert get_kind("webhooks").find_oldest(now + timedelta(minutes=20)) == now + timedelta(minutes=5)
