"""The dashboard: counts by state, what needs attention, and what is in progress."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from enrollment.status import get_enrollment_status
from portal.accounts.access import MemberRequest, member_required
from portal.models import today_of
from reputation.matching.skipped_share import get_alerts
from reputation.matching.without_caller_id import get_campaigns_without_caller_id
from reputation.models import BulkAction, Campaign, Case, DeskRequest, NumberImport, PhoneNumber, Registration
from reputation.monitoring.licence_notices import get_licence_notices
from reputation.notifications.licences import get_reports
from reputation.number_table.alerts import build_rows
from reputation.number_table.scope import NumberScope
from reputation.number_table.table import count_by_status
from reputation.number_table.unknown_numbers import get_unknown_numbers
from reputation.remediation.case_counts import count_unfinished
from reputation.remediation.outlook import get_outlook
from reputation.work.waiting import find_due_registration

MAX_ROWS = 5
MAX_REPORTS = 3
# What the member has to do, by its name in the context.
TASKS = (
    *("asks_for_enrollment", "undecided_count", "without_ticket", "tagged_defaults", "unconfirmed_imports"),
    *("without_caller_id", "skipped_shares", "licence_notices", "loss_reports", "desk_requests"),
)


@member_required
def overview(request: MemberRequest) -> HttpResponse:
    now = request.context.now
    scope = NumberScope(request.account)
    numbers = scope.numbers
    tallies, all_numbers = count_by_status(scope, scope.counts.by_facet(), now)
    with_tag = numbers.tagged().filter(tagged_since__isnull=False)
    tagged = list(with_tag.select_related("campaign").order_by("-tagged_since", "-pk")[: MAX_ROWS + 1])
    defaults = Campaign.objects.for_account(request.account).filter(
        default_number__spam_status__in=PhoneNumber.TAGGED, default_number__removed_at__isnull=True
    )
    monitored = scope.counts.with_capability(PhoneNumber.Capability.ON).total()
    verifying = scope.counts.with_capability(PhoneNumber.Capability.VERIFYING).total()
    registrations = Registration.objects.for_account(request.account)
    status = get_enrollment_status(request.account)
    cases = Case.objects.for_account(request.account)
    day = today_of(request.account, now)
    your_turn = DeskRequest.objects.for_account(request.account).your_turn(now)
    desk_requests = list(your_turn.select_related("number", "desk").due_first()[:MAX_ROWS])
    context = {
        "tallies": tallies,
        "all_numbers": all_numbers,
        "monitored": monitored,
        "verifying": verifying,
        "verification_due_since": find_due_registration(registrations, now) if verifying else None,
        "cases": count_unfinished(request.account),
        "status": status,
        "asks_for_enrollment": status.next_step_label and not (status.is_approved and monitored + verifying),
        "tagged": build_rows(tagged[:MAX_ROWS], now),
        "unknown": get_unknown_numbers(scope, tallies, now),
        "more_tagged": len(tagged) > MAX_ROWS,
        "tagged_defaults": defaults.select_related("default_number").order_by("name")[:MAX_ROWS],
        "skipped_shares": get_alerts(request.account, limit=MAX_ROWS),
        "without_caller_id": get_campaigns_without_caller_id(request.account.pk, day, limit=MAX_ROWS),
        "licence_notices": get_licence_notices(request.account, now),
        "loss_reports": get_reports(request.account, now, limit=MAX_REPORTS, max_listed=MAX_ROWS),
        "without_ticket": cases.without_ticket().select_related("number").order_by("-pk")[: MAX_ROWS + 1],
        "desk_requests": desk_requests,
        "desk_request_count": your_turn.count() if len(desk_requests) == MAX_ROWS else len(desk_requests),
        "outlook": get_outlook(),
        "unconfirmed_imports": NumberImport.objects.for_account(request.account)
        .awaiting_confirmation()
        .order_by("-pk")[:MAX_ROWS],
        "bulk_actions": BulkAction.objects.for_account(request.account).in_progress().order_by("-pk")[:MAX_ROWS],
        "imports": NumberImport.objects.for_account(request.account).in_progress()[:MAX_ROWS],
        "undecided_count": numbers.awaiting_decision(now).count(),
        "now": now,
    }
    context["has_tasks"] = any(context[name] for name in TASKS)
    return render(request, "reputation/overview.html", context)


urls = [path("", overview, name="overview")]
