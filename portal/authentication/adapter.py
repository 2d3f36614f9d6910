"""What django-allauth asks the portal: its texts, its mails, and who may do what."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from portal import encryption
from portal.authentication import notices, throttling
from portal.authentication.devices import get_device_id, remember_device
from portal.authentication.openid_connect import is_linked
from portal.authentication.reauthentication import was_recently_authenticated
from portal.authentication.security_events.failed_sign_ins import note_failed_sign_in
from portal.authentication.security_events.record import record, record_failure, record_sign_in
from portal.authentication.throttling import Subject, refuse_if_throttled
from portal.client_address import get_client_address
from portal.models import User

# What a person is told by mail, for each of allauth's mails.
NOTICES = {
    "account/email/password_changed": "Your password was changed.",
    "account/email/password_reset": "Your password was set anew, with a link from a mail.",
    "account/email/password_set": "A password was set for your sign-in.",
    "socialaccount/email/account_connected": "You signed in with your organization for the first time. You can do so "
    "from now on.",
    "mfa/email/webauthn_added": "A passkey was added to your sign-in.",
    "mfa/email/webauthn_removed": "A passkey was removed from your sign-in.",
    "mfa/email/totp_activated": "An app for codes was added to your sign-in.",
    "mfa/email/totp_deactivated": "The app for codes was removed from your sign-in.",
    "mfa/email/recovery_codes_generated": "New recovery codes were made for your sign-in.",
}
# Messages that would say what the page shows anyway.
QUIET_MESSAGES = {"account/messages/logged_in.txt", "account/messages/logged_out.txt"}


class AccountAdapter(DefaultAccountAdapter):
    """allauth's own limits are switched off (settings.ACCOUNT_RATE_LIMITS): they lock people out."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "The e-mail address or the password is not right. Check both; capital letters "
        "count in the password. You can also make a new one.",
        "enter_current_password": "Write your present password.",
        "incorrect_password": "This is not your present password. Capital letters count.",
        "incorrect_code": "This code is not right. Look at the present one; each works once.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """People are invited; nobody signs up."""
        return False

    def add_message(
        self, request: HttpRequest, level: int, message_template: str = "", *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in QUIET_MESSAGES:
            super().add_message(request, level, message_template, *args, **kwargs)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Raises ValidationError with the code `throttled` if there were too many attempts; see throttling.py."""
        email = credentials.get("email", "").strip().lower()
        device = get_device_id(request, email)
        address = Subject(throttling.ADDRESS, throttling.get_network(get_client_address(request)))
        # Guesses of others neither keep the person out of a browser that they used, nor do their neighbours'.
        own = Subject(throttling.DEVICE, device) if device else Subject(throttling.PERSON, email)
        with refuse_if_throttled():
            throttling.begin_attempt([own] if device else [own, address], now=timezone.now())
        user = authenticate(request, **credentials)
        if user is None:
            note_failed_sign_in(request, email, now=timezone.now())
        else:
            throttling.note_success(cleared=[own], refunded=[] if device else [address])
        return user

    def reauthenticate(self, user: AbstractBaseUser, password: str) -> bool:
        subject = Subject(throttling.CONFIRMATION, str(user.pk))
        with refuse_if_throttled():
            throttling.begin_attempt([subject], now=timezone.now())
        if not user.check_password(password):
            assert isinstance(user, User)
            record_failure(self.request, user, "sign_in.confirmation_failed")
            return False
        throttling.note_success(cleared=[subject])
        return True

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> HttpResponse:
        response = super().post_login(request, user, **kwargs)
        assert isinstance(user, User)
        remember_device(request, response, user)
        record_sign_in(request, user)
        return response

    def logout(self, request: HttpRequest) -> None:
        if isinstance(request.user, User):
            record(request, request.user, "sign_in.ended")
        super().logout(request)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        return not was_recently_authenticated(context.request.session)

    def get_reauthentication_methods(self, user: AbstractBaseUser | AnonymousUser) -> list[dict[str, str]]:
        methods = super().get_reauthentication_methods(user)
        if isinstance(user, User) and is_linked(user):
            methods.append(
                {
                    "id": "openid_connect",
                    "description": f"Sign in again with {settings.OIDC_NAME}",
                    "url": reverse("openid-connect-confirm"),
                }
            )
        return methods

    def send_notification_mail(
        self,
        template_prefix: str,
        user: AbstractBaseUser,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Through the outbox, like all mail of the portal."""
        assert isinstance(user, User)
        address = get_client_address(self.request)
        notices.send_notice(user, NOTICES[template_prefix], address=address, now=timezone.now())

    def get_client_ip(self, request: HttpRequest) -> str:
        """Of a client on a Unix socket, no address is known."""
        return get_client_address(request) or "0.0.0.0"


class SecondFactorAdapter(DefaultMFAAdapter):
    """Seeds of codes are encrypted in the database. Passkeys hold public keys only."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is not right. Look at the present one; each works once.",
    }

    def encrypt(self, text: str) -> str:
        return encryption.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return encryption.decrypt(encrypted_text)

    def generate_authenticator_name(self, user: AbstractBaseUser, type: Authenticator.Type) -> str:
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return "My passkey" if not count else f"My passkey {count + 1}"
