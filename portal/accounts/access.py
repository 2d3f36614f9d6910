"""Who may come in: every page of the portal begins with one of these decorators, and every object with `owned`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from portal.audit import Actor, Context
from portal.models import Account, Member, User

ACCOUNT_SESSION_KEY = "account_id"

M = TypeVar("M", bound=Model)


class MemberRequest(HttpRequest):
    """A request of a signed-in member: `context` says who changes something, and when."""

    user: User
    member: Member
    memberships: list[Member]
    account: Account
    context: Context


View = Callable[..., HttpResponse]


def member_required(view: View) -> View:
    """For signed-in members: the account is the one chosen at the top, else the first; times are shown in its zone."""

    @wraps(view)
    def inner(request: MemberRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not request.user.is_authenticated:
            return _redirect_to_sign_in(request)
        request.memberships = list(
            Member.objects.filter(user=request.user).select_related("account").order_by("account__name", "pk")
        )
        if not request.memberships:
            return render(request, "portal/no_account.html", status=403)
        chosen = request.session.get(ACCOUNT_SESSION_KEY)
        request.member = next((m for m in request.memberships if m.account_id == chosen), request.memberships[0])
        request.member.user = request.user
        request.account = request.member.account
        request.context = Context(Actor(user=request.user, via="web"), timezone.now())
        with timezone.override(ZoneInfo(request.account.time_zone)):
            return view(request, *args, **kwargs)

    return inner


def _redirect_to_sign_in(request: HttpRequest) -> HttpResponse:
    """To the sign-in page, and from there to where the person was: a POST leads back to the page it was sent from,
    since its own address may have nothing to show. What htmx asked for is not put into the page, but opened instead."""
    came_from = request.get_full_path()
    if request.method not in ("GET", "HEAD") or request.htmx:
        came_from = _get_referring_page(request)
    answer = redirect_to_login(came_from)
    return HttpResponseClientRedirect(answer.url) if request.htmx else answer


def _get_referring_page(request: HttpRequest) -> str:
    page = urlsplit(request.htmx.current_url or request.headers.get("Referer", ""))
    if page.netloc != request.get_host():
        return reverse("overview")
    return urlunsplit(("", "", page.path, page.query, ""))


def editor_required(view: View) -> View:
    """For owners and admins. A viewer sees everything and changes nothing: 403, with a page that says so."""

    @member_required
    @wraps(view)
    def inner(request: MemberRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not request.member.may_change:
            raise PermissionDenied(
                "You are a viewer in this account: you see everything, but only its owners and admins change things."
            )
        return view(request, *args, **kwargs)

    return inner


def owner_required(view: View) -> View:
    """For owners: members, their roles, and the account itself."""

    @member_required
    @wraps(view)
    def inner(request: MemberRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not request.member.is_owner:
            raise PermissionDenied("Only an owner of this account can do this. Ask one; Members shows who they are.")
        return view(request, *args, **kwargs)

    return inner


def get_account_object_or_404(request: MemberRequest, objects: type[M] | QuerySet[M], pk: int) -> M:
    """The account's object with this id; another account's, like one that does not exist, is a 404."""
    manager = objects if isinstance(objects, QuerySet) else objects.objects
    return get_object_or_404(manager.for_account(request.account), pk=pk)
