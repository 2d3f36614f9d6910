"""To come."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from portal.access import MemberRequest, member_view


@member_view
def phone_numbers(request: MemberRequest) -> HttpResponse:
    return render(request, "reputation/overview.html")


urls = [path("number-management/phone-numbers/", phone_numbers, name="phone-numbers")]
