"""A number's own page."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from portal.access import MemberRequest, member_view, owned
from reputation.models import PhoneNumber


@member_view
def number(request: MemberRequest, pk: int) -> HttpResponse:
    owned(request, PhoneNumber, pk)
    return render(request, "reputation/overview.html")


urls = [path("number-management/number-reputation/<int:pk>/", number, name="number")]
