"""The confirmation window of a bulk action: opened for what was selected, looked at, and confirmed or closed."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from portal.accounts.access import MemberRequest, editor_required, get_account_object_or_404, member_required
from reputation.bulk_actions import actions, snapshot
from reputation.bulk_actions.actions import State
from reputation.labels import ACTION_LABELS
from reputation.models import BulkAction, Campaign
from reputation.numbers.filters import NumberFilter

Action = BulkAction.Action


@require_POST
@editor_required
def open_bulk_action(request: MemberRequest) -> HttpResponse:
    """Opens the window for the selected numbers, or for all that match except those left out."""
    action = request.POST.get("action", "")
    if action not in Action.values:
        raise Http404("There is no such action.")
    about_a_campaign = action in (Action.ASSIGN, Action.UNASSIGN)
    campaign = (
        get_account_object_or_404(request, Campaign, _parse_id(request.POST.get("campaign")))
        if about_a_campaign
        else None
    )
    all_that_match = bool(request.POST.get("all"))
    chosen_by = NumberFilter.read(QueryDict(request.POST.get("filter", "") if all_that_match else ""))
    numbers = chosen_by.apply(snapshot.get_selectable_numbers(action, request.account, campaign), timezone.now())
    if not all_that_match:
        ticked = [*request.POST.getlist("number"), *request.POST.get("numbers", "").split(",")]
        numbers = numbers.filter(pk__in=_parse_ids(ticked))
    confirmation = actions.create_bulk_action(
        account=request.account,
        context=request.context,
        action=action,
        numbers=numbers,
        campaign=campaign,
        all_that_match=all_that_match,
        chosen_by=chosen_by.query_string(),
        left_out=_parse_ids(request.POST.get("except", "").split(",")) if all_that_match else [],
        expected=_parse_id(request.POST.get("expected")) or None,
    )
    if not confirmation.chosen and not confirmation.is_being_prepared:
        messages.error(
            request, "Nothing is selected, and nothing was changed. Tick the numbers first, or all that match."
        )
        address = get_return_url(confirmation)
        return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
    return redirect("confirmation", confirmation.pk)


@member_required
def bulk_action(request: MemberRequest, pk: int) -> HttpResponse:
    """The window, or, once it is confirmed, how far it is and what was done."""
    shown = get_account_object_or_404(request, BulkAction.objects.select_related("campaign", "user", "api_key"), pk)
    context = {"confirmation": shown, "said": ACTION_LABELS[shown.action], "back": get_return_url(shown)}
    if shown.state == State.SHOWN:
        after = _parse_id(request.GET.get("after"))
        window = actions.get_preview(shown, search=request.GET.get("q", "")[:80])
        next_chip = next((number.pk for number in window.shown if number.pk > after), None) if after else None
        context |= {"window": window, "next_chip": next_chip, "after": after}
    elif shown.state == State.DONE:
        context["difference"] = actions.get_result(shown)
    template = "_confirmation.html" if request.htmx else "confirmation.html"
    answer = render(request, f"reputation/{template}", context)
    return answer if shown.state in (State.SHOWN, State.PREPARING) else trigger_client_event(answer, "selectionUsed")


@require_POST
@editor_required
def remove_number(request: MemberRequest, pk: int) -> HttpResponse:
    """The X next to a number. In a window that was confirmed meanwhile nothing is taken out: it shows what was done."""
    shown = get_account_object_or_404(request, BulkAction, pk)
    number = _parse_id(request.POST.get("number"))
    snapshot.remove_number(shown, number)
    params = QueryDict(mutable=True)
    params["after"] = str(number)
    if request.POST.get("q"):
        params["q"] = request.POST["q"]
    return HttpResponseRedirect(f"{reverse('confirmation', args=[pk])}?{params.urlencode()}")


@require_POST
@editor_required
def confirm_bulk_action(request: MemberRequest, pk: int) -> HttpResponse:
    """*Enable 42 numbers*: done once, however often it is pressed."""
    actions.confirm(get_account_object_or_404(request, BulkAction, pk), context=request.context)
    return redirect("confirmation", pk)


@require_POST
@editor_required
def stop_bulk_action(request: MemberRequest, pk: int) -> HttpResponse:
    """What is done stays done, and the rest is left as it is."""
    actions.stop(get_account_object_or_404(request, BulkAction, pk), now=timezone.now())
    return redirect("confirmation", pk)


def get_return_url(shown: BulkAction) -> str:
    """The page whose table the window was opened from."""
    if shown.action == Action.ASSIGN:
        return reverse("campaign-assign", args=[shown.campaign_id])
    if shown.action == Action.UNASSIGN:
        return reverse("campaign", args=[shown.campaign_id])
    return reverse("number-reputation") + (f"?{shown.chosen_by}" if shown.chosen_by else "")


def _parse_id(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0


def _parse_ids(texts: list[str]) -> list[int]:
    return [pk for pk in map(_parse_id, texts) if pk][:20_000]


urls = [
    path("number-management/confirm/", open_bulk_action, name="confirm"),
    path("number-management/confirm/<int:pk>/", bulk_action, name="confirmation"),
    path("number-management/confirm/<int:pk>/take-out/", remove_number, name="confirmation-take-out"),
    path("number-management/confirm/<int:pk>/apply/", confirm_bulk_action, name="confirmation-apply"),
    path("number-management/confirm/<int:pk>/stop/", stop_bulk_action, name="confirmation-stop"),
]
