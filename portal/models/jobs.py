"""Leases of work, and the tasks' sign of life."""

from __future__ import annotations

from django.db import models


class Lease(models.Model):
    """Who may run a kind of sweep, and until when; a dead holder's lease runs out by itself."""

    name = models.CharField(max_length=60, primary_key=True)
    token = models.CharField(max_length=32, blank=True)
    held_until = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Heartbeat(models.Model):
    """When the tasks last ran: written by a task, because a stuck cluster still reports itself as alive."""

    name = models.CharField(max_length=60, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
