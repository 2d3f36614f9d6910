"""End sessions, from the list under Account > Your sign-in."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import logout
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.access import MemberRequest, signed_in_required
from portal.authentication.reauthentication import require_recent_sign_in
from portal.authentication.security_events.record import record
from portal.authentication.sessions import describe_client, end_sessions, get_sessions
from portal.text import pluralize


@require_safe
@signed_in_required
def check(request: MemberRequest) -> HttpResponse:
    """For pages that are open: an empty answer while the session lasts."""
    return HttpResponse(status=204)


@require_POST
@signed_in_required
def end(request: MemberRequest, pk: int) -> HttpResponse:
    """Signing out of this session needs no confirmation."""
    session = get_object_or_404(get_sessions(request.user), pk=pk)
    if session.session_key != request.session.session_key:
        require_recent_sign_in(request)
    with transaction.atomic():
        record(request, request.user, "sign_in.ended", after=describe_client(session.user_agent))
        end_sessions(UserSession.objects.filter(pk=session.pk))
    if session.session_key == request.session.session_key:
        logout(request)
        return redirect("account_login")
    messages.success(request, f"{describe_client(session.user_agent)} was signed out.")
    return redirect("mfa_index")


@require_POST
@signed_in_required
def end_others(request: MemberRequest) -> HttpResponse:
    require_recent_sign_in(request)
    others = UserSession.objects.filter(user=request.user).exclude(session_key=request.session.session_key)
    with transaction.atomic():
        if ended := end_sessions(others):
            record(request, request.user, "sign_in.ended", after=pluralize(ended, "other session"))
    if ended:
        messages.success(request, f"You were signed out of {pluralize(ended, 'other session')}.")
    else:
        messages.info(request, "You are signed in nowhere else.")
    return redirect("mfa_index")


urls = [
    path("session/", check, name="session-check"),
    path("account/sign-in/sessions/<int:pk>/end/", end, name="session-end"),
    path("account/sign-in/sessions/end-others/", end_others, name="sessions-end-others"),
]
