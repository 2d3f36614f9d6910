"""A case's own page."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from portal.access import MemberRequest, member_view, owned
from reputation.models import Case


@member_view
def case(request: MemberRequest, pk: int) -> HttpResponse:
    owned(request, Case, pk)
    return render(request, "reputation/overview.html")


urls = [path("number-management/cases/<int:pk>/", case, name="case")]
