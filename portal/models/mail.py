"""The outbox of mails, and what is known about the mail server."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models.jobs import Claimable


class OutgoingMailQuerySet(models.QuerySet["OutgoingMail"]):
    def waiting(self) -> OutgoingMailQuerySet:
        """Mails that the mail server has not taken yet."""
        return self.filter(state=OutgoingMail.State.WAITING)

    def due(self, now: datetime) -> OutgoingMailQuerySet:
        """Waiting mails that are to be sent now, also those that a worker holds."""
        return self.waiting().filter(due_at__lte=now)

    def unsent(self) -> OutgoingMailQuerySet:
        """Mails that are not sent, and are not tried any more."""
        return self.filter(state__in=[OutgoingMail.State.REFUSED, OutgoingMail.State.GIVEN_UP])


class OutgoingMail(Claimable):
    """A mail to one recipient, from the change that it tells of until some weeks after it was sent.

    Its text is in `body`. If it holds a link with a token, `body` is empty, and the function of its kind writes it from
    `params` at the moment it is sent. So the table holds no token. Both are emptied once the mail is sent.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        REFUSED = "refused", "Refused"
        GIVEN_UP = "given_up", "Given up"

    # Part of the Message-ID, which stays the same in every attempt: mail programs show a mail that came twice once.
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=40)
    # The row that the mail is about, for the app that wrote it, such as the primary key of a transition.
    reference = models.CharField(max_length=40, blank=True)
    recipient = models.EmailField()
    subject = models.CharField(max_length=250, blank=True)
    body = models.TextField(blank=True)
    headers = models.JSONField(default=dict)
    params = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    created_at = models.DateTimeField(default=timezone.now)
    # When it is tried next, or was tried last.
    due_at = models.DateTimeField("next attempt", default=timezone.now)
    # Attempts that a worker began. Those that failed because of the mail server, for all mails, are not counted.
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)
    ended_at = models.DateTimeField("sent or ended", null=True)

    objects = OutgoingMailQuerySet.as_manager()

    class Meta:
        verbose_name = "outgoing mail"
        indexes = [
            models.Index(fields=["due_at"], name="outgoing_mail_due", condition=Q(state="waiting")),
            models.Index(fields=["ended_at"], name="outgoing_mail_ended", condition=Q(ended_at__isnull=False)),
            models.Index(fields=["kind", "reference"], name="outgoing_mail_about"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient}"


class MailServer(models.Model):
    """What is known about the mail server: one row, which exists once the server failed.

    While `paused_until` lies in the future no mail is tried, since the failure concerned all of them.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    paused_until = models.DateTimeField(null=True)
    # Failures in a row. 0 once a mail was taken.
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    advice = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.error or "works"
