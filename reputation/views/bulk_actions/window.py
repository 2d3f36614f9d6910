"""The confirmation window of a bulk action: open it for the selected numbers, confirm it, stop it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from portal.accounts.access import MemberRequest, editor_required, get_account_object_or_404, member_required
from portal.accounts.roles import Permission
from portal.db.keyset import parse_id, parse_ids
from portal.phone.search import MAX_SEARCH_LENGTH
from reputation.bulk_actions import actions
from reputation.bulk_actions.actions import State
from reputation.bulk_actions.labels import get_action_labels
from reputation.bulk_actions.preview import get_preview
from reputation.bulk_actions.result import get_result
from reputation.bulk_actions.selection import count_ending, get_selectable_numbers
from reputation.models import BulkAction, Campaign
from reputation.models.numbers import PhoneNumberQuerySet
from reputation.monitoring.coverage import ANY_COUNT
from reputation.monitoring.eligibility import get_coverage
from reputation.numbers.filters import NumberFilter

Action = BulkAction.Action

# More ids than this are ignored. The table selects more with *all that match*.
MAX_SELECTED = 20_000


@require_POST
@editor_required
def open_bulk_action(request: MemberRequest) -> HttpResponse:
    """Open the window for the selected numbers, or for all that match the filter except those unticked again."""
    action = request.POST.get("action", "")
    if action not in Action.values:
        raise Http404("There is no such action.")
    campaign = None
    if action in (Action.ASSIGN, Action.UNASSIGN):
        campaign = get_account_object_or_404(request, Campaign, parse_id(request.POST.get("campaign")))
    selectable = get_selectable_numbers(action, request.account, campaign)
    created = actions.create_bulk_action(
        account=request.account,
        context=request.context,
        action=action,
        campaign=campaign,
        **_read_selection(request, selectable),
    )
    if not created.selected_count and not created.is_preparing:
        messages.error(
            request, "Nothing is selected, and nothing was changed. Tick the numbers first, or all that match."
        )
        url = get_return_url(request, created)
        return HttpResponseClientRedirect(url) if request.htmx else redirect(url)
    return redirect("bulk-action", created.pk)


def _read_selection(request: MemberRequest, selectable: PhoneNumberQuerySet) -> dict[str, Any]:
    """The numbers that the form selects, as arguments of `create_bulk_action`."""
    if not request.POST.get("all"):
        ids = parse_ids([*request.POST.getlist("number"), *request.POST.get("numbers", "").split(",")])
        return {"numbers": selectable.filter(pk__in=ids[:MAX_SELECTED])}
    number_filter = NumberFilter.from_params(QueryDict(request.POST.get("filter", "")))
    return {
        "numbers": number_filter.apply(selectable, request.context.now),
        "selects_all_matching": True,
        "filter_query": number_filter.query_string(),
        "excluded_ids": parse_ids(request.POST.get("except", "").split(","))[:MAX_SELECTED],
        "expected_count": parse_id(request.POST.get("expected")) or None,
    }


@member_required
def show_bulk_action(request: MemberRequest, pk: int) -> HttpResponse:
    """The window. After confirmation it shows the progress, then the result."""
    bulk_action = get_account_object_or_404(request, BulkAction.objects.select_related("campaign"), pk)
    bulk_action.account = request.account
    return _render_window(request, bulk_action)


def _render_window(
    request: MemberRequest, bulk_action: BulkAction, *, reason: str = "", reason_error: str = ""
) -> HttpResponse:
    context = {
        "bulk_action": bulk_action,
        "labels": get_action_labels(bulk_action.action),
        "back": get_return_url(request, bulk_action),
        "reason": reason[:300],
        "reason_error": reason_error,
    }
    if bulk_action.state == State.READY:
        after = parse_id(request.GET.get("after"))
        search = request.GET.get("q", "")[:MAX_SEARCH_LENGTH]
        preview = get_preview(bulk_action, search=search, now=request.context.now)
        next_chip = next((number.pk for number in preview.numbers if number.pk > after), None) if after else None
        context |= {"preview": preview, "next_chip": next_chip, "after": after}
        context["is_unconfirmed"] = "unconfirmed" in request.GET
    elif bulk_action.state == State.DONE:
        context["result"] = get_result(bulk_action)
    response = render(request, "reputation/bulk_action.html", context, status=422 if reason_error else 200)
    if bulk_action.state in (State.READY, State.PREPARING):
        return response
    return trigger_client_event(response, "selectionUsed")


@require_POST
@editor_required
def confirm_bulk_action(request: MemberRequest, pk: int) -> HttpResponse:
    """*Enable 42 numbers*. A second click changes nothing.

    `end_monitoring` is the number of numbers for which monitoring ends, as the ticked box showed it.
    """
    bulk_action = get_account_object_or_404(request, BulkAction.objects.select_related("account"), pk)
    max_ending = min(parse_id(request.POST.get("end_monitoring")), ANY_COUNT)
    if bulk_action.state == State.READY:
        coverage = get_coverage(request.account, request.context.now)
        if count_ending(bulk_action, coverage) > max_ending:
            return redirect(f"{reverse('bulk-action', args=[pk])}?unconfirmed=1")
    reason = request.POST.get("reason", "").replace("\x00", "")
    try:
        actions.confirm(bulk_action, context=request.context, reason=reason, max_ending=max_ending)
    except actions.ReasonMissing:
        error = "Nothing was changed. Say why, for the audit trail."
        return _render_window(request, bulk_action, reason=reason, reason_error=error)
    return redirect("bulk-action", pk)


@require_POST
@editor_required
def stop_bulk_action(request: MemberRequest, pk: int) -> HttpResponse:
    """*Stop*. Numbers that are done stay done, and the rest stays as it is."""
    actions.stop(get_account_object_or_404(request, BulkAction, pk), now=request.context.now)
    return redirect("bulk-action", pk)


def get_return_url(request: MemberRequest, bulk_action: BulkAction) -> str:
    """The page whose table the window was opened from. A viewer, who may not assign, goes to the campaign."""
    if bulk_action.action == Action.ASSIGN and Permission.EDIT_ACCOUNT in request.permissions:
        return reverse("campaign-assign", args=[bulk_action.campaign_id])
    if bulk_action.action in (Action.ASSIGN, Action.UNASSIGN):
        return reverse("campaign", args=[bulk_action.campaign_id])
    return reverse("number-reputation") + (f"?{bulk_action.filter_query}" if bulk_action.filter_query else "")
