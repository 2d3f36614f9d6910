"""The forms of second factors, with the portal's labels and texts."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.utils import timezone
from fido2.webauthn import AuthenticationResponse, RegistrationResponse

from portal.authentication import throttling
from portal.authentication.throttling import Subject, refuse_if_throttled

NAME_LENGTH = 60
NO_PASSKEY = "The browser gave no passkey that could be used. Try again, or go on in another way."


def _create_code_field(label: str) -> forms.CharField:
    """A code of six digits, or a recovery code of eight. Spaces, as apps show them, do not count."""
    return forms.CharField(
        label=label,
        max_length=20,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True, "spellcheck": "false"}
        ),
        error_messages={"required": "Write the code."},
    )


class _WithCode:
    label = "Code"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"] = _create_code_field(self.label)  # type: ignore[attr-defined]

    def clean_code(self) -> str:
        """Whoever tries codes has the password, or the session, so nobody else can make the person wait."""
        subject = Subject(throttling.CODE, str(self.user.pk))  # type: ignore[attr-defined]
        with refuse_if_throttled():
            throttling.begin_attempt([subject], now=timezone.now())
        self.cleaned_data["code"] = self.cleaned_data["code"].replace(" ", "")  # type: ignore[attr-defined]
        code = super().clean_code()  # type: ignore[misc]
        throttling.note_success(cleared=[subject])
        return code


class CodeForm(_WithCode, AuthenticateForm):
    """After the password."""


class ConfirmCodeForm(_WithCode, ReauthenticateForm):
    """Of a person who is signed in."""

    label = "Code from your app, or a recovery code"


class AppForm(_WithCode, ActivateTOTPForm):
    label = "Code that the app shows"


class CredentialField(forms.JSONField):
    """What a browser returns of a passkey. What the library cannot parse is refused, where it would fail."""

    widget = forms.HiddenInput

    def __init__(self, parse: Callable[[Any], object]) -> None:
        super().__init__(error_messages={"required": NO_PASSKEY, "invalid": NO_PASSKEY})
        self.parse = parse

    def clean(self, value: Any) -> Any:
        credential = super().clean(value)
        try:
            self.parse(credential)
        except (AttributeError, LookupError, TypeError, ValueError, struct.error) as error:
            raise forms.ValidationError(NO_PASSKEY, code="invalid") from error
        return credential


class _WithCredential:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["credential"] = CredentialField(AuthenticationResponse.from_dict)  # type: ignore[attr-defined]


class PasskeySignInForm(_WithCredential, LoginWebAuthnForm):
    """Instead of the password."""


class UsePasskeyForm(_WithCredential, AuthenticateWebAuthnForm):
    """After the password."""


class ConfirmPasskeyForm(_WithCredential, ReauthenticateWebAuthnForm):
    """Of a person who is signed in."""


class PasskeyForm(AddWebAuthnForm):
    """A new passkey."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["credential"] = CredentialField(RegistrationResponse.from_dict)
        self.fields["name"] = forms.CharField(
            required=False, max_length=NAME_LENGTH, initial=self.initial.get("name"), label="Name"
        )
        self.fields["passwordless"] = forms.BooleanField(
            required=False,
            initial=True,
            label="Sign in with it without the password",
            help_text="Old security keys cannot. They are asked for after the password.",
        )
        self.order_fields(["name", "passwordless"])


class PasskeyNameForm(EditWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"] = forms.CharField(
            max_length=NAME_LENGTH, label="Name", error_messages={"required": "Write a name."}
        )
