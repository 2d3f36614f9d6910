"""The settings of an account that its owners may change: name and time zone."""

from __future__ import annotations

from django.db import transaction

from portal import audit
from portal.audit import Context
from portal.models import Account


def update_account(account: Account, *, context: Context, **values: str) -> list[str]:
    """Set `name` or `time_zone` and record an event for each that differs. Return the names of those fields."""
    with transaction.atomic():
        stored = Account.objects.select_for_update().get(pk=account.pk)
        changed = {field: value for field, value in values.items() if getattr(stored, field) != value}
        for field, value in changed.items():
            audit.record_event(
                account=account,
                context=context,
                code=f"account.{field}",
                subject=stored,
                before=getattr(stored, field),
                after=value,
            )
        if changed:
            Account.objects.filter(pk=account.pk).update(**changed)
    for field, value in changed.items():
        setattr(account, field, value)
    return list(changed)
