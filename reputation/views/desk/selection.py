"""The desk of a page, and the requests that a form selects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone

from portal.accounts.access import MemberRequest
from portal.db.in_list import in_list
from portal.db.keyset import parse_ids
from reputation.desks.listing import GROUPS, RELATED, RequestRow, build_rows, get_condition
from reputation.models import Desk, DeskRequest
from reputation.models.desks import DeskRequestQuerySet

# More requests than this are not selected at once.
MAX_SELECTED = 10_000
# So many of the selected requests are listed with their labels.
ROWS_SHOWN = 50


def get_desk_or_404(request: MemberRequest, pk: int) -> Desk:
    """A desk to which the account has a request. Others have no page."""
    of_account = DeskRequest.objects.for_account(request.account).order_by().values("desk")
    return get_object_or_404(Desk, pk=pk, pk__in=of_account)


def get_requests(request: MemberRequest, desk: Desk) -> DeskRequestQuerySet:
    return DeskRequest.objects.for_account(request.account).filter(desk=desk)


def get_group(request: MemberRequest, desk: Desk, group: str) -> DeskRequestQuerySet:
    condition = get_condition(group, user_id=request.user.pk, now=request.context.now)
    return get_requests(request, desk).filter(condition)


def read_group(value: str | None) -> str:
    """The group of a query string or form; the account's turn by default."""
    return value if value in GROUPS else "turn"


def read_ids(request: MemberRequest, desk: Desk) -> list[int]:
    """The ids that the form selects: ticked, carried from the page before, or all of a group. Foreign ids are 404."""
    if request.POST.get("all"):
        selected = get_group(request, desk, read_group(request.POST.get("group"))).due_first()
        return list(selected.values_list("pk", flat=True)[:MAX_SELECTED])
    ids = parse_ids([*request.POST.getlist("request"), *request.POST.get("ids", "").split(",")])
    unique = list(dict.fromkeys(ids[:MAX_SELECTED]))
    if get_requests(request, desk).filter(pk__in=in_list(unique)).count() != len(unique):
        raise Http404("There is no such request.")
    return unique


def load_requests(request: MemberRequest, desk: Desk, ids: Iterable[int]) -> list[DeskRequest]:
    """The requests with their numbers, campaigns and holders, due first. There may be thousands, so no more is read."""
    rows = get_requests(request, desk).filter(pk__in=in_list(ids)).due_first()
    return list(
        rows.select_related("number__campaign", "claimed_by").only(
            *("account", "desk", "engine", "state", "not_before", "claimed_until"),
            *("number__e164", "number__campaign__name", "claimed_by__name", "claimed_by__email"),
        )
    )


def load_rows(request: MemberRequest, desk: Desk, requests: Sequence[DeskRequest]) -> list[RequestRow]:
    """What pages show of the first of these requests, in their order."""
    ids = [one.pk for one in requests[:ROWS_SHOWN]]
    loaded = get_requests(request, desk).filter(pk__in=in_list(ids)).select_related(*RELATED).in_bulk()
    return build_rows([loaded[pk] for pk in ids if pk in loaded], request.context.now)


def describe_claims_of_others(request: MemberRequest, requests: Iterable[DeskRequest]) -> str:
    """Who else works on one of the requests, and until when. Empty if nobody does: only then may they be changed."""
    for one in requests:
        if one.is_claimed_by_other(request.user.pk, request.context.now) and one.claimed_by and one.claimed_until:
            name, until = one.claimed_by.get_full_name(), timezone.localtime(one.claimed_until)
            return f"{name} works on {one.number} until {until:%H:%M}. Nothing was changed."
    return ""
