"""Links with which people set their own password: for new members, and for whoever forgot theirs.

The mails are written when they are sent, so that no link is stored.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms

from portal import mail
from portal.authentication.password_links import INVITATION as INVITED
from portal.authentication.password_links import LIFETIMES, RESET, get_set_password_link
from portal.models import Member, User


def enqueue_invitation(member: Member, *, invited_by: User | None, now: datetime) -> None:
    """Tell a new member by mail that they were added to the account. `invited_by` is None for a command."""
    params = {"member": member.pk, "invited_by": invited_by.pk if invited_by else None}
    mail.enqueue_private(member.user.email, kind=INVITATION.code, params=params, now=now)


def compose_invitation(params: dict[str, Any]) -> mail.Message | None:
    """Whoever has no password yet gets a link to set one. None if the member was removed meanwhile."""
    member = Member.objects.select_related("user", "account").filter(pk=params["member"], user__is_active=True).first()
    if member is None:
        return None
    context = {
        "account": member.account,
        "invited_by": User.objects.filter(pk=params["invited_by"]).first(),
        "sign_in": mail.build_url("account_login"),
        "forgotten": mail.build_url("account_reset_password"),
        "link": "" if member.user.has_usable_password() else get_set_password_link(member.user, purpose=INVITED),
        "days": LIFETIMES[INVITED].days,
    }
    subject = "You were added to an account of the Number Reputation portal"
    return mail.Message(subject, "portal/mails/invitation.txt", context, to=[member.user.email])


INVITATION = mail.MailKind("invitation", "Invitation of a member", compose_invitation)


def enqueue_staff_invitation(user: User, *, now: datetime) -> None:
    """Tell somebody by mail that they may sign in to the administration."""
    mail.enqueue_private(user.email, kind=STAFF_INVITATION.code, params={"user": user.pk}, now=now)


def compose_staff_invitation(params: dict[str, Any]) -> mail.Message | None:
    """Whoever has no password yet gets a link to set one. None if they are no longer active staff."""
    user = User.objects.exclude(staff_role="").filter(pk=params["user"], is_active=True).first()
    if user is None:
        return None
    context = {
        "role": user.get_staff_role_display(),
        "sign_in": mail.build_url("admin:index"),
        "forgotten": mail.build_url("account_reset_password"),
        "link": "" if user.has_usable_password() else get_set_password_link(user, purpose=INVITED),
        "days": LIFETIMES[INVITED].days,
    }
    subject = "The administration of the Number Reputation portal"
    return mail.Message(subject, "portal/mails/staff_invitation.txt", context, to=[user.email])


STAFF_INVITATION = mail.MailKind("staff_invitation", "Invitation of staff", compose_staff_invitation)


def enqueue_first_password(user: User, *, now: datetime) -> None:
    """Send a person whom staff added a link to set their password, so that nobody else ever knows it."""
    if user.staff_role:
        enqueue_staff_invitation(user, now=now)
    else:
        mail.enqueue_private(user.email, kind=PERSON_INVITATION.code, params={"user": user.pk}, now=now)


def compose_person_invitation(params: dict[str, Any]) -> mail.Message | None:
    """None if the person may no longer sign in, or has a password meanwhile."""
    user = User.objects.filter(pk=params["user"], is_active=True).first()
    if user is None or user.has_usable_password():
        return None
    context = {
        "forgotten": mail.build_url("account_reset_password"),
        "link": get_set_password_link(user, purpose=INVITED),
        "days": LIFETIMES[INVITED].days,
    }
    subject = "You were added to the Number Reputation portal"
    return mail.Message(subject, "portal/mails/person_invitation.txt", context, to=[user.email])


PERSON_INVITATION = mail.MailKind("person_invitation", "Invitation of a person", compose_person_invitation)


class ForgottenPasswordForm(forms.Form):
    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={
            "required": "Write your e-mail address.",
            "invalid": "This is not an e-mail address. Write it as dana@example.com.",
        },
    )


def enqueue_password_reset(email: str, *, now: datetime) -> None:
    """Enqueue a mail for any address, also for people who never set a password: their first link may have expired.

    Whether somebody has this address is looked up when the mail is sent. So the page does the same work for known and
    unknown addresses, and the time it takes does not tell them apart.
    """
    address = email.strip().lower()
    mail.enqueue_private(address, kind=PASSWORD_RESET.code, params={"email": address}, now=now)


def compose_password_reset(params: dict[str, Any]) -> mail.Message | None:
    """None if nobody with this address may sign in."""
    user = User.objects.filter(email=params["email"], is_active=True).first()
    if user is None:
        return None
    context = {"link": get_set_password_link(user, purpose=RESET), "user": user}
    subject = "A new password for the Number Reputation portal"
    return mail.Message(subject, "portal/mails/password_reset.txt", context, to=[user.email])


PASSWORD_RESET = mail.MailKind("password_reset", "New password", compose_password_reset)
