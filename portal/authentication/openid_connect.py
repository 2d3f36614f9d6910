"""Sign-in with an identity provider by OpenID Connect: https://openid.net/specs/openid-connect-core-1_0.html

The provider proves who somebody is. It makes nobody a member: whoever it names must be known to the portal already, by
an e-mail address that the provider has verified. From the first sign-in on, the provider's own name for the person
(`sub`) counts, and the address does not matter any more.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal.jwtkit import lookup_kid_jwk, verify_and_decode
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from allauth.utils import build_absolute_uri
from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from requests import RequestException, Session

from portal.authentication import throttling
from portal.authentication.reauthentication import note_confirmation, note_proof
from portal.authentication.security_events.record import record
from portal.authentication.throttling import Subject
from portal.client_address import get_client_address
from portal.models import User

logger = logging.getLogger(__name__)

# For so many seconds, what the provider says of its own addresses is not asked again.
CONFIGURATION_SECONDS = 60 * 60
# How much the clocks of the provider and the portal may differ, and how long the way back may take.
CONFIRMED_WITHIN_SECONDS = 5 * 60


class OAuth2Adapter(OpenIDConnectOAuth2Adapter):
    @property
    def openid_config(self) -> dict[str, Any]:
        """The provider's discovery document, which is kept for CONFIGURATION_SECONDS."""
        key = f"configuration-of-{get_provider_id()}"
        found = cache.get(key)
        if found is None:
            found = super().openid_config
            if str(found["issuer"]).rstrip("/") != settings.OIDC_ISSUER:
                raise OAuth2Error(f"The document at {settings.OIDC_ISSUER} is that of {found['issuer']}.")
            cache.set(key, found, CONFIGURATION_SECONDS)
        return found

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        """django-allauth would not check the signature of a token that came over TLS."""
        return verify_and_decode(
            credential=id_token,
            keys_url=self.openid_config["jwks_uri"],
            issuer=self.openid_config["issuer"],
            audience=app.client_id,
            lookup_kid=lookup_kid_jwk,
        )

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return build_absolute_uri(request, reverse("openid_connect_callback"))


class IdentityProvider(OpenIDConnectProvider):
    """The provider of settings.OIDC_ISSUER."""

    oauth2_adapter_class = OAuth2Adapter

    def redirect(
        self,
        request: HttpRequest,
        process: str,
        next_url: str | None = None,
        data: Any = None,
        auth_params: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> HttpResponse:
        """The nonce binds the ID token to this session: the provider copies it, and _check_nonce compares."""
        nonce = secrets.token_urlsafe(16)
        parameters = (auth_params or {}) | {"nonce": nonce}
        return super().redirect(request, process, next_url, data, auth_params=parameters, nonce=nonce, **kwargs)

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        """What the provider tells of people beyond its name for them is not kept."""
        return {}

    def sociallogin_from_response(self, request: HttpRequest, response: dict[str, Any]) -> SocialLogin:
        """Raises KeyError or OAuth2Error if there is no ID token, or if it is about somebody else."""
        claims = response["id_token"]
        if response["userinfo"]["sub"] != claims["sub"]:
            raise OAuth2Error("The ID token and the answer about the person name two people.")
        login = super().sociallogin_from_response(request, response)
        login.signed_in_at = _get_signed_in_at(response)
        login.nonce = claims.get("nonce")
        return login

    def get_login_url(self, request: HttpRequest, **kwargs: Any) -> str:
        return reverse("openid_connect_login")


def get_provider_id() -> str:
    """What links of people to this provider are stored under: another issuer may give the same `sub` to others."""
    return "oidc-" + hashlib.sha256(settings.OIDC_ISSUER.encode()).hexdigest()[:32]


def is_linked(user: User) -> bool:
    """Whether the person signed in with the provider before. One query if one is configured, else none."""
    if not settings.OIDC_ISSUER:
        return False
    return SocialAccount.objects.filter(user=user, provider=get_provider_id()).exists()


def get_throttled_subject(request: HttpRequest) -> Subject:
    """Whose sign-ins are counted that were begun and not completed: each of them keeps a session in the database."""
    return Subject(throttling.IDENTITY_PROVIDER, throttling.get_network(get_client_address(request)))


def get_provider(request: HttpRequest) -> IdentityProvider:
    """Raises Http404 if no provider is configured."""
    if not settings.OIDC_ISSUER:
        raise Http404("No identity provider is configured.")
    app = SocialApp(
        provider=OpenIDConnectProvider.id,
        provider_id=get_provider_id(),
        name=settings.OIDC_NAME,
        client_id=settings.OIDC_CLIENT_ID,
        secret=settings.OIDC_CLIENT_SECRET,
        settings={"server_url": settings.OIDC_ISSUER, "oauth_pkce_enabled": True},
    )
    return IdentityProvider(request, app=app)


class IdentityProviderAdapter(DefaultSocialAccountAdapter):
    """What django-allauth asks the portal about sign-in with an identity provider."""

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> IdentityProvider:
        """The only one. None is read from the database."""
        return get_provider(request)

    def get_requests_session(self) -> Session:
        """For questions to the provider. A redirect is an error: the answer comes from where the question went."""
        session = super().get_requests_session()
        session.max_redirects = 0
        return session

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """The provider has answered. Find the person, or tell why they are not signed in."""
        _check_nonce(request, sociallogin)
        if not sociallogin.is_existing:
            _connect(request, sociallogin)
        throttling.note_success(refunded=[get_throttled_subject(request)])
        if sociallogin.state.get("process") == AuthProcess.REDIRECT:
            _confirm(request, sociallogin)
        else:
            note_proof(request, sociallogin.signed_in_at)

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: IdentityProvider,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        if error == AuthError.CANCELLED:
            _refuse(request, f"You were not signed in: {settings.OIDC_NAME} says that it was cancelled.")
        logger.warning("The identity provider's answer was refused: %s.", exception or error, exc_info=exception)
        _refuse_answer(request)


@contextmanager
def expect_answers(request: HttpRequest) -> Iterator[None]:
    """Tells the person if the provider does not answer, or leaves out what the specification demands."""
    try:
        yield
    except (RequestException, OAuth2Error, KeyError, TypeError, ValueError):
        logger.warning("The identity provider did not answer as expected.", exc_info=True)
        _refuse_answer(request)


def _refuse_answer(request: HttpRequest) -> NoReturn:
    _refuse(
        request,
        f"You were not signed in with {settings.OIDC_NAME}: it did not answer as expected, or took too long. Try "
        "again. If it stays like this, tell whoever runs the portal.",
    )


def _check_nonce(request: HttpRequest, sociallogin: SocialLogin) -> None:
    expected = sociallogin.state.get("nonce")
    if not expected or sociallogin.nonce != expected:
        logger.warning("The ID token is not the one that was asked for: its nonce is another.")
        _refuse_answer(request)


def _connect(request: HttpRequest, sociallogin: SocialLogin) -> None:
    """Link the provider's name for a person to the user with the address that the provider has verified."""
    found = sociallogin.email_addresses
    address = found[0].email if found else ""
    if not address or not (found[0].verified or settings.OIDC_TRUST_EMAIL):
        _refuse(
            request,
            f"You were not signed in: {settings.OIDC_NAME} names no verified e-mail address of you. Ask whoever runs "
            "it.",
        )
    user = User.objects.filter(email__iexact=address).first()
    if user is None:
        _refuse(
            request,
            f"You were not signed in: nobody is known here as {address}. Ask an owner of your account to invite you "
            "with this address.",
        )
    with transaction.atomic():
        sociallogin.connect(request, user)
        record(request, user, "sign_in.linked", after=settings.OIDC_NAME)


def _get_signed_in_at(response: dict[str, Any]) -> float:
    """When the person signed in at the provider (seconds since 1970), 0 if it does not say."""
    at = response.get("id_token", {}).get("auth_time")
    return float(at) if isinstance(at, int | float) else 0


def _confirm(request: HttpRequest, sociallogin: SocialLogin) -> None:
    """A person who is signed in was asked to sign in again at the provider."""
    if sociallogin.user != request.user:
        _refuse(request, f"At {settings.OIDC_NAME} you are somebody else. Nothing was confirmed.")
    if abs(time.time() - sociallogin.signed_in_at) > CONFIRMED_WITHIN_SECONDS:
        _refuse(request, f"{settings.OIDC_NAME} does not say that you signed in again, so nothing was confirmed.")
    note_confirmation(request, reauthenticated=True)


def _refuse(request: HttpRequest, sentence: str) -> NoReturn:
    """Whoever is signed in gets from the page for signing in to where they were going."""
    messages.error(request, sentence)
    raise ImmediateHttpResponse(redirect("account_login"))
