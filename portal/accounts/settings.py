"""The settings of an account that its owners may change."""

from __future__ import annotations

from django.db import transaction

from portal import audit
from portal.audit import Context
from portal.models import Account


def update_account(account: Account, *, context: Context, **values: str | bool) -> list[str]:
    """Set `name`, `time_zone` or `requires_second_factor`, and record an event for each that differs.

    Returns the names of the fields that were changed.
    """
    with transaction.atomic():
        stored = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        changed = {field: value for field, value in values.items() if getattr(stored, field) != value}
        for field, value in changed.items():
            audit.record_event(
                account=account,
                context=context,
                code=f"account.{field}",
                subject=stored,
                before=_describe(getattr(stored, field)),
                after=_describe(value),
            )
        if changed:
            Account.objects.filter(pk=account.pk).update(**changed)
    for field, value in changed.items():
        setattr(account, field, value)
    return list(changed)


def _describe(value: str | bool) -> str:
    return value if isinstance(value, str) else ("required" if value else "not required")
