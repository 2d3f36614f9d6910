"""Links with which somebody sets their own password: for whom an owner has added, and for whom has forgotten it."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from portal.models import Account, User

# The first is for robots that answer mail; RFC 3834.
AUTO_GENERATED_HEADERS = {"Auto-Submitted": "auto-generated"}


def get_set_password_link(user: User) -> str:
    """An address that lets its reader set the user's password: once, and for settings.PASSWORD_RESET_TIMEOUT."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    return settings.PUBLIC_URL + reverse("password_reset_confirm", args=[uid, token])


def send_invitation(user: User, *, to: Account, by: User) -> None:
    """Tells somebody that they were added to an account; who has no password yet gets a link to set one.

    Raises OSError (of which SMTPException is one) if the mail cannot be handed in.
    """
    context = {
        "account": to,
        "by": by,
        "sign_in": settings.PUBLIC_URL + reverse("sign-in"),
        "forgotten": settings.PUBLIC_URL + reverse("password_reset"),
        "link": "" if user.has_usable_password() else get_set_password_link(user),
        "days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
    }
    subject = one_line(f"You were added to {to.name}")
    EmailMessage(
        subject, render_to_string("portal/mails/added.txt", context), to=[user.email], headers=AUTO_GENERATED_HEADERS
    ).send()


def one_line(subject: str) -> str:
    """A subject without line breaks, which mail refuses: it has names in it that people chose."""
    return " ".join(subject.split())


class UserPasswordResetForm(PasswordResetForm):
    """Also for people who never set a password: their first link may have run out."""

    def get_users(self, email: str) -> Iterable[User]:
        return User.objects.filter(email=email, is_active=True)

    def save(self, **options: object) -> None:
        for user in self.get_users(self.cleaned_data["email"]):
            context = {
                "link": get_set_password_link(user),
                "user": user,
                "days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
            }
            self.send_mail(
                "portal/mails/forgotten_subject.txt", "portal/mails/forgotten.txt", context, None, user.email
            )
