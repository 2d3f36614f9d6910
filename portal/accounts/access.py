"""Access to the portal's pages: every view has one of these decorators, and gets objects of the account only."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar, cast
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from allauth.account.adapter import get_adapter
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from portal.accounts.roles import Permission, get_member_permissions
from portal.audit import Actor, Context
from portal.authentication.reauthentication import require_recent_sign_in
from portal.authentication.second_factors import get_requirement
from portal.models import Account, Invitation, Member, User
from portal.models.accounts import AccountQuerySet

ACCOUNT_SESSION_KEY = "account_id"

M = TypeVar("M", bound=Model)


class MemberRequest(HttpRequest):
    """A request of a signed-in member. `context` goes with every change the view makes."""

    user: User
    member: Member
    permissions: frozenset[Permission]
    memberships: list[Member]
    account: Account
    context: Context
    htmx: HtmxDetails


View = Callable[..., HttpResponseBase]


def member_required(view: View) -> View:
    """Restrict the view to signed-in members of an account, with a second factor if the account or a role needs one.

    The account is the one chosen at the top of the page, else the first by name. Times are shown in its time zone.
    """

    @any_member_required
    @wraps(view)
    def inner(request: MemberRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if get_requirement(request):
            return _redirect(request, reverse("mfa_index"))
        return view(request, *args, **kwargs)

    inner.permission = Permission.VIEW_ACCOUNT  # type: ignore[attr-defined]  # Callable has no attributes
    return inner


def any_member_required(view: View) -> View:
    """Restrict the view to signed-in members of an account, also to those who have yet to add a second factor."""

    @signed_in_required
    @wraps(view)
    def inner(request: MemberRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if not request.memberships:
            if Invitation.objects.open(request.context.now).for_person(request.user).exists():
                return _redirect(request, reverse("invitations"))
            return render(request, "portal/no_account.html", status=403)
        return view(request, *args, **kwargs)

    inner.permission = Permission.VIEW_ACCOUNT  # type: ignore[attr-defined]  # Callable has no attributes
    return inner


def signed_in_required(view: View) -> View:
    """Restrict the view to people who are signed in. Staff and people without an account are among them.

    For a member, the request also has what `member_required` adds, so that the page shows the menu.
    """

    @wraps(view)
    def inner(request: MemberRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _redirect_to_sign_in(request)
        if not _choose_account(request):
            return view(request, *args, **kwargs)
        with timezone.override(ZoneInfo(request.account.time_zone)):
            return view(request, *args, **kwargs)

    inner.permission = None  # type: ignore[attr-defined]  # Callable has no attributes
    return inner


def _choose_account(request: MemberRequest) -> bool:
    """Add the account and the member to the request. False if the person is a member of no account."""
    request.context = Context(Actor(user=request.user, via="web"), timezone.now())
    request.memberships = list(
        Member.objects.filter(user=request.user).select_related("account").order_by("account__name", "pk")
    )
    if not request.memberships:
        return False
    chosen = request.session.get(ACCOUNT_SESSION_KEY)
    request.member = next((m for m in request.memberships if m.account_id == chosen), request.memberships[0])
    request.member.user = request.user
    request.permissions = get_member_permissions(request.member)
    request.account = request.member.account
    return True


def _redirect_to_sign_in(request: MemberRequest) -> HttpResponse:
    """Redirect to the sign-in page, and from there back to the page that the person was on.

    After a POST that is the page with the form, since the POST's own address may not answer a GET. For htmx the whole
    page is redirected, not the fragment that was requested.
    """
    next_url = request.get_full_path()
    if request.method not in ("GET", "HEAD") or request.htmx:
        next_url = _get_referring_page(request)
    return _redirect(request, redirect_to_login(next_url).url)


def _redirect(request: MemberRequest, url: str) -> HttpResponse:
    return HttpResponseClientRedirect(url) if request.htmx else HttpResponseRedirect(url)


def _get_referring_page(request: MemberRequest) -> str:
    page = urlsplit(request.htmx.current_url or request.headers.get("Referer", ""))
    if page.netloc != request.get_host():
        return reverse("overview")
    return urlunsplit(("", "", page.path, page.query, ""))


def _permission_required(view: View, permission: Permission, refusal: str) -> View:
    @member_required
    @wraps(view)
    def inner(request: MemberRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if permission not in request.permissions:
            raise PermissionDenied(refusal)
        return view(request, *args, **kwargs)

    inner.permission = permission  # type: ignore[attr-defined]  # Callable has no attributes
    return inner


def editor_required(view: View) -> View:
    """Restrict the view to members who may edit the account. Others get a 403 page with the reason."""
    return _permission_required(
        view,
        Permission.EDIT_ACCOUNT,
        "You are a viewer in this account: you see everything, but only its owners and admins change things.",
    )


def may_edit_account(request: HttpRequest, **_: object) -> bool:
    """Whether `editor_required` lets the request pass. For uploads, before their body is read."""
    if not request.user.is_authenticated:
        return False
    member_request = cast(MemberRequest, request)
    is_member = _choose_account(member_request) and not get_requirement(request)
    return is_member and Permission.EDIT_ACCOUNT in member_request.permissions


def owner_required(view: View) -> View:
    """Restrict the view to members who may manage the account: members, API keys, secrets, and the account itself.

    They must have proved recently who they are: somebody else may sit at their computer. What they sent is kept, and
    done once they confirm that it is them.
    """
    return _permission_required(
        _recent_sign_in_required(view),
        Permission.MANAGE_ACCOUNT,
        "Only an owner of this account can do this. Ask one; Members shows who they are.",
    )


def _recent_sign_in_required(view: View) -> View:
    @wraps(view)
    def inner(request: MemberRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        try:
            require_recent_sign_in(request)
        except ReauthenticationRequired:
            if not request.htmx:
                raise
            # The whole page asks. What htmx requested, such as a dialog, is a page of its own, too, and comes next.
            methods = get_adapter().get_reauthentication_methods(request.user)
            return HttpResponseClientRedirect(redirect_to_login(request.get_full_path(), methods[0]["url"]).url)
        return view(request, *args, **kwargs)

    return inner


def get_account_object_or_404(request: MemberRequest, objects: type[M] | QuerySet[M], pk: int) -> M:
    """Return the account's object with this id. Raises Http404 if there is none or it belongs to another account."""
    queryset = objects if isinstance(objects, QuerySet) else objects._default_manager
    return get_object_or_404(cast("AccountQuerySet[M]", queryset).for_account(request.account), pk=pk)
