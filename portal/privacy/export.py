"""Export what is stored of a person, or of an account."""

from __future__ import annotations

from pathlib import Path

from django.db import models
from django.db.models import Q

from portal.models import Account, AuditEvent, AuditIdentity, AuditPersonalText, User
from portal.privacy.addresses import ADDRESS_COLUMNS
from portal.privacy.archive import create_archive, iter_rows
from portal.privacy.tables import get_account_paths, get_references_to_people


def export_account(account: Account, path: Path) -> int:
    """Write all rows of the account and its uploaded files to a zip file; return how many rows.

    With the names and addresses of its members, and of those who acted in it. Raises CannotWrite.
    """
    with create_archive(path) as archive:
        archive.add_table(Account.objects.filter(pk=account.pk))
        for model, lookup in get_account_paths().items():
            archive.add_table(model._base_manager.filter(**{lookup: account.pk}))
        archive.add_table(User.objects.filter(memberships__account=account), ["id", "email", "name"])
        acted = AuditEvent.objects.for_account(account).values("identity")
        archive.add_table(AuditIdentity.objects.filter(pk__in=acted), ["id", "name", "email"])
    return archive.rows


def export_person(email: str, path: Path) -> int:
    """Write what is stored of the person with this address to a zip file; return how many rows.

    Rows that are only theirs are written with all columns but secrets. Of rows of accounts that name them, such as
    imports that they uploaded, the table, the column and the key are written. Raises CannotWrite.
    """
    user = User.objects.filter(email=email).first()
    with create_archive(path) as archive:
        for model, column in ADDRESS_COLUMNS.items():
            archive.add_table(model._base_manager.filter(**{f"{column}__iexact": email}))
        texts = Q(label__icontains=email) | Q(before__icontains=email) | Q(after__icontains=email)
        about = AuditPersonalText.objects.filter(texts | Q(user=user) if user else texts)
        archive.add_table(about)
        if user is None:
            return archive.rows
        archive.add_table(User.objects.filter(pk=user.pk))
        archive.add_table(AuditIdentity.objects.filter(user=user))
        for model, field in get_references_to_people():
            if model in (AuditPersonalText, AuditIdentity):
                continue
            rows = model._base_manager.filter(**{field.name: user})
            if model is AuditEvent or field.remote_field.on_delete is models.CASCADE:
                archive.add_table(rows)
            else:
                name = f"references/{model._meta.db_table}.{field.column}"
                archive.add_rows(name, iter_rows(rows, [model._meta.pk.attname]))
    return archive.rows
