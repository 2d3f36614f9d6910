"""*Services details*: the window with the state of the service and the way to enable it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from enrollment.status import get_enrollment_status
from portal.accounts.access import MemberRequest, member_required
from reputation.monitoring.eligibility import get_coverage


@member_required
def services_details(request: MemberRequest) -> HttpResponse:
    """The enrollment's status, what each licence covers, and the next step."""
    now = request.context.now
    context = {
        "status": get_enrollment_status(request.account),
        "coverage": get_coverage(request.account, now),
        "now": now,
    }
    return render(request, "reputation/services_details.html", context)


urls = [path("number-management/services-details/", services_details, name="services-details")]
