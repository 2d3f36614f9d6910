"""Number Management > Number Reputation: the table, and the window with the service's details."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone

from enrollment.status import get_enrollment_status
from portal.accounts.access import MemberRequest, member_required
from reputation.labels import ACTION_LABELS
from reputation.models import BulkAction, Campaign
from reputation.monitoring.eligibility import get_coverage
from reputation.number_table import table as number_table

Action = BulkAction.Action


def bulk_action_context(*actions: str, campaign: Campaign | None = None) -> dict[str, object]:
    """The bulk buttons over a table: what `reputation/_number_table.html` takes as `bulk`."""
    return {"actions": [(action, ACTION_LABELS[action]) for action in actions], "campaign": campaign}


def get_displayed_ids(request: HttpRequest) -> list[int]:
    """The ids that an open page says it shows, when it asks what has changed."""
    ids = request.headers.get("X-Shown-Rows", "").split(",")
    return [int(pk) for pk in ids[: number_table.PAGE_SIZE] if pk.isdecimal() and len(pk) < 19]


@member_required
def number_reputation(request: MemberRequest) -> HttpResponse:
    table = number_table.get_number_table(
        request.GET,
        scope=number_table.NumberScope(request.account),
        now=timezone.now(),
        still_shown=get_displayed_ids(request),
    )
    context = {
        "table": table,
        "bulk": bulk_action_context(Action.ENABLE, Action.DISABLE),
        "under_way": BulkAction.objects.for_account(request.account).under_way(),
    }
    return render(request, "reputation/number_reputation.html", context)


@member_required
def services_details(request: MemberRequest) -> HttpResponse:
    """The service's state for this account, what is covered by which licence, and the next step."""
    now = timezone.now()
    context = {
        "status": get_enrollment_status(request.account),
        "coverage": get_coverage(request.account, now),
        "now": now,
    }
    template = "_services_details.html" if request.htmx else "services_details.html"
    return render(request, f"reputation/{template}", context)


urls = [
    path("number-management/number-reputation/", number_reputation, name="number-reputation"),
    path("number-management/services-details/", services_details, name="services-details"),
]
