"""The dashboard: how many are monitored, tagged, in remediation, failed, and what needs you."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from portal.access import MemberRequest, member_view


@member_view
def overview(request: MemberRequest) -> HttpResponse:
    return render(request, "reputation/overview.html")


urls = [path("", overview, name="overview")]
