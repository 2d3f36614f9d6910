"""Pages to change a password, to ask for a link that sets one, and to set it."""

from __future__ import annotations

from contextlib import suppress

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.forms import SetPasswordForm as FirstPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from portal.accounts.access import MemberRequest, signed_in_required
from portal.accounts.passwords import ForgottenPasswordForm, enqueue_password_reset
from portal.authentication import passwords, throttling
from portal.authentication.devices import remember_device
from portal.authentication.forms import LINK_USED, NewPasswordForm
from portal.authentication.reauthentication import require_recent_sign_in
from portal.authentication.throttling import MustWait, Subject
from portal.client_address import get_client_address

CHANGED_MEANWHILE = "Your password was changed meanwhile, in another window. Nothing was changed now."


@sensitive_post_parameters()
@signed_in_required
def change_password(request: MemberRequest) -> HttpResponse:
    """Whoever has no password, but a passkey, sets their first one here."""
    has_password = request.user.has_usable_password()
    if not has_password:
        require_recent_sign_in(request)
    form_class = PasswordChangeForm if has_password else FirstPasswordForm
    form = form_class(request.user, request.POST or None)
    if not form.is_valid():
        return render(request, "portal/password_change.html", {"form": form})
    new = form.cleaned_data["new_password1"]
    former_key = request.session.session_key
    if passwords.set_password(
        request.user,
        new,
        code=passwords.CHANGED,
        request=request,
        now=request.context.now,
        kept_session=former_key,
    ):
        update_session_auth_hash(request, request.user)
        UserSession.objects.filter(session_key=former_key).update(session_key=request.session.session_key)
        messages.success(request, passwords.SENTENCES[passwords.CHANGED])
    else:
        messages.error(request, CHANGED_MEANWHILE)
    return redirect("preferences")


def forgotten_password(request: HttpRequest) -> HttpResponse:
    """The answer and the time it takes are the same for known and unknown addresses."""
    form = ForgottenPasswordForm(request.POST or None)
    if not form.is_valid():
        return render(request, "portal/password_reset.html", {"form": form})
    email, now = form.cleaned_data["email"].strip().lower(), timezone.now()
    address = Subject(throttling.MAIL_ADDRESS, throttling.get_network(get_client_address(request)))
    try:
        throttling.begin_attempt([address], now=now)
    except MustWait as error:
        form.add_error(None, error.sentence)
        return render(request, "portal/password_reset.html", {"form": form}, status=429)
    # A person who got several mails gets none for a while. The page does not tell.
    with suppress(MustWait):
        throttling.begin_attempt([Subject(throttling.MAIL, email)], now=now)
        enqueue_password_reset(email, now=now)
    return redirect("account_reset_password_done")


def forgotten_password_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/password_reset_done.html")


@sensitive_post_parameters()
def set_password(request: HttpRequest) -> HttpResponse:
    """The page that links in mails open. Their token is in the fragment, which only the browser sees."""
    form = NewPasswordForm(request.POST or None)
    if form.is_valid():
        new = form.cleaned_data["new_password1"]
        if passwords.set_password(form.user, new, code=passwords.SET_BY_LINK, request=request, now=timezone.now()):
            messages.success(request, "Your password is set. Sign in with it.")
            response = redirect("account_login")
            # Whoever reads the person's mail may sign in, however many others guess.
            remember_device(request, response, form.user)
            return response
        form.add_error("code", LINK_USED)
    context = {"form": form, "is_expired": form.has_error("code", LINK_USED.code)}
    return render(request, "portal/set_password.html", context)


def outdated_link(request: HttpRequest, **token: str) -> HttpResponse:
    """Links of releases whose links had the token in their path."""
    messages.error(request, "This link no longer works. Write your e-mail address, and we send you a new one.")
    return redirect("account_reset_password")


urls = [
    path("password/change/", change_password, name="account_change_password"),
    path("password/forgotten/", forgotten_password, name="account_reset_password"),
    path("password/forgotten/sent/", forgotten_password_sent, name="account_reset_password_done"),
    path("password/set/", set_password, name="set-password"),
    path("password/set/<str:person>/<str:token>/", outdated_link, name="set-password-outdated"),
]
