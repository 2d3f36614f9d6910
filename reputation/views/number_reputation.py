"""Number Management > Number Reputation: the table of numbers with its bulk actions."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from portal.accounts.access import MemberRequest, member_required
from reputation.models import BulkAction
from reputation.number_table.scope import NumberScope
from reputation.test_calls.sampling import get_sample_shown
from reputation.views.number_table import find_due_verification, get_bulk_buttons, read_number_table

Action = BulkAction.Action


@member_required
def number_reputation(request: MemberRequest) -> HttpResponse:
    now = request.context.now
    table = read_number_table(request, NumberScope(request.account))
    context = {
        "table": table,
        "verification_due_since": find_due_verification(table, now),
        "bulk": get_bulk_buttons(Action.ENABLE, Action.DISABLE, Action.RELEASE),
        "sample": get_sample_shown(request.account, now),
        "bulk_actions": BulkAction.objects.for_account(request.account).in_progress(),
    }
    return render(request, "reputation/number_reputation.html", context)


urls = [path("number-management/number-reputation/", number_reputation, name="number-reputation")]
