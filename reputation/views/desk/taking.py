"""*Take these*: requests are kept for one person for a while, so that nobody sends the same twice."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from portal.accounts.access import MemberRequest, editor_required
from portal.db.in_list import in_list
from portal.db.keyset import parse_id
from portal.text import join_names, pluralize
from reputation.desks import requests as desk_requests
from reputation.desks.packets import choose_requests
from reputation.desks.taking import take
from reputation.models import Desk, DeskRequest
from reputation.views.desk.overview import render_desk
from reputation.views.desk.selection import MAX_SELECTED, get_desk_or_404, get_group, get_requests, read_group, read_ids

State = DeskRequest.State


@require_POST
@editor_required
def take_requests(request: MemberRequest, pk: int) -> HttpResponse:
    """Claim the ticked requests, or the first so many that nobody holds. Those that others hold stay theirs."""
    desk = get_desk_or_404(request, pk)
    group = read_group(request.POST.get("group"))
    ids = _read_first(request, desk) if "first" in request.POST else read_ids(request, desk)
    if not ids:
        return render_desk(request, desk, group, error=_nothing_to_take(request))
    now = request.context.now
    result = take(request.account, desk, ids, user=request.user, now=now)
    taken, left = result.ids, list(result.left)
    if len(taken) < len(result.wanted):
        left.insert(0, _describe_others(request, desk, result.wanted, taken))
    if not taken:
        return render_desk(request, desk, group, error=" ".join(["Nothing was taken.", *left]))
    until = timezone.localtime(now + timedelta(minutes=settings.DESKS.claim_minutes))
    message = (
        f"{pluralize(len(taken), 'request')} taken. You hold {'it' if len(taken) == 1 else 'them'} until {until:%H:%M}."
    )
    messages.success(request, " ".join([message, *left]))
    return redirect("desk-prepare", pk)


def _read_first(request: MemberRequest, desk: Desk) -> list[int]:
    """The first requests to be sent that nobody holds: the most used numbers first if the desk limits a day."""
    count = min(parse_id(request.POST.get("count")), MAX_SELECTED)
    free = get_group(request, desk, "turn").filter(state=State.TO_SEND)
    free = free.unclaimed(request.user.pk, request.context.now).exclude(
        claimed_by=request.user, claimed_until__gt=request.context.now
    )
    found = list(free.due_first()[:MAX_SELECTED])
    chosen = choose_requests(request.account, desk, found, limit=count, now=request.context.now)
    return [one.pk for one in chosen]


def _nothing_to_take(request: MemberRequest) -> str:
    if "first" not in request.POST:
        return "Nothing is selected, so nothing was taken. Tick the requests first."
    if not parse_id(request.POST.get("count")):
        return "Nothing was taken. Write how many, from 1 on."
    return "Nothing was taken: somebody works on each of these requests, or none is to be sent."


def _describe_others(request: MemberRequest, desk: Desk, ids: list[int], taken: list[int]) -> str:
    """Who holds the others, and until when."""
    rest = get_requests(request, desk).filter(pk__in=in_list(set(ids) - set(taken)), claimed_by__isnull=False)
    holders = {claim.claimed_by: claim.claimed_until for claim in rest.select_related("claimed_by").order_by("pk")}
    names = [
        f"{user.get_full_name()} until {timezone.localtime(until):%H:%M}" for user, until in holders.items() if until
    ]
    left = len(ids) - len(taken)
    count = pluralize(left, "request")
    if names:
        return f"{count} {'stays' if left == 1 else 'stay'} with others: {join_names(names)}."
    return f"{count} {'was' if left == 1 else 'were'} changed by others."


@require_POST
@editor_required
def release_requests(request: MemberRequest, pk: int) -> HttpResponse:
    """Give back the selected requests, or all that the member holds at the desk."""
    desk = get_desk_or_404(request, pk)
    if request.POST.get("all") == "mine":
        ids = list(get_group(request, desk, "mine").values_list("pk", flat=True))
    else:
        ids = read_ids(request, desk)
    held = get_group(request, desk, "mine").filter(pk__in=in_list(ids)).count()
    if not held:
        error = "Nothing was given back: you hold none of these requests."
        return render_desk(request, desk, read_group(request.POST.get("group")), error=error)
    desk_requests.release(request.account, ids, user=request.user)
    messages.success(request, f"{pluralize(held, 'request')} can be taken by others again.")
    return redirect(f"{reverse('desk', args=[pk])}?group={read_group(request.POST.get('group'))}")
