"""Leases of work, and the heartbeat of the tasks."""

from __future__ import annotations

from django.db import models


class Claimable(models.Model):
    """A row that one worker at a time holds: see portal/jobs/claims.py."""

    lease_until = models.DateTimeField(null=True, editable=False)
    lease_token = models.CharField(max_length=32, blank=True, editable=False)

    class Meta:
        abstract = True


class Lease(Claimable):
    """A named lease: who may run a kind of sweep, and until when."""

    name = models.CharField(max_length=60, primary_key=True)

    def __str__(self) -> str:
        return self.name


class Heartbeat(models.Model):
    """When the tasks last ran. A task writes it, because a stuck cluster still reports itself as alive."""

    name = models.CharField(max_length=60, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
