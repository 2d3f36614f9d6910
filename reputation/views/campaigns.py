"""To come."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from portal.access import MemberRequest, member_view


@member_view
def campaigns(request: MemberRequest) -> HttpResponse:
    return render(request, "reputation/overview.html")


urls = [path("outbound-dialer/campaigns/", campaigns, name="campaigns")]
