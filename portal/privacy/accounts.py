"""Erase an account: all its rows and uploaded files, in chunks, so that a million numbers need little memory and no
transaction is long. A run that was killed is continued by the next one: the account's own row goes last.

Its audit trail goes with it. It names numbers, campaigns and letters of the business on every line, so nothing would be
left of it but times, and no other trail depends on it: each account has a chain of its own. What remains is an event in
the portal's trail, with the number of events and the last hash of the chain. A copy of the trail that somebody exported
before can be compared with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, models, transaction
from django.db.models import Q

from portal import audit
from portal.audit import Context, protection
from portal.audit.chain import link_batches
from portal.db.in_list import in_list
from portal.models import Account, ApiKey, AuditBatch, AuditChain, AuditEvent, Invitation, Member, OutgoingMail
from portal.privacy.tables import Table, get_account_paths, get_files, get_order_of_deletion

CHUNK = 2_000
# Tasks may write rows of the account while it is erased. After the first round, they find no numbers any more.
ROUNDS = 10
CODE = "account.erased"


class StillInUse(Exception):
    """Processes write rows of the account faster than they are erased."""


def erase_account(account: Account, *, context: Context, report: Callable[[str, int], object]) -> None:
    """Erase the account. Calls `report` with each table and how many rows it lost. Raises StillInUse.

    On PostgreSQL with two roles, call it as the owner of the tables.
    """
    _lock_out(account, context)
    _erase_mails(account)
    _erase_from_admin_log(account)
    link_batches([account.pk])
    trail = _describe_trail(account)
    for _ in range(ROUNDS):
        # Deleting numbers makes the database write counts of numbers, so a round is needed that finds nothing.
        if not _erase_rows(account, report) and _erase_own_row(account, context, trail):
            return
    raise StillInUse


def _lock_out(account: Account, context: Context) -> None:
    """Nobody signs in to the account, and no key works from now on."""
    ApiKey.objects.filter(account=account, revoked_at__isnull=True).update(revoked_at=context.now)
    Member.objects.filter(account=account).update(role=Member.Role.VIEWER)


def _erase_mails(account: Account) -> None:
    """Mails that name the account. Of those that wait, only mails to its people: others may write of the same name."""
    name = _get_pattern(account)
    named = OutgoingMail.objects.filter(Q(subject__regex=name) | Q(body__regex=name))
    members = Member.objects.filter(account=account).values("user__email")
    invited = Invitation.objects.filter(account=account).values("email")
    named.exclude(state=OutgoingMail.State.WAITING).delete()
    named.filter(Q(recipient__in=members) | Q(recipient__in=invited)).delete()


def _erase_from_admin_log(account: Account) -> None:
    """What Django admin noted about rows of the account, and about deleted ones under its name."""
    paths = get_account_paths()
    for content_type in LogEntry.objects.order_by().values_list("content_type", flat=True).distinct():
        entries = LogEntry.objects.filter(content_type=content_type)
        first = entries.select_related("content_type").first()
        model = first.content_type.model_class() if first and first.content_type else None
        if model is Account:
            entries.filter(object_id=str(account.pk)).delete()
        elif model in paths:
            keys = [key for key in entries.values_list("object_id", flat=True).distinct() if key and key.isdecimal()]
            rows = model._base_manager.filter(**{paths[model]: account.pk}, pk__in=in_list(list(map(int, keys))))
            entries.filter(object_id__in=[str(pk) for pk in rows.values_list("pk", flat=True)]).delete()
            name = _get_pattern(account)
            entries.filter(Q(object_repr__regex=name) | Q(change_message__regex=name)).delete()


def _get_pattern(account: Account) -> str:
    """Finds the account's name as whole words."""
    return rf"(^|\W){re.escape(account.name)}(\W|$)"


def _describe_trail(account: Account) -> str:
    """How long the trail was, and its last hash. Empty if an earlier run has begun to erase it."""
    chain = AuditChain.objects.filter(account=account).first()
    if chain is None:
        return ""
    events = AuditEvent.objects.filter(account=account).count()
    return f"Its audit trail had {events:,} events. Batch {chain.position} had the hash {chain.hash}"


def _erase_rows(account: Account, report: Callable[[str, int], object]) -> int:
    """Erase what is there now; return how many rows."""
    total = 0
    paths = get_account_paths()
    order, cut = get_order_of_deletion(list(paths))
    for model, column in cut:
        rows = model._base_manager.filter(**{paths[model]: account.pk, f"{column}__isnull": False})
        while keys := list(rows.values_list("pk", flat=True)[:CHUNK]):
            model._base_manager.filter(pk__in=in_list(keys)).update(**{column: None})
    for model in order:
        erased = 0
        while chunk := _erase_chunk(model, paths[model], account):
            erased += chunk
        if erased:
            report(model._meta.db_table, erased)
        total += erased
    return total


def _erase_chunk(model: Table, path: str, account: Account) -> int:
    """The newest rows first: later ones may refer to earlier ones of the same table."""
    rows = model._base_manager.filter(**{path: account.pk}).order_by("-pk")
    keys = list(rows.values_list("pk", flat=True)[:CHUNK])
    if not keys:
        return 0
    chosen = model._base_manager.filter(pk__in=in_list(keys))
    # Files before their rows: if the process is killed in between, the next run still knows them.
    for field in get_files(model):
        for name in chosen.exclude(**{field.name: ""}).values_list(field.name, flat=True):
            field.storage.delete(name)
    with transaction.atomic():
        is_protected = model in (AuditEvent, AuditBatch)
        if is_protected:
            protection.remove_triggers()
        chosen._raw_delete(chosen.db)
        if is_protected:
            protection.install_triggers()
    return len(keys)


def _erase_own_row(account: Account, context: Context, trail: str) -> bool:
    """Delete the account's row, and record that. False if rows of it were written meanwhile."""
    nameless = Account(pk=account.pk, name=f"Account {account.pk}")
    try:
        with transaction.atomic():
            models.QuerySet(Account).filter(pk=account.pk)._raw_delete("default")
            audit.record_event(account=None, context=context, code=CODE, subject=nameless, reason=trail)
    except IntegrityError:
        return False
    return True
