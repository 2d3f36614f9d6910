"""The people of an account: adding them by e-mail, their roles, and who is left when one goes."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import transaction

from portal import audit
from portal.audit import Context
from portal.models import Account, Member, User


class MembershipError(Exception):
    """Nothing was changed; the message tells a person why, and what to do next."""


class LastOwner(MembershipError):
    """An account always has an owner: somebody must be able to add people."""

    def __init__(self) -> None:
        super().__init__("This is the account's last owner. Make somebody else an owner first.")


def add_member(*, account: Account, email: str, role: str, context: Context) -> Member:
    """Makes the person with this address a member; who is not yet known is created, without a password.

    Raises NotChanged if they are a member already, or are kept from signing in.
    """
    with transaction.atomic():
        _lock_account(account)
        user, _ = User.objects.get_or_create(email=email.strip().lower(), defaults={"password": make_password(None)})
        if not user.is_active:
            raise MembershipError("This person is kept from signing in. Ask whoever runs the portal.")
        if Member.objects.filter(account=account, user=user).exists():
            raise MembershipError("This person is a member already. Their role can be changed in the list.")
        member = Member.objects.create(
            account=account, user=user, role=role, joined_at=context.now, digest_sent_at=context.now
        )
        _record_event(member, context=context, what="member.added", after=role)
    return member


def change_role(member: Member, *, role: str, shown: str, context: Context) -> bool:
    """Gives the member another role; False if they have it already. `shown` is the role that the person saw.

    Raises LastOwner, and NotChanged if somebody else changed the role or removed the member since it was shown.
    """
    with transaction.atomic():
        _lock_account(member.account)
        before = Member.objects.filter(pk=member.pk).values_list("role", flat=True).first()
        if before == role:
            return False
        if before != shown:
            raise MembershipError(
                "Somebody changed this member meanwhile. Nothing was changed; look at the list again."
            )
        _require_other_owner(member, before)
        Member.objects.filter(pk=member.pk).update(role=role)
        member.role = role
        _record_event(member, context=context, what="member.role", before=before, after=role)
    return True


def remove_member(member: Member, *, context: Context) -> None:
    """Takes the person out of the account; they stay a user, and stay named in its audit trail. Raises LastOwner."""
    with transaction.atomic():
        _lock_account(member.account)
        before = Member.objects.filter(pk=member.pk).values_list("role", flat=True).first()
        if before is None:
            return
        _require_other_owner(member, before)
        _record_event(member, context=context, what="member.removed", before=before)
        Member.objects.filter(pk=member.pk).delete()


def set_digest(member: Member, *, digest: str, now: datetime) -> None:
    """How often the member wants mail about spam tags. After *never*, the first is about what comes from now on."""
    chosen = {"digest": digest}
    if member.digest == Member.Digest.NEVER != digest:
        chosen["digest_sent_at"] = now
    Member.objects.filter(pk=member.pk).update(**chosen)


def _lock_account(account: Account) -> None:
    """Two owners who demote each other at the same moment would leave none: changes to members take turns."""
    Account.objects.select_for_update().get(pk=account.pk)


def _require_other_owner(member: Member, role: str) -> None:
    owners = Member.objects.filter(account=member.account, role=Member.Role.OWNER)
    if role == Member.Role.OWNER and not owners.exclude(pk=member.pk).filter(user__is_active=True).exists():
        raise LastOwner


def _record_event(member: Member, *, context: Context, what: str, before: str = "", after: str = "") -> None:
    audit.record_event(account=member.account, context=context, what=what, subject=member, before=before, after=after)
