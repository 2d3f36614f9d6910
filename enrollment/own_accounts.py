"""Nobody decides on the application of an account they belong to.

The one exception is a superuser while there is no other active staff user: otherwise the business of the only person
who runs the portal could never enroll. A superuser who is not alone makes somebody else a reviewer. The audit trail
has an event of its own for the exception, OWN_ACCOUNT_CODE.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from portal.accounts.roles import get_active_staff
from portal.models import Member, User

OWN_ACCOUNT_CODE = "application.own_account"
CONFLICT = "You belong to this account. Somebody else of the staff decides on it."


@dataclass(frozen=True)
class OwnAccounts:
    """The accounts that the reviewer belongs to, and whether they may decide on them nevertheless."""

    account_ids: frozenset[int]
    is_only_staff: bool

    def get_conflict(self, account_id: int) -> str:
        """Tell the reviewer why they cannot decide on this account's application. Empty if they can."""
        return CONFLICT if account_id in self.account_ids and not self.is_only_staff else ""


def get_own_accounts(user: User | None, account_ids: Collection[int]) -> OwnAccounts:
    """Take one query, or two if the user belongs to one of the accounts."""
    memberships = Member.objects.filter(user=user, account_id__in=account_ids) if user else Member.objects.none()
    own = frozenset(memberships.values_list("account_id", flat=True))
    return OwnAccounts(own, is_only_staff=user is not None and bool(own) and _is_only_staff(user))


def _is_only_staff(user: User) -> bool:
    if not user.is_superuser:
        return False
    return not get_active_staff().exclude(pk=user.pk).exists()
