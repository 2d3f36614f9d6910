"""Links with which people set their own password: for new members, and for whoever forgot theirs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.tokens import default_token_generator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from portal import mail
from portal.models import Account, User


def get_set_password_link(user: User) -> str:
    """A URL that lets its reader set the user's password: once, and for settings.PASSWORD_RESET_TIMEOUT."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return mail.build_url("password_reset_confirm", uid, default_token_generator.make_token(user))


def _get_link_days() -> int:
    return settings.PASSWORD_RESET_TIMEOUT // 86_400


def send_invitation(user: User, *, account: Account, invited_by: User) -> None:
    """Tell somebody that they were added to an account. Who has no password yet gets a link to set one.

    Raises OSError, of which SMTPException is one, if the mail cannot be handed in.
    """
    context = {
        "account": account,
        "invited_by": invited_by,
        "sign_in": mail.build_url("sign-in"),
        "forgotten": mail.build_url("password_reset"),
        "link": "" if user.has_usable_password() else get_set_password_link(user),
        "days": _get_link_days(),
    }
    subject = f"You were added to {account.name}"
    mail.send(mail.Message(subject, "portal/mails/invitation.txt", context, to=[user.email]))


class UserPasswordResetForm(PasswordResetForm):
    """Also for people who never set a password: their first link may have expired."""

    def get_users(self, email: str) -> Iterable[User]:
        return User.objects.filter(email=email, is_active=True)

    def save(self, *args: Any, **kwargs: Any) -> None:
        for user in self.get_users(self.cleaned_data["email"]):
            context = {"link": get_set_password_link(user), "user": user, "days": _get_link_days()}
            self.send_mail(
                "portal/mails/password_reset_subject.txt", "portal/mails/password_reset.txt", context, None, user.email
            )
