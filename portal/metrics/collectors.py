"""What /metrics shows. The number of queries is fixed: two for each kind of work, and one for each other group."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Min, Q
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from portal.jobs.totals import SEPARATOR, Histogram, LastTime, Total, get_totals
from portal.jobs.work import get_kinds
from portal.models import Canary, MetricTotal, OutgoingMail, TaskFailure, WebhookDelivery, WebhookEndpoint


class PortalCollector(Collector):
    """Reads all metrics as of `now`."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        yield from self._collect_work()
        yield from self._collect_canary()
        yield from self._collect_webhooks()
        yield from self._collect_mails()
        failing = TaskFailure.objects.open().count()
        yield _gauge("portal_failing_tasks", "Failures of tasks that did not succeed since.", failing)
        yield from _collect_disk()
        yield from collect_totals()

    def _collect_work(self) -> Iterator[Metric]:
        rows = GaugeMetricFamily("portal_due_rows", "Rows that are due, up to 100,000.", labels=["kind"])
        age = GaugeMetricFamily("portal_due_age_seconds", "How long the oldest of them is due.", labels=["kind"])
        bound = GaugeMetricFamily("portal_due_late_seconds", "The age from which they are late.", labels=["kind"])
        for kind in get_kinds():
            rows.add_metric([kind.name], kind.count(self.now))
            age.add_metric([kind.name], self._get_age(kind.find_oldest(self.now)))
            bound.add_metric([kind.name], kind.late_after.total_seconds())
        yield from (rows, age, bound)

    def _collect_canary(self) -> Iterator[Metric]:
        """The age is infinite if no canary has ever run."""
        last = Canary.get_last_run_at()
        age = self._get_age(last) if last else float("inf")
        yield _gauge("portal_canary_age_seconds", "How long ago a task last went through a cluster.", age)

    def _collect_webhooks(self) -> Iterator[Metric]:
        waiting = WebhookDelivery.objects.pending().aggregate(count=Count("pk"), oldest=Min("created_at"))
        yield _gauge("portal_webhooks_waiting", "Webhook deliveries that are not accepted yet.", waiting["count"])
        age = self._get_age(waiting["oldest"])
        yield _gauge("portal_webhooks_age_seconds", "How long the oldest of them waits.", age)
        is_active = Q(state=WebhookEndpoint.State.ACTIVE)
        endpoints = WebhookEndpoint.objects.aggregate(
            paused=Count("pk", filter=~is_active),
            failing=Count("pk", filter=is_active & Q(failing_since__isnull=False)),
        )
        yield _gauge("portal_webhook_endpoints_paused", "Webhook endpoints that get nothing.", endpoints["paused"])
        text = "Webhook endpoints whose last requests failed, and which are tried again."
        yield _gauge("portal_webhook_endpoints_failing", text, endpoints["failing"])

    def _collect_mails(self) -> Iterator[Metric]:
        is_waiting = Q(state=OutgoingMail.State.WAITING)
        is_failed = Q(state__in=[OutgoingMail.State.REFUSED, OutgoingMail.State.GIVEN_UP])
        mails = OutgoingMail.objects.aggregate(
            waiting=Count("pk", filter=is_waiting),
            oldest=Min("created_at", filter=is_waiting),
            failed=Count("pk", filter=is_failed),
        )
        yield _gauge("portal_mails_waiting", "Mails that are not handed in yet.", mails["waiting"])
        yield _gauge("portal_mails_age_seconds", "How long the oldest of them waits.", self._get_age(mails["oldest"]))
        yield _gauge("portal_mails_failed", "Mails of the last weeks that are not tried any more.", mails["failed"])

    def _get_age(self, since: datetime | None) -> float:
        """Seconds since then, never negative; 0 if nothing waits."""
        return max((self.now - since).total_seconds(), 0.0) if since else 0.0


def _collect_disk() -> Iterator[Metric]:
    """Nothing if the directory cannot be read."""
    try:
        free = shutil.disk_usage(settings.DATA_DIR).free
    except OSError:
        return
    yield _gauge("portal_disk_free_bytes", "What is free where the portal keeps its data.", free)
    limit = settings.MIN_FREE_DISK_MB * 1_000_000
    yield _gauge("portal_disk_free_minimum_bytes", "MIN_FREE_DISK_MB, in bytes.", limit)


def collect_totals() -> Iterator[Metric]:
    """What processes counted (portal.jobs.totals). One query."""
    values: dict[str, dict[str, float]] = defaultdict(dict)
    for metric, label, value in MetricTotal.objects.order_by("metric", "label").values_list("metric", "label", "value"):
        values[metric][label] = value
    for total in get_totals():
        yield _histogram(total, values) if isinstance(total, Histogram) else _by_labels(total, values[total.name])


def _by_labels(total: Total | LastTime, values: dict[str, float]) -> Metric:
    kind = GaugeMetricFamily if isinstance(total, LastTime) else CounterMetricFamily
    family = kind(total.name, total.help, labels=total.labels)
    for label, value in values.items():
        family.add_metric(label.split(SEPARATOR) if total.labels else [], value)
    return family


def _histogram(histogram: Histogram, values: dict[str, dict[str, float]]) -> Metric:
    buckets, count = [], 0.0
    for label in histogram.bucket_labels:
        count += values[histogram.name].get(label, 0)
        buckets.append((label, count))
    family = HistogramMetricFamily(histogram.name, histogram.help)
    family.add_metric([], buckets, values[histogram.sum_name].get("", 0))
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
