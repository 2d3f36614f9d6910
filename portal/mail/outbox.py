"""Put mails into the outbox, in the transaction of the change that they tell of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import F, QuerySet

from portal.db.outages import is_outage
from portal.jobs.runner import enqueue as enqueue_task
from portal.mail.messages import Message
from portal.models import OutgoingMail

logger = logging.getLogger(__name__)

Row = TypeVar("Row", bound=models.Model)

SEND_TASK = "portal.mail.tasks.send_mails"
CHUNK_SIZE = 20
# How long a row waits whose mail could not be written, because of an error in the portal.
COMPOSE_RETRY_DELAY = timedelta(minutes=10)


def enqueue(message: Message, *, kind: str, now: datetime, reference: str = "") -> int:
    """Write the mail, and put it into the outbox for each recipient; return for how many."""
    rows = write_rows(message, kind=kind, now=now, reference=reference)
    enqueue_rows(rows)
    return len(rows)


def write_rows(message: Message, *, kind: str, now: datetime, reference: str = "") -> list[OutgoingMail]:
    """Write the mail, without storing it: a row for each recipient."""
    body = message.render()
    return [
        OutgoingMail(
            kind=kind,
            reference=reference,
            recipient=recipient,
            subject=message.subject_line,
            body=body,
            headers=dict(message.headers),
            created_at=now,
            due_at=now,
        )
        for recipient in message.to
    ]


def enqueue_rows(rows: Sequence[OutgoingMail]) -> None:
    """Store rows of `write_rows`: one insert, and one task."""
    if rows:
        with transaction.atomic():
            OutgoingMail.objects.bulk_create(rows)
            enqueue_task(SEND_TASK)


def enqueue_private(recipient: str, *, kind: str, params: Mapping[str, Any], now: datetime) -> None:
    """Enqueue a mail that its kind writes when it is sent, because it holds a link with a token.

    `params` are ids, and no secrets. A mail that waits already and says the same is not enqueued a second time.
    """
    same = OutgoingMail.objects.waiting().filter(kind=kind, recipient=recipient, params=dict(params))
    with transaction.atomic():
        if not same.exists():
            OutgoingMail.objects.create(kind=kind, recipient=recipient, params=dict(params), created_at=now, due_at=now)
        enqueue_task(SEND_TASK)


def enqueue_due(due: QuerySet[Row], compose: Callable[[Row], Message | None], *, kind: str, now: datetime) -> int:
    """Write the mails of up to CHUNK_SIZE `due` rows into the outbox; return how many rows there were.

    The rows' model has mail_due_at, written with the change, and mail_attempts. `compose` returns None if there is
    nobody to write to. The mail is in the outbox if and only if its row is no longer due. Raises what an outage raises.
    """
    keys = list(due.order_by("mail_due_at", "pk").values_list("pk", flat=True)[:CHUNK_SIZE])
    for key in keys:
        try:
            with transaction.atomic():
                _enqueue_row(due.filter(pk=key), compose, kind=kind, now=now)
        except Exception as error:
            if is_outage(error):  # the mails stay due
                raise
            logger.exception("The mail %s of row %s could not be written; it is tried again later", kind, key)
            due.filter(pk=key).update(mail_due_at=now + COMPOSE_RETRY_DELAY, mail_attempts=F("mail_attempts") + 1)
    return len(keys)


def _enqueue_row(due: QuerySet[Any], compose: Callable[[Any], Message | None], *, kind: str, now: datetime) -> None:
    row = due.select_for_update(skip_locked=True, of=("self",)).first()
    if row is None:  # another worker was quicker
        return
    if message := compose(row):
        enqueue(message, kind=kind, now=now, reference=str(row.pk))
    due.update(mail_due_at=None)
