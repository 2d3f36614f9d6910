"""Retries, back-off and pauses of endpoints."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.audit import Context
from portal.jobs import totals
from portal.models import AuditEvent, Member, MetricTotal, WebhookEndpoint
from portal.webhooks import delivery as webhook_delivery
from portal.webhooks import endpoints, mails, results
from reputation.monitoring import capability
from tests.factories import AccountFactory, MemberFactory
from tests.portal.webhooks.helpers import (
    change_capability,
    deliver,
    deliver_until_done,
    delivery_states,
    fail_first,
    in_order,
)
from tests.portal.webhooks.receiver import respond
from tests.support.mails import send_mails

pytestmark = pytest.mark.django_db


def test_retry_delays_grow_and_end_within_three_days():
    assert list(results.RETRY_DELAYS) == sorted(results.RETRY_DELAYS)
    assert timedelta(days=2.5) < timedelta(seconds=sum(results.RETRY_DELAYS)) < timedelta(days=3)
    waits = [results.retry_delay(attempts) for attempts in range(1, len(results.RETRY_DELAYS) + 1)]
    for seconds, wait in zip(results.RETRY_DELAYS, waits, strict=True):
        assert 0.9 * seconds <= wait.total_seconds() <= seconds
    assert results.retry_delay(len(results.RETRY_DELAYS) + 1) is None


def test_retry_delays_use_the_service_clock(settings):
    settings.SERVICE_DAY = timedelta(seconds=20)
    assert results.retry_delay(1) < timedelta(milliseconds=2)


def test_attempts_are_counted_by_their_outcome(client, endpoint, receiver, numbers, now):
    def get_counts() -> tuple[dict[str, float], str]:
        totals.flush()
        stored = MetricTotal.objects.filter(metric="portal_webhook_attempts").values_list("label", "value")
        return dict(stored), client.get("/metrics").content.decode()

    totals.flush()
    MetricTotal.objects.all().delete()
    receiver.answer = respond(500)
    change_capability(numbers, now)
    deliver(now)
    counts, metrics = get_counts()
    assert counts == {"failed": len(receiver.requests)}
    assert f'portal_webhook_attempts_total{{outcome="failed"}} {len(receiver.requests):.1f}' in metrics
    assert "portal_webhook_endpoints_failing 1.0" in metrics
    receiver.answer = respond(200)
    deliver_until_done(now)
    counts, metrics = get_counts()
    assert counts["delivered"] == len(receiver.accepted_changes())
    assert "portal_webhook_endpoints_failing 0.0" in metrics


def test_endpoint_failing_for_three_days_is_paused_and_owners_are_mailed(
    endpoint, receiver, numbers, owner, account, now
):
    MemberFactory(account=account, role=Member.Role.ADMIN)
    MemberFactory(account=AccountFactory(), role=Member.Role.OWNER)
    receiver.answer = respond(500)
    change_capability(numbers, now)
    hours = 0
    while not WebhookEndpoint.objects.get().is_paused:
        deliver(now + timedelta(hours=hours))
        hours += 1
        assert hours < 24 * 4
    assert hours > 24 * 2
    endpoint.refresh_from_db()
    reason = "For three days it took nothing that was sent. The last attempt: Answered 500 Internal Server Error."
    assert endpoint.pause_reason == reason
    assert AuditEvent.objects.get(code="webhook.paused").reason == reason
    later = now + timedelta(hours=hours)
    tried = len(receiver.requests)
    assert deliver(later + timedelta(days=5)) == 0
    assert len(receiver.requests) == tried
    mails.enqueue_due(later)
    mails.enqueue_due(later)
    [message] = send_mails(later)
    assert message.to == [owner.user.email]
    assert endpoint.url in message.body
    assert reason in message.body
    assert "9 events wait now" in message.body
    assert f"/account/webhooks/{endpoint.pk}/" in message.body
    # Waiting messages are sent in order when the endpoint is resumed.
    receiver.answer = respond(200)
    assert endpoints.resume(endpoint, context=Context.system(later))
    deliver(later)
    assert in_order(receiver.accepted_changes(), numbers)


def test_endpoint_that_responds_with_410_is_paused_immediately(endpoint, receiver, numbers, now):
    receiver.answer = respond(410)
    capability.enable(numbers, context=Context.system(now))
    deliver(now)
    endpoint.refresh_from_db()
    assert endpoint.is_paused
    assert endpoint.pause_reason == endpoints.RECEIVER_GONE
    assert endpoint.mail_due_at == now


def test_success_resets_the_failures_of_an_endpoint(endpoint, receiver, numbers, now):
    receiver.answer = fail_first(2, respond(500))
    capability.enable(numbers[:1], context=Context.system(now))
    deliver(now)
    endpoint.refresh_from_db()
    assert (endpoint.consecutive_failures, endpoint.failing_since) == (1, now)
    deliver_until_done(now)
    endpoint.refresh_from_db()
    assert (endpoint.consecutive_failures, endpoint.failing_since, endpoint.backoff_until) == (0, None, None)


def test_all_waiting_messages_are_delivered_after_the_endpoint_recovers(endpoint, receiver, numbers, now):
    receiver.answer = respond(500)
    capability.enable(numbers, context=Context.system(now))
    for hours in range(24):
        deliver(now + timedelta(hours=hours))
    receiver.answer = respond(200)
    backoff_until = WebhookEndpoint.objects.get().backoff_until
    deliver(backoff_until)
    assert delivery_states() == {"delivered"}


def test_short_retry_delay_is_waited_for_in_the_same_run(endpoint, receiver, numbers, settings):
    settings.SERVICE_DAY = timedelta(seconds=86_400 / 50)  # 5 seconds last a tenth of one
    receiver.answer = fail_first(1, respond(500))
    capability.enable(numbers[:1], context=Context.system(timezone.now()))
    assert webhook_delivery.deliver(clock=timezone.now) == 2
    assert delivery_states() == {"delivered"}
