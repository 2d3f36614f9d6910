"""What a person is called, may do, and where they are signed in, for all their accounts: each change is an event."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.db import transaction
from django.db.models import QuerySet

from portal import audit
from portal.audit import Context
from portal.authentication.sessions import end_sessions
from portal.models import User


def update_person(user: User, *, context: Context, **values: str | bool) -> list[str]:
    """Set `name`, `email`, `staff_role` or `is_active`, and record an event for each that differs.

    Return the names of those fields. The events name the actor as they were before the change. The sessions of a person
    who may no longer sign in end: none of them works again if the person may later.
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
        if changed.get("is_active") is False:
            end_sessions(UserSession.objects.filter(user=user))
    for field, value in changed.items():
        setattr(user, field, value)
    return list(changed)


def end_all_sessions(users: QuerySet[User], *, kept_session: str | None, context: Context) -> int:
    """Sign these people out everywhere, but not out of the session with the key `kept_session`.

    Return how many sessions ended. There is an event about each person who had one. The number of queries is fixed.
    """
    sessions = UserSession.objects.filter(user__in=users).exclude(session_key=kept_session)
    with transaction.atomic():
        audit.record_about_people(
            users.filter(pk__in=sessions.values("user")), context=context, code="sign_in.ended_by_staff"
        )
        return end_sessions(sessions)


def _describe(value: str | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value
