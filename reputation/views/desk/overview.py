"""The overview of desks, and the page of one desk with its requests, due first."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from portal.accounts.access import MemberRequest, member_required
from portal.accounts.roles import Permission
from reputation.desks.letters import get_room_today
from reputation.desks.listing import GROUPS, GROUPS_OF_VIEWERS, get_desk_counts, get_page
from reputation.models import Desk
from reputation.views.desk.selection import get_desk_or_404, get_group, read_group

# So many are offered to be taken at once.
TAKEN = 20


@member_required
def desk_list(request: MemberRequest) -> HttpResponse:
    desks = get_desk_counts(request.account, user_id=request.user.pk, now=request.context.now)
    context = {
        "desks": desks,
        "turn": sum(one.turn for one in desks),
    }
    return render(request, "reputation/desk/list.html", context)


@member_required
def desk_detail(request: MemberRequest, pk: int) -> HttpResponse:
    return render_desk(request, get_desk_or_404(request, pk), read_group(request.GET.get("group")))


def render_desk(request: MemberRequest, desk: Desk, group: str, *, error: str = "") -> HttpResponse:
    """The requests of one group. `error` says why an action on them was refused."""
    now = request.context.now
    counts = get_desk_counts(request.account, user_id=request.user.pk, now=now, desk=desk)[0].counts
    page = get_page(get_group(request, desk, group), request.GET, now=now)
    groups = GROUPS if Permission.EDIT_ACCOUNT in request.permissions else GROUPS_OF_VIEWERS
    context = {
        "desk": desk,
        "group": group,
        "group_name": groups.get(group, GROUPS[group]),
        "groups": [(name, words, counts[name]) for name, words in groups.items()],
        "total": counts[group],
        "held": counts["mine"],
        "page": page,
        "take_count": desk.daily_limit or min(desk.batch_limit or TAKEN, TAKEN),
        "room_today": get_room_today(request.account, desk, now),
        "error": error,
        "now": now,
    }
    return render(request, "reputation/desk/desk.html", context, status=422 if error else 200)
