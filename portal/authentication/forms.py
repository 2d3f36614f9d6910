"""The forms of sign-in, with the portal's labels and texts."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm, ReauthenticateForm
from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.core.exceptions import ValidationError

from portal.authentication.password_links import read_token

LINK_USED = ValidationError("This link no longer works.", code="link_used")


class SignInForm(LoginForm):
    """allauth's form. The address is posted as `username`, as by a page of an earlier release."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"] = forms.EmailField(
            label="E-mail",
            widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username webauthn"}),
            error_messages={
                "required": "Write your e-mail address.",
                "invalid": "This is not an e-mail address. Write it as dana@example.com.",
            },
        )
        self.fields["password"] = _create_password_field("Password")
        self.order_fields(["login", "password"])

    def add_prefix(self, field_name: str) -> str:
        return "username" if field_name == "login" else super().add_prefix(field_name)


class ConfirmForm(ReauthenticateForm):
    """Asks a person who is signed in for their password again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"] = _create_password_field("Your password", autofocus=True)


class NewPasswordForm(SetPasswordForm):
    """Sets the password of whoever got a mail with a link. The link's token is posted as `code`."""

    code = forms.CharField(
        label="Code from the mail",
        help_text="The part of the link after the sign #. The page fills it in if you open the link.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": "Open the link in the mail, or write the part of it after the sign #."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, *args, **kwargs)
        self.order_fields(["code"])

    def clean_code(self) -> str:
        self.user = read_token(self.cleaned_data["code"])
        if self.user is None:
            raise LINK_USED
        return self.cleaned_data["code"]


def _create_password_field(label: str, *, autofocus: bool = False) -> forms.CharField:
    attrs: dict[str, Any] = {"autocomplete": "current-password"} | ({"autofocus": True} if autofocus else {})
    return forms.CharField(
        label=label,
        strip=False,
        widget=forms.PasswordInput(attrs=attrs),
        error_messages={"required": "Write your password."},
    )
