"""Who needs a second factor, and whether the person who is signed in has shown one."""

from __future__ import annotations

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest

from portal.models import Account, User

MAIN_TYPES = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def get_requirement(request: HttpRequest) -> str:
    """Who needs a second factor of the person and has none: "The administration", or an account's name. "" if nobody.

    The session shows whether the person signed in with a second factor, so that pages cost no query for it.
    """
    user = request.user
    if not isinstance(user, User) or has_shown_second_factor(request):
        return ""
    account: Account | None = getattr(request, "account", None)
    if account is not None and account.requires_second_factor:
        requirement = account.name
    elif user.is_staff and settings.STAFF_NEED_SECOND_FACTOR:
        requirement = "The administration"
    else:
        return ""
    return "" if has_second_factor(user) else requirement


def has_shown_second_factor(request: HttpRequest) -> bool:
    records = get_authentication_records(request, request.user)
    return any(record.get("method") == "mfa" for record in records)


def has_second_factor(user: User) -> bool:
    """Recovery codes alone do not count: they are for the day on which the factor is lost."""
    return Authenticator.objects.filter(user=user, type__in=MAIN_TYPES).exists()


def reset_second_factors(user: User) -> int:
    """Remove all of the person's factors, so that their password alone lets them in; return how many there were."""
    removed, _ = Authenticator.objects.filter(user=user).delete()
    return removed
