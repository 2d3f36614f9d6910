"""Make changes that webhooks send, deliver them, and look at the results."""

import itertools
from datetime import timedelta

import pytest

from portal.audit import Context
from portal.models import WebhookDelivery, WebhookEndpoint
from portal.webhooks import delivery as webhook_delivery
from reputation.monitoring import capability
from tests.portal.webhooks.receiver import respond

CAPABILITY_STEPS = ("verifying", "on", "off")


def change_capability(numbers, now):
    """Cause three events for each of the numbers."""
    capability.enable(numbers, context=Context.system(now))
    capability.accept(numbers, context=Context.system(now))
    capability.disable(numbers, context=Context.system(now))


def deliver(at) -> int:
    return webhook_delivery.deliver(clock=lambda: at, wait_for_retry_seconds=0)


def deliver_until_done(now, *, most=40) -> None:
    """Deliver repeatedly, each time when the next delivery is due, as the schedule does."""
    for _ in range(most):
        deliver(now)
        pending = WebhookDelivery.objects.pending()
        if not pending.exists():
            return
        backoff = WebhookEndpoint.objects.order_by("-backoff_until").values_list("backoff_until", flat=True).first()
        now = max(filter(None, (pending.order_by("-next_action_at").first().next_action_at, backoff))) + timedelta(
            seconds=1
        )
    pytest.fail("It never came to an end.")


def in_order(changes, numbers) -> bool:
    return all(tuple(after for pk, after in changes if pk == number) == CAPABILITY_STEPS for number in numbers)


def delivery_states() -> set[str]:
    return set(WebhookDelivery.objects.values_list("state", flat=True))


def fail_first(times, answer):
    counter = itertools.count()
    return lambda handler, got: answer(handler, got) if next(counter) < times else respond(200)(handler, got)
