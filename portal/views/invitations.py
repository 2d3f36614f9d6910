"""The invitations of the person who is signed in, with or without an account."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from portal.accounts import invitations
from portal.accounts.access import ACCOUNT_SESSION_KEY, MemberRequest, signed_in_required
from portal.models import Invitation
from portal.models.invitations import InvitationQuerySet

ENDED = "This invitation was withdrawn or has expired. Nothing was changed."


@signed_in_required
def invitation_list(request: MemberRequest) -> HttpResponse:
    shown = _get_invitations(request).select_related("account", "invited_by").order_by("account__name", "pk")
    return render(request, "portal/invitations.html", {"invitations": shown})


@require_POST
@signed_in_required
def accept(request: MemberRequest, pk: int) -> HttpResponse:
    """The person becomes a member, and the account is the one that pages show next."""
    invitation = get_object_or_404(_get_invitations(request).select_related("account"), pk=pk)
    member = invitations.accept(invitation, user=request.user, context=request.context)
    if member is None:
        messages.error(request, ENDED)
        return redirect("invitations")
    request.session[ACCOUNT_SESSION_KEY] = member.account_id
    rotate_token(request)
    messages.success(request, f"You are a member of {invitation.account.name} now.")
    return redirect("overview")


@require_POST
@signed_in_required
def decline(request: MemberRequest, pk: int) -> HttpResponse:
    invitation = get_object_or_404(_get_invitations(request).select_related("account"), pk=pk)
    if invitations.decline(invitation, context=request.context):
        messages.success(request, f"You declined the invitation to {invitation.account.name}.")
    else:
        messages.error(request, ENDED)
    return redirect("invitations")


def _get_invitations(request: MemberRequest) -> InvitationQuerySet:
    return Invitation.objects.open(request.context.now).for_person(request.user)


urls = [
    path("account/invitations/", invitation_list, name="invitations"),
    path("account/invitations/<int:pk>/accept/", accept, name="invitation-accept"),
    path("account/invitations/<int:pk>/decline/", decline, name="invitation-decline"),
]
