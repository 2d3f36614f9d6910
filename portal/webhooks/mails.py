"""The mail that tells an account's owners that an endpoint was paused because its deliveries fail.

It is due in the endpoint's row (`mail_due_at`) until it is in the outbox.
"""

from __future__ import annotations

from datetime import datetime

from portal import mail
from portal.accounts.members import get_emails
from portal.accounts.roles import Permission
from portal.models import WebhookDelivery, WebhookEndpoint

KIND = mail.MailKind("webhook_paused", "Webhook paused")


def enqueue_due(now: datetime) -> int:
    """Put a chunk of the mails that are due into the outbox; return of how many endpoints."""
    due = WebhookEndpoint.objects.mail_due(now).select_related("account")
    return mail.enqueue_due(due, build_message, kind=KIND.code, now=now)


def build_message(endpoint: WebhookEndpoint) -> mail.Message | None:
    recipients = get_emails(endpoint.account, Permission.MANAGE_ACCOUNT)
    if not recipients:
        return None
    context = {
        "endpoint": endpoint,
        "waiting": WebhookDelivery.objects.pending().filter(endpoint=endpoint, is_manual=False).count(),
        "link": mail.build_url("webhook", endpoint.pk),
    }
    subject = f"{endpoint.account.name}: a webhook was paused"
    return mail.Message(subject, "portal/mails/webhook_paused.txt", context, to=recipients)
