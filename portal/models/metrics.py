"""Totals for monitoring, which all processes add to."""

from __future__ import annotations

from django.db import models


class MetricTotal(models.Model):
    """What was counted since the portal was installed, for each metric and combination of its labels.

    Only grows, as Prometheus expects of a counter. Of some metrics it is the last time that something happened, in
    seconds since 1970. There are few rows: labels are names of sweeps and providers, and ids of connections.
    """

    metric = models.CharField(max_length=60)
    # The values of the labels, joined with |.
    label = models.CharField(max_length=200, blank=True)
    value = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["metric", "label"], name="metric_total_once")]

    def __str__(self) -> str:
        return f"{self.metric} {self.label}: {self.value}"
