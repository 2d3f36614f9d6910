"""Has anything of the account changed? One cheap query, asked every few seconds by each open page."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.urls import path

from portal.accounts.access import MemberRequest, member_required
from reputation.numbers.change_token import get_change_token


@member_required
def change_token(request: MemberRequest) -> HttpResponse:
    """204 while `since` is still the account's token, else the new token."""
    token = get_change_token(request.account)
    return HttpResponse(status=204) if request.GET.get("since") == token else JsonResponse({"token": token})


urls = [path("live/", change_token, name="live")]
