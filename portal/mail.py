"""Mail: building and handing in a message, and sending the mails that are due in rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import models
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse

from portal.jobs.claims import RowClaim, claim_row

logger = logging.getLogger(__name__)

Row = TypeVar("Row", bound=models.Model)

# Tells robots not to answer; RFC 3834.
AUTO_GENERATED_HEADERS = {"Auto-Submitted": "auto-generated"}

CHUNK_SIZE = 20
# A task renews the claim on a mail while the mail server takes its time.
FIRST_RETRY_DELAY = timedelta(minutes=2)
MAX_RETRY_DELAY = timedelta(hours=6)
MAX_ATTEMPTS = 20


@dataclass(frozen=True)
class Message:
    """A mail in plain text: a template, and what it is rendered with."""

    subject: str
    template: str
    context: Mapping[str, Any]
    to: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)


def send(message: Message, *, connection: BaseEmailBackend | None = None) -> None:
    """Hand a mail in to the mail server. Raises OSError, of which SMTPException is one, if it is not accepted."""
    EmailMessage(
        # Names that people chose may hold line breaks, which a subject must not.
        " ".join(message.subject.split()),
        render_to_string(message.template, {**message.context}),
        to=message.to,
        headers={**AUTO_GENERATED_HEADERS, **message.headers},
        connection=connection,
    ).send()


def build_url(name: str, *args: object) -> str:
    """The absolute URL of a page, for links in mails."""
    return settings.PUBLIC_URL + reverse(name, args=args)


def get_retry_delay(attempts: int) -> timedelta:
    """How long until the next attempt after this many: 2, 4, 8 minutes, and so on up to six hours."""
    return min(FIRST_RETRY_DELAY * 2 ** min(attempts, 20), MAX_RETRY_DELAY)


def send_due(
    due: QuerySet[Row], compose: Callable[[Row], Message | None], *, now: datetime, sent_at_field: str = ""
) -> int:
    """Send the mails of up to CHUNK_SIZE `due` rows; return how many rows were tried.

    The rows' model has mail_due_at and mail_attempts, and is Claimable. A row stays due until its mail is handed in,
    or until MAX_ATTEMPTS failed. `compose` returns None if there is nobody to write to. `sent_at_field` names the
    field that gets the time of a mail that was handed in.
    """
    rows = list(due.order_by("mail_due_at", "pk")[:CHUNK_SIZE])
    for row in rows:
        claim = _claim(due, row, now)
        if claim:
            _send_claimed(row, claim, compose, {sent_at_field: now} if sent_at_field else {})
    return len(rows)


def _claim(due: QuerySet[Any], row: Any, now: datetime) -> RowClaim[Any] | None:
    """Claim a row and count the attempt. Its mail is due again later, whatever happens to this worker."""
    is_last = row.mail_attempts + 1 >= MAX_ATTEMPTS
    return claim_row(
        due.filter(mail_attempts=row.mail_attempts),
        row.pk,
        now=now,
        mail_due_at=None if is_last else now + get_retry_delay(row.mail_attempts),
        mail_attempts=F("mail_attempts") + 1,
    )


def _send_claimed(
    row: Row, claim: RowClaim[Row], compose: Callable[[Row], Message | None], sent: Mapping[str, datetime]
) -> None:
    try:
        message = compose(row)
        # Another worker has taken over if the lease ran out meanwhile.
        if message and not claim.renew():
            return
        if message:
            send(message)
    except OSError as error:
        logger.warning("The mail of %s %s could not be handed in: %s", row._meta.verbose_name, row.pk, error)
        claim.release()
    else:
        claim.release(mail_due_at=None, **(sent if message else {}))
