"""Has anything of the account changed? One cheap query, asked every few seconds by each open page."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.urls import path

from portal.accounts.access import MemberRequest, member_view
from reputation.numbers.change_token import live_token


@member_view
def live(request: MemberRequest) -> HttpResponse:
    """204 while `since` is still the account's token, else the new token."""
    token = live_token(request.account)
    return HttpResponse(status=204) if request.GET.get("since") == token else JsonResponse({"token": token})


urls = [path("live/", live, name="live")]
