"""Mails to an account's owners about what staff changed in Django admin."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from portal import mail
from portal.accounts.members import get_emails
from portal.accounts.roles import Permission
from portal.audit import Context
from portal.audit.labels import describe_event
from portal.models import Account, AuditEvent

logger = logging.getLogger(__name__)


@contextmanager
def mail_owners_about_changes(account: Account, context: Context) -> Iterator[None]:
    """Mail the owners, after the transaction commits, which events of the account the block recorded.

    The mail goes to those who were owners before the block, so that an owner who is removed is told as well.
    """
    owners = get_emails(account, Permission.MANAGE_ACCOUNT)
    events = AuditEvent.objects.filter(account=account)
    last_pk = events.order_by("-pk").values_list("pk", flat=True).first() or 0
    yield
    recorded = events.filter(pk__gt=last_pk, at=context.now, actor=context.actor.user).select_related(
        "actor", "api_key"
    )
    changes = [f"{describe_event(event).sentence} ({event.subject_label})" for event in recorded.order_by("pk")]
    if not changes or not owners:
        return
    message = mail.Message(
        f"{account.name}: changed by the portal's staff",
        "portal/mails/changed_by_staff.txt",
        {
            "account": account,
            "staff": context.actor.user,
            "changes": changes,
            "link": mail.build_url("audit-trail"),
        },
        to=owners,
    )
    transaction.on_commit(lambda: _send(message, account))


def _send(message: mail.Message, account: Account) -> None:
    """The change is committed and in the audit trail, so a mail server that fails is logged and not an error."""
    try:
        mail.send(message)
    except OSError as error:
        logger.warning("The mail to the owners of account %s could not be handed in: %s", account.pk, error)
