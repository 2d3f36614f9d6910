"""Mails to an account's owners about what staff changed in Django admin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from portal import mail
from portal.accounts.members import get_emails
from portal.accounts.roles import Permission
from portal.audit import Context
from portal.audit.labels import describe_event
from portal.models import Account, AuditEvent

KIND = mail.MailKind("changed_by_staff", "Changed by staff")


@contextmanager
def mail_owners_about_changes(account: Account, context: Context) -> Iterator[None]:
    """Run the block in a transaction, and enqueue a mail to the owners about the events that it recorded.

    The mail goes to those who were owners before the block, so that an owner who is removed is told as well.
    """
    with transaction.atomic():
        owners = get_emails(account, Permission.MANAGE_ACCOUNT)
        events = AuditEvent.objects.filter(account=account)
        last_pk = events.order_by("-pk").values_list("pk", flat=True).first() or 0
        yield
        recorded = events.filter(pk__gt=last_pk, at=context.now, actor=context.actor.user)
        changes = [
            f"{describe_event(event).sentence} ({event.texts.label})" for event in recorded.with_actors().order_by("pk")
        ]
        if changes and owners:
            mail.enqueue(_build_message(account, context, changes, owners), kind=KIND.code, now=context.now)


def _build_message(account: Account, context: Context, changes: list[str], owners: list[str]) -> mail.Message:
    return mail.Message(
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
