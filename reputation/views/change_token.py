"""The change token, which every open page polls every few seconds. One cheap query."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.urls import path

from portal.accounts.access import MemberRequest, member_required
from reputation.numbers.change_token import get_change_token


@member_required
def change_token(request: MemberRequest) -> HttpResponse:
    """Answer 204 while `since` is the account's token, else the new token."""
    token = get_change_token(request.account)
    return HttpResponse(status=204) if request.GET.get("since") == token else JsonResponse({"token": token})


urls = [path("change-token/", change_token, name="change-token")]
