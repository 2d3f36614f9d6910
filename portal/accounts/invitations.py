"""Invitations: an owner asks people to become members, and whoever accepts becomes one.

The mails name nobody but the inviter's address: what a business calls itself would make the portal send its words to
people who do not know it. Their page shows the account's name.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from portal import audit, mail
from portal.accounts.members import MembershipError, add_accepted_member, get_future_member, lock_account
from portal.audit import Context
from portal.authentication.password_links import INVITATION as INVITED
from portal.authentication.password_links import LIFETIMES, get_set_password_link
from portal.models import Account, Invitation, Member, User

# Open invitations of an account.
MAX_OPEN = 200


def invite(*, account: Account, email: str, role: str, context: Context) -> Invitation:
    """Ask the person with this address to become a member, by mail. Inviting them again renews the invitation.

    Somebody new gets a user, without a password, that belongs to no account.
    Raises MembershipError if they are a member already, may not sign in, or too many invitations are open.
    """
    with transaction.atomic():
        lock_account(account)
        user = get_future_member(account, email)
        others = Invitation.objects.for_account(account).exclude(email=user.email)
        if others.open(context.now).count() >= MAX_OPEN:
            raise MembershipError(f"{MAX_OPEN} invitations are not answered yet. Withdraw some of them first.")
        invitation, _ = Invitation.objects.update_or_create(
            account=account,
            email=user.email,
            defaults={"role": role, "invited_by": context.actor.user, "created_at": context.now},
        )
        _record_event(invitation, context=context, code="invitation.sent", after=role)
        mail.enqueue_private(user.email, kind=MAIL.code, params={"invitation": invitation.pk}, now=context.now)
    return invitation


def withdraw(invitation: Invitation, *, context: Context) -> bool:
    """Take the invitation back. False if the person answered meanwhile."""
    return _end(invitation, context=context, code="invitation.withdrawn")


def decline(invitation: Invitation, *, context: Context) -> bool:
    """The person does not want to be a member. False if it was withdrawn meanwhile."""
    return _end(invitation, context=context, code="invitation.declined")


def accept(invitation: Invitation, *, user: User, context: Context) -> Member | None:
    """Make the invited person a member. None if the invitation was withdrawn meanwhile."""
    with transaction.atomic():
        lock_account(invitation.account)
        stored = Invitation.objects.open(context.now).for_person(user).filter(pk=invitation.pk).first()
        if stored is None:
            return None
        stored.delete()
        return add_accepted_member(account=invitation.account, user=user, role=stored.role, context=context)


def _end(invitation: Invitation, *, context: Context, code: str) -> bool:
    with transaction.atomic():
        lock_account(invitation.account)
        if not Invitation.objects.filter(pk=invitation.pk).exists():
            return False
        _record_event(invitation, context=context, code=code)
        Invitation.objects.filter(pk=invitation.pk).delete()
    return True


def _record_event(invitation: Invitation, *, context: Context, code: str, after: str = "") -> None:
    audit.record_event(account=invitation.account, context=context, code=code, subject=invitation, after=after)


def compose_invitation(params: dict[str, Any]) -> mail.Message | None:
    """Whoever has no password yet gets a link to set one. None if the invitation was answered meanwhile."""
    invitation = Invitation.objects.open(timezone.now()).filter(pk=params["invitation"]).first()
    user = User.objects.filter(email=invitation.email, is_active=True).first() if invitation else None
    if invitation is None or user is None:
        return None
    context = {
        "invited_by": invitation.invited_by,
        "expires_at": invitation.expires_at,
        "invitations": mail.build_url("invitations"),
        "forgotten": mail.build_url("account_reset_password"),
        "link": "" if user.has_usable_password() else get_set_password_link(user, purpose=INVITED),
        "days": LIFETIMES[INVITED].days,
    }
    subject = "You are invited to the Number Reputation portal"
    return mail.Message(subject, "portal/mails/account_invitation.txt", context, to=[user.email])


MAIL = mail.MailKind("account_invitation", "Invitation to an account", compose_invitation)
