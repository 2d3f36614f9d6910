"""Members of an account: adding people by e-mail, changing roles, removing. An account always keeps an owner."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import transaction

from portal import audit
from portal.accounts.passwords import enqueue_invitation
from portal.accounts.roles import Permission, get_member_roles
from portal.audit import Context
from portal.models import Account, Invitation, Member, User


class MembershipError(Exception):
    """Nothing was changed. The message tells the person why, and what to do next."""


class LastOwner(MembershipError):
    """The change would leave the account without an active owner, so that nobody could add members."""

    def __init__(self) -> None:
        super().__init__("This is the account's last owner. Make somebody else an owner first.")


def add_member(*, account: Account, email: str, role: str, context: Context) -> Member:
    """Make the person with this address a member at once, and tell them by mail how to sign in.

    Only for those who run the portal: owners invite people (portal.accounts.invitations). Creates the user, without a
    password, if there is none.
    Raises MembershipError if they are a member already or may not sign in.
    """
    with transaction.atomic():
        lock_account(account)
        user = get_future_member(account, email)
        Invitation.objects.filter(account=account, email=user.email).delete()
        member = add_accepted_member(account=account, user=user, role=role, context=context)
        enqueue_invitation(member, invited_by=context.actor.user, now=context.now)
    return member


def get_future_member(account: Account, email: str) -> User:
    """The person with this address, who may become a member. Somebody new gets a user, without a password.

    Raises MembershipError if they are a member already or may not sign in.
    """
    user, _ = User.objects.get_or_create(email=email.strip().lower(), defaults={"password": make_password(None)})
    if not user.is_active:
        raise MembershipError("This person is kept from signing in. Ask whoever runs the portal.")
    if Member.objects.filter(account=account, user=user).exists():
        raise MembershipError("This person is a member already. Their role can be changed in the list.")
    return user


def add_accepted_member(*, account: Account, user: User, role: str, context: Context) -> Member:
    """Make a person a member who is none yet. In a transaction that holds `lock_account`."""
    member = Member.objects.create(
        account=account, user=user, role=role, joined_at=context.now, digest_sent_at=context.now
    )
    _record_event(member, context=context, code="member.added", after=role)
    return member


def change_role(member: Member, *, role: str, expected_role: str, context: Context) -> bool:
    """Change the member's role from `expected_role`, the one that the person saw. Return False if it is `role` already.

    Raises LastOwner, and MembershipError if the role is another than expected or the member was removed.
    """
    with transaction.atomic():
        lock_account(member.account)
        before = Member.objects.filter(pk=member.pk).values_list("role", flat=True).first()
        if before == role:
            return False
        if before != expected_role:
            raise MembershipError(
                "Somebody changed this member meanwhile. Nothing was changed; look at the list again."
            )
        _require_other_owner(member, before)
        Member.objects.filter(pk=member.pk).update(role=role)
        member.role = role
        _record_event(member, context=context, code="member.role", before=before, after=role)
    return True


def remove_member(member: Member, *, context: Context) -> None:
    """Remove the person from the account. The user stays, and the audit trail still names them. Raises LastOwner."""
    with transaction.atomic():
        lock_account(member.account)
        before = Member.objects.filter(pk=member.pk).values_list("role", flat=True).first()
        if before is None:
            return
        _require_other_owner(member, before)
        _record_event(member, context=context, code="member.removed", before=before)
        Member.objects.filter(pk=member.pk).delete()


def set_digest(member: Member, *, digest: str, now: datetime) -> None:
    """Set how often the member gets mail about spam tags. After *never*, the first mail covers events from `now` on."""
    changes: dict[str, str | datetime] = {"digest": digest}
    if member.digest == Member.Digest.NEVER != digest:
        changes["digest_sent_at"] = now
    Member.objects.filter(pk=member.pk).update(**changes)


def get_emails(account: Account, permission: Permission) -> list[str]:
    """The addresses of the account's active members who have the permission, in the order they were added."""
    members = Member.objects.for_account(account).filter(role__in=get_member_roles(permission), user__is_active=True)
    return list(members.order_by("pk").values_list("user__email", flat=True))


def lock_account(account: Account) -> None:
    """Serialize changes to an account's members: two owners who demote each other at once would leave none."""
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)


def _require_other_owner(member: Member, role: str) -> None:
    owners = Member.objects.filter(account=member.account, role=Member.Role.OWNER)
    if role == Member.Role.OWNER and not owners.exclude(pk=member.pk).filter(user__is_active=True).exists():
        raise LastOwner


def _record_event(member: Member, *, context: Context, code: str, before: str = "", after: str = "") -> None:
    audit.record_event(account=member.account, context=context, code=code, subject=member, before=before, after=after)
