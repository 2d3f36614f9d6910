"""Sign in, sign out, and switch the account."""

from __future__ import annotations

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from portal.accounts.access import ACCOUNT_SESSION_KEY, MemberRequest, member_required
from portal.db.keyset import parse_id


class SignInForm(AuthenticationForm):
    error_messages = {
        "invalid_login": "The e-mail address or the password is not right. Check both; capital letters count in the "
        "password. You can also make a new one.",
        "inactive": "You are kept from signing in. Ask whoever runs the portal.",
    }
    username = forms.EmailField(
        label="E-mail",
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"}),
        error_messages={
            "required": "Write your e-mail address.",
            "invalid": "This is not an e-mail address. Write it as dana@example.com.",
        },
    )
    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": "Write your password."},
    )


class SignInView(LoginView):
    template_name = "portal/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True


class SignOutView(LogoutView):
    next_page = "sign-in"


@require_POST
@member_required
def switch_account(request: MemberRequest) -> HttpResponse:
    """Switch to another account of the user. Answers 404 if they are not a member of it.

    The CSRF token changes, so that a form opened before cannot be submitted to the other account.
    """
    member = get_object_or_404(request.user.memberships, account_id=parse_id(request.POST.get("account")))
    request.session[ACCOUNT_SESSION_KEY] = member.account_id
    rotate_token(request)
    return redirect("overview")


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The 403 page, with the reason. It shows nothing of the account, so it does not poll for changes."""
    context = {"reason": str(exception or ""), "live_token": None}
    return render(request, "portal/forbidden.html", context, status=403)


urls = [
    path("sign-in/", SignInView.as_view(), name="sign-in"),
    path("sign-out/", SignOutView.as_view(), name="sign-out"),
    path("account/switch/", switch_account, name="switch-account"),
]
