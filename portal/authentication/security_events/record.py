"""Record what a person did with their sign-in, their password and their second factors."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa import signals
from allauth.mfa.models import Authenticator
from django.http import HttpRequest
from django.utils import timezone

from portal import audit
from portal.audit import Actor, Context
from portal.authentication.sessions import describe_client
from portal.client_address import get_client_address
from portal.models import User
from portal.text import pluralize

Type = Authenticator.Type
FACTORS = {Type.TOTP: "app for codes", Type.WEBAUTHN: "passkey", Type.RECOVERY_CODES: "recovery codes"}
METHODS = {"socialaccount": "identity provider"}


def describe_origin(request: HttpRequest) -> str:
    """Where a request comes from: 203.0.113.9, Firefox on Linux."""
    client = describe_client(request.headers.get("User-Agent", ""))
    return f"From {get_client_address(request) or 'an unknown address'}, {client}"


def record(request: HttpRequest, user: User, code: str, *, before: str = "", after: str = "") -> None:
    """Record what the person did themselves."""
    _record(request, user, code, actor=user, before=before, after=after)


def record_sign_in(request: HttpRequest, user: User) -> None:
    record(request, user, "sign_in.done", after=_describe_methods(request, user))


def record_failure(request: HttpRequest, user: User, code: str) -> None:
    """Record a failure of somebody who may not be the person: the event has no actor."""
    _record(request, user, code, actor=None)


def _record(
    request: HttpRequest, user: User, code: str, *, actor: User | None, before: str = "", after: str = ""
) -> None:
    audit.record_about_person(
        user,
        context=Context(Actor(actor, via="web"), timezone.now()),
        code=code,
        before=before,
        after=after,
        reason=describe_origin(request),
    )


def _describe_methods(request: HttpRequest, user: User) -> str:
    """With what the person signed in: password, app for codes."""
    records = get_authentication_records(request, user)
    return ", ".join(FACTORS.get(one.get("type")) or METHODS.get(one["method"], one["method"]) for one in records)


# Receivers of allauth's signals


def on_added(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    record(request, user, "factor.added", after=FACTORS[authenticator.type])


def on_removed(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    record(request, user, "factor.removed", before=FACTORS[authenticator.type])


def on_reset(request: HttpRequest, user: User, **kwargs: Any) -> None:
    record(request, user, "factor.codes_replaced")


def on_used(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """Other factors are part of the event of the sign-in."""
    if authenticator.type == Type.RECOVERY_CODES:
        # Read anew: the row that the form holds is from before the code was used.
        codes = Authenticator.objects.get(pk=authenticator.pk).wrap().get_unused_codes()
        record(request, user, "factor.code_used", after=f"{pluralize(len(codes), 'code')} left")


def on_failed(request: HttpRequest, user: User, reauthentication: bool = False, **kwargs: Any) -> None:
    record_failure(request, user, "sign_in.confirmation_failed" if reauthentication else "sign_in.factor_failed")


def connect_signals() -> None:
    signals.authenticator_added.connect(on_added, dispatch_uid="record_factor_added")
    signals.authenticator_removed.connect(on_removed, dispatch_uid="record_factor_removed")
    signals.authenticator_reset.connect(on_reset, dispatch_uid="record_codes_replaced")
    signals.authenticator_used.connect(on_used, dispatch_uid="record_code_used")
    signals.authentication_failed.connect(on_failed, dispatch_uid="record_factor_failed")
