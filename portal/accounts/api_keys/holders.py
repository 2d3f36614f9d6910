"""Who answers for an API key: its maker, or the owner who took it over. The key works while they may make keys.

A key that a command made has no holder, and works until it expires or is revoked.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from portal.accounts.roles import Permission, get_member_roles
from portal.models import Account, ApiKey, Member, User

# The roles whose members may make keys.
HOLDER_ROLES = get_member_roles(Permission.MANAGE_ACCOUNT)


def with_holders(keys: QuerySet[ApiKey]) -> QuerySet[Any]:
    """Add `is_held`: whether the key's holder may still make keys, or it has none. Selects the holders, too.

    The result has keys with this attribute, which no type describes.
    """
    holders = Member.objects.filter(
        account=OuterRef("account"), user=OuterRef("holder_id"), role__in=HOLDER_ROLES, user__is_active=True
    )
    keys = keys.annotate(holder_id=Coalesce("taken_over_by", "created_by"))
    return keys.annotate(is_held=Q(holder_id__isnull=True) | Exists(holders)).select_related(
        "created_by", "taken_over_by"
    )


def get_keys_of(account: Account, user: User) -> list[Any]:
    """The account's keys that this person holds and that are not revoked, by name, each with `is_held`. One query."""
    keys = with_holders(ApiKey.objects.for_account(account).filter(revoked_at__isnull=True))
    return list(keys.filter(holder_id=user.pk).order_by("name", "pk"))
