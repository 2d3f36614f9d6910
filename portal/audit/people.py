"""Events about a person rather than about an object of one account: a rename, a sign-in, a new password."""

from __future__ import annotations

from django.db.models import BigIntegerField, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Left

from portal.audit.record import LABEL_LENGTH, Context, record_changes, record_event
from portal.models import Member, User


def record_about_person(
    user: User, *, context: Context, code: str, before: str = "", after: str = "", reason: str = ""
) -> None:
    """Add an event to the trail of each account that the person is a member of, or one without an account if of none.

    The number of queries does not depend on the number of accounts.
    """
    members = Member.objects.filter(user=user)
    recorded = record_changes(
        members,
        context=context,
        code=code,
        label=Left("user__email", LABEL_LENGTH),
        before=Value(before[:200]),
        after=Value(after[:200]),
        reason=Value(reason[:500]),
    )
    if not recorded:
        record_event(account=None, context=context, code=code, subject=user, before=before, after=after, reason=reason)


def record_about_people(users: QuerySet[User], *, context: Context, code: str) -> None:
    """The same about each of these people, in a fixed number of queries."""
    alone = users.filter(~Exists(Member.objects.filter(user=OuterRef("pk"))))
    no_account = Cast(Value(None), BigIntegerField())
    record_changes(
        Member.objects.filter(user__in=users), context=context, code=code, label=Left("user__email", LABEL_LENGTH)
    )
    record_changes(alone.annotate(account_id=no_account), context=context, code=code, label=Left("email", LABEL_LENGTH))


def record_about_address(address: str, *, context: Context, code: str, reason: str = "") -> None:
    """Add an event about an e-mail address that no user has, such as a sign-in that failed."""
    record_event(account=None, context=context, code=code, subject=User(pk=0, email=address), reason=reason)
