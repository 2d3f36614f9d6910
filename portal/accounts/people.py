"""What a person is called and may do, whichever their account: each change is an event."""

from __future__ import annotations

from django.db import transaction

from portal import audit
from portal.audit import Context
from portal.models import User


def update_person(user: User, *, context: Context, **values: str | bool) -> list[str]:
    """Set `name`, `email`, `staff_role` or `is_active`, and record an event for each that differs.

    Return the names of those fields. The events name the actor as they were before the change.
    """
    with transaction.atomic():
        stored = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        changed = {field: value for field, value in values.items() if getattr(stored, field) != value}
        for field, value in changed.items():
            before = _describe(getattr(stored, field))
            audit.record_about_person(
                stored, context=context, code=f"person.{field}", before=before, after=_describe(value)
            )
        if changed:
            User.objects.filter(pk=user.pk).update(**changed)
    for field, value in changed.items():
        setattr(user, field, value)
    return list(changed)


def _describe(value: str | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value
