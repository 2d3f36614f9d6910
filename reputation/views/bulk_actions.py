"""The confirmation window of a bulk action: opened for what was selected, looked at, and confirmed or closed."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from portal.accounts.access import MemberRequest, changing_view, member_view, owned
from reputation.bulk_actions import actions, snapshot
from reputation.bulk_actions.actions import State
from reputation.labels import ACTIONS
from reputation.models import Campaign, Confirmation
from reputation.numbers.filters import NumberFilter

Action = Confirmation.Action


@require_POST
@changing_view
def confirm(request: MemberRequest) -> HttpResponse:
    """Opens the window for the selected numbers, or for all that match except those left out."""
    action = request.POST.get("action", "")
    if action not in Action.values:
        raise Http404("There is no such action.")
    about_a_campaign = action in (Action.ASSIGN, Action.UNASSIGN)
    campaign = owned(request, Campaign, _id(request.POST.get("campaign"))) if about_a_campaign else None
    all_that_match = bool(request.POST.get("all"))
    chosen_by = NumberFilter.read(QueryDict(request.POST.get("filter", "") if all_that_match else ""))
    numbers = chosen_by.apply(snapshot.scope(action, request.account, campaign), timezone.now())
    if not all_that_match:
        ticked = [*request.POST.getlist("number"), *request.POST.get("numbers", "").split(",")]
        numbers = numbers.filter(pk__in=_ids(ticked))
    confirmation = actions.open_window(
        account=request.account,
        actor=request.actor,
        action=action,
        numbers=numbers,
        campaign=campaign,
        all_that_match=all_that_match,
        chosen_by=chosen_by.query_string(),
        left_out=_ids(request.POST.get("except", "").split(",")) if all_that_match else [],
        expected=_id(request.POST.get("expected")) or None,
        now=timezone.now(),
    )
    if not confirmation.chosen and not confirmation.is_being_prepared:
        messages.error(
            request, "Nothing is selected, and nothing was changed. Tick the numbers first, or all that match."
        )
        address = where_from(confirmation)
        return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
    return redirect("confirmation", confirmation.pk)


@member_view
def confirmation(request: MemberRequest, pk: int) -> HttpResponse:
    """The window, or, once it is confirmed, how far it is and what was done."""
    shown = owned(request, Confirmation.objects.select_related("campaign", "user", "api_key"), pk)
    context = {"confirmation": shown, "said": ACTIONS[shown.action], "back": where_from(shown)}
    if shown.state == State.SHOWN:
        after = _id(request.GET.get("after"))
        window = actions.look_at(shown, search=request.GET.get("q", "")[:80])
        next_chip = next((number.pk for number in window.shown if number.pk > after), None) if after else None
        context |= {"window": window, "next_chip": next_chip, "after": after}
    elif shown.state == State.DONE:
        context["difference"] = actions.difference(shown)
    template = "_confirmation.html" if request.htmx else "confirmation.html"
    answer = render(request, f"reputation/{template}", context)
    return answer if shown.state in (State.SHOWN, State.PREPARING) else trigger_client_event(answer, "selectionUsed")


@require_POST
@changing_view
def take_out(request: MemberRequest, pk: int) -> HttpResponse:
    """The X next to a number. In a window that was confirmed meanwhile nothing is taken out: it shows what was done."""
    shown = owned(request, Confirmation, pk)
    number = _id(request.POST.get("number"))
    snapshot.take_out(shown, number)
    params = QueryDict(mutable=True)
    params["after"] = str(number)
    if request.POST.get("q"):
        params["q"] = request.POST["q"]
    return HttpResponseRedirect(f"{reverse('confirmation', args=[pk])}?{params.urlencode()}")


@require_POST
@changing_view
def apply(request: MemberRequest, pk: int) -> HttpResponse:
    """*Enable 42 numbers*: done once, however often it is pressed."""
    actions.confirm(owned(request, Confirmation, pk), actor=request.actor, now=timezone.now())
    return redirect("confirmation", pk)


@require_POST
@changing_view
def stop(request: MemberRequest, pk: int) -> HttpResponse:
    """What is done stays done, and the rest is left as it is."""
    actions.stop(owned(request, Confirmation, pk), now=timezone.now())
    return redirect("confirmation", pk)


def where_from(shown: Confirmation) -> str:
    """The page whose table the window was opened from."""
    if shown.action == Action.ASSIGN:
        return reverse("campaign-assign", args=[shown.campaign_id])
    if shown.action == Action.UNASSIGN:
        return reverse("campaign", args=[shown.campaign_id])
    return reverse("number-reputation") + (f"?{shown.chosen_by}" if shown.chosen_by else "")


def _id(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0


def _ids(texts: list[str]) -> list[int]:
    return [pk for pk in map(_id, texts) if pk][:20_000]


urls = [
    path("number-management/confirm/", confirm, name="confirm"),
    path("number-management/confirm/<int:pk>/", confirmation, name="confirmation"),
    path("number-management/confirm/<int:pk>/take-out/", take_out, name="confirmation-take-out"),
    path("number-management/confirm/<int:pk>/apply/", apply, name="confirmation-apply"),
    path("number-management/confirm/<int:pk>/stop/", stop, name="confirmation-stop"),
]
