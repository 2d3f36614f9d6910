"""Counts of failed attempts to sign in and the like, and failed sign-ins that the audit trail does not have yet."""

from __future__ import annotations

from django.db import models


class AttemptCount(models.Model):
    """How often something that may be guessed was tried: see portal.authentication.throttling.

    `key` names what is counted, such as the attempts of an address; it is a hash, so the table holds no addresses.
    """

    key = models.CharField(max_length=64, primary_key=True)
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    last_at = models.DateTimeField(db_index=True)
    waits_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.attempts} attempts"


class FailedSignIn(models.Model):
    """A wrong password, until a task adds it to the audit trail: see portal.authentication.security_events.

    `email` is what was typed, `client` the address and the browser.
    """

    email = models.CharField(max_length=254)
    client = models.CharField(max_length=200)
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.email} at {self.at}"
