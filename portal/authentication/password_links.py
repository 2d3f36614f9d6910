"""Links with which people set their own password. Each works once, and for a limited time.

The token is the fragment of the URL, which browsers do not send. So it is in no log of the portal or of its proxy.
The page moves it into the form.
"""

from __future__ import annotations

from datetime import timedelta

from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac

from portal import mail
from portal.models import User

SALT = "portal.authentication.password_links"
RESET = "reset"
INVITATION = "invitation"
LIFETIMES = {RESET: timedelta(hours=1), INVITATION: timedelta(days=3)}


def get_set_password_link(user: User, *, purpose: str) -> str:
    """A URL that lets its reader set the user's password: once, and for the purpose's lifetime."""
    token = signing.dumps([user.pk, _get_fingerprint(user)], salt=f"{SALT}.{purpose}")
    return f"{mail.build_url('set-password')}#{purpose}.{token}"


def read_token(text: str) -> User | None:
    """The active user whose password may be set with the token. None if it is not valid any more, or never was."""
    purpose, _, token = text.strip().partition(".")
    if purpose not in LIFETIMES:
        return None
    try:
        pk, fingerprint = signing.loads(token, salt=f"{SALT}.{purpose}", max_age=LIFETIMES[purpose])
    except (signing.BadSignature, ValueError, TypeError):
        return None
    user = User.objects.filter(pk=pk, is_active=True).first()
    if user is None or not constant_time_compare(fingerprint, _get_fingerprint(user)):
        return None
    return user


def _get_fingerprint(user: User) -> str:
    """Changes when the person signs in, or gets another password or address: earlier links end then."""
    state = f"{user.pk}:{user.password}:{user.last_login}:{user.email}"
    return salted_hmac(SALT, state, algorithm="sha256").hexdigest()[:32]
