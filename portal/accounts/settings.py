"""What an owner may change of the account itself."""

from __future__ import annotations

from django.db import transaction

from portal import audit
from portal.audit import Context
from portal.models import Account


def update_account(account: Account, *, context: Context, **values: str) -> list[str]:
    """Sets `name` or `time_zone` and writes an event for each that differs; returns their names."""
    with transaction.atomic():
        held = Account.objects.select_for_update().get(pk=account.pk)
        differing = {field: value for field, value in values.items() if getattr(held, field) != value}
        for field, value in differing.items():
            audit.record_event(
                account=account,
                context=context,
                what=f"account.{field}",
                subject=held,
                before=getattr(held, field),
                after=value,
            )
        if differing:
            Account.objects.filter(pk=account.pk).update(**differing)
    for field, value in differing.items():
        setattr(account, field, value)
    return list(differing)
