"""The mail that tells an account's owners that an endpoint was paused because nothing gets there.

It is due in the endpoint's row until it was handed in; whoever sends it first moves that time by compare-and-set.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse

from portal.accounts.passwords import AUTO_GENERATED_HEADERS, one_line
from portal.models import Member, WebhookDelivery, WebhookEndpoint

logger = logging.getLogger(__name__)

CHUNK = 20
# More than a mail server may take to answer (settings.EMAIL_TIMEOUT), or a slow mail would be sent by two.
FIRST_RETRY_DELAY = timedelta(minutes=2)
MAX_RETRY_DELAY = timedelta(hours=6)
MAX_ATTEMPTS = 20


def send_due(now: datetime) -> int:
    """Sends the mails that are due, at most a chunk of them; returns how many were tried."""
    due = WebhookEndpoint.objects.mail_due(now).select_related("account").order_by("mail_due_at", "pk")
    endpoints = list(due[:CHUNK])
    for endpoint in endpoints:
        if _claim(endpoint, now):
            _send(endpoint)
    return len(endpoints)


def _claim(endpoint: WebhookEndpoint, now: datetime) -> bool:
    wait = min(FIRST_RETRY_DELAY * 2**endpoint.mail_attempts, MAX_RETRY_DELAY)
    next_due = now + wait if endpoint.mail_attempts + 1 < MAX_ATTEMPTS else None
    mine = WebhookEndpoint.objects.filter(pk=endpoint.pk, mail_due_at=endpoint.mail_due_at)
    return bool(mine.update(mail_due_at=next_due, mail_attempts=F("mail_attempts") + 1))


def _send(endpoint: WebhookEndpoint) -> None:
    owners = Member.objects.for_account(endpoint.account).filter(role=Member.Role.OWNER, user__is_active=True)
    recipients = list(owners.order_by("pk").values_list("user__email", flat=True))
    context = {
        "endpoint": endpoint,
        "waiting": WebhookDelivery.objects.pending().filter(endpoint=endpoint, once=False).count(),
        "link": settings.PUBLIC_URL + reverse("webhook", args=[endpoint.pk]),
    }
    body = render_to_string("portal/mails/webhook_paused.txt", context)
    subject = one_line(f"{endpoint.account.name}: a webhook was paused")
    try:
        if recipients:
            EmailMessage(subject, body, to=recipients, headers=AUTO_GENERATED_HEADERS).send()
    except (SMTPException, OSError) as error:
        logger.warning("The mail about webhook %s could not be handed in: %s", endpoint.pk, error)
    else:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(mail_due_at=None)
