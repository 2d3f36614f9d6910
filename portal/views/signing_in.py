"""Sign in, sign out, confirm who you are, and switch the account."""

from __future__ import annotations

from allauth.account import views
from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from portal.accounts.access import ACCOUNT_SESSION_KEY, MemberRequest, any_member_required, signed_in_required
from portal.authentication.throttling import THROTTLED
from portal.db.keyset import parse_id


class SignInView(views.LoginView):
    template_name = "portal/sign_in.html"

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        name = settings.OIDC_NAME if settings.OIDC_ISSUER else ""
        return super().get_context_data(**kwargs) | {"identity_provider": name}

    def form_invalid(self, form: Form) -> HttpResponse:
        response = super().form_invalid(form)
        if form.has_error(NON_FIELD_ERRORS, THROTTLED):
            response.status_code = 429
        return response


@require_POST
@any_member_required
def switch_account(request: MemberRequest) -> HttpResponse:
    """Switch to another account of the user. Answers 404 if they are not a member of it.

    The CSRF token changes, so that a form opened before cannot be submitted to the other account.
    """
    member = get_object_or_404(request.user.memberships, account_id=parse_id(request.POST.get("account")))
    request.session[ACCOUNT_SESSION_KEY] = member.account_id
    rotate_token(request)
    return redirect("overview")


confirm = signed_in_required(views.ReauthenticateView.as_view(template_name="portal/confirm.html"))


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The 403 page, with the reason. It shows nothing of the account, so it does not poll for changes."""
    context = {"reason": str(exception or ""), "live_token": None}
    return render(request, "portal/forbidden.html", context, status=403)


urls = [
    path("sign-in/", SignInView.as_view(), name="account_login"),
    path(
        "sign-in/inactive/",
        views.AccountInactiveView.as_view(template_name="portal/inactive.html"),
        name="account_inactive",
    ),
    path("account/confirm/", confirm, name="account_reauthenticate"),
    path("sign-out/", require_POST(views.LogoutView.as_view()), name="account_logout"),
    path("account/switch/", switch_account, name="switch-account"),
]
