"""Signing in and out, choosing the account, and the pages about it."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.views.decorators.http import require_POST

from portal.access import ACCOUNT_IN_SESSION, MemberRequest, member_view


class SignIn(LoginView):
    template_name = "portal/sign_in.html"
    redirect_authenticated_user = True


class SignOut(LogoutView):
    next_page = reverse_lazy("sign-in")


@require_POST
@member_view
def switch_account(request: MemberRequest) -> HttpResponse:
    """Goes to another account of the same person; one they are not a member of is a 404."""
    member = get_object_or_404(request.user.memberships, account_id=request.POST.get("account") or 0)
    request.session[ACCOUNT_IN_SESSION] = member.account_id
    return redirect("overview")


def refused(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403, in plain words: what was refused and whom to ask."""
    return render(request, "portal/refused.html", {"reason": str(exception or "")}, status=403)


@member_view
def members(request: MemberRequest) -> HttpResponse:
    return render(request, "portal/members.html")


@member_view
def audit_trail(request: MemberRequest) -> HttpResponse:
    return render(request, "portal/audit_trail.html")


@member_view
def preferences(request: MemberRequest) -> HttpResponse:
    return render(request, "portal/preferences.html")
