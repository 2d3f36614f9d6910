"""Prepare a letter to a desk: the packet for the requests that the member holds, and *mark as sent*."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import get_valid_filename
from django.views.decorators.http import require_POST

from portal.accounts.access import MemberRequest, editor_required
from portal.phone.numbers import format_national
from portal.text import join_names, pluralize
from reputation.desks.letters import LetterDraft, NotSendable, get_room_today, send
from reputation.desks.listing import count_unregistered
from reputation.desks.packets import (
    Packet,
    PurposeGroup,
    block_redress,
    build_packet,
    choose_requests,
    split_by_purpose,
)
from reputation.models import Desk, DeskRequest
from reputation.views.desk.forms import LetterForm
from reputation.views.desk.overview import render_desk
from reputation.views.desk.selection import (
    describe_claims_of_others,
    get_desk_or_404,
    get_group,
    load_requests,
    load_rows,
    read_ids,
)

# So many incomplete numbers are named.
NAMED = 10


@editor_required
def prepare_letter(request: MemberRequest, pk: int) -> HttpResponse:
    """GET: the packet for the requests that the member holds. POST: mark these requests as sent."""
    desk = get_desk_or_404(request, pk)
    if request.method == "POST":
        return _mark_as_sent(request, desk)
    held = _get_held(request, desk)
    groups = split_by_purpose(held)
    wanted = request.GET.get("purpose", "")
    group = next((group for group in groups if str(group.key) == wanted), groups[0] if groups else None)
    room = get_room_today(request.account, desk, request.context.now)
    limits = [limit for limit in (desk.batch_limit, room) if limit is not None]
    chosen: list[DeskRequest] = []
    if group:
        limit = min(limits, default=None)
        chosen = choose_requests(request.account, desk, group.requests, limit=limit, now=request.context.now)
    return _render(request, desk, chosen, groups=groups, room=room)


def _get_held(request: MemberRequest, desk: Desk) -> list[DeskRequest]:
    """The requests to be sent that the member holds. Those that are not to be sent yet are left out."""
    ids = get_group(request, desk, "mine").filter(state=DeskRequest.State.TO_SEND).values_list("pk", flat=True)
    now = request.context.now
    return [one for one in load_requests(request, desk, list(ids)) if one.not_before is None or one.not_before <= now]


def _mark_as_sent(request: MemberRequest, desk: Desk) -> HttpResponse:
    """Store the letter as it was sent. Whatever is refused, the page keeps what was typed."""
    ids = read_ids(request, desk)
    if not ids:
        error = "This page is incomplete, so nothing was stored. Take the requests again, then mark them as sent."
        return render_desk(request, desk, "turn", error=error)
    requests = load_requests(request, desk, ids)
    form = LetterForm(request.POST)
    incomplete = _find_incomplete(desk, request.POST.get("text", ""), requests)
    if "leave_out" in request.POST and len(incomplete) < len(requests):
        return _leave_out(request, desk, requests, incomplete)
    if others := describe_claims_of_others(request, requests):
        form.add_error(None, others)
    elif incomplete:
        form.add_error("text", _describe_incomplete(desk, incomplete))
    elif form.is_valid():
        values = form.cleaned_data
        draft = LetterDraft(
            desk_id=desk.pk, **{name: value for name, value in values.items() if name not in ("declares", "ids")}
        )
        try:
            letter = send(request.account, ids, draft, context=request.context)
        except NotSendable as refusal:
            form.add_error(None, str(refusal))
        else:
            sent = pluralize(len(ids), "request")
            messages.success(request, f"{sent} marked as sent. The text and the file are kept.")
            return redirect("desk-letter", letter.pk)
    return _render(request, desk, requests, form=form, incomplete=incomplete)


def _find_incomplete(desk: Desk, text: str, requests: Sequence[DeskRequest]) -> dict[str, list[str]]:
    """What the text lacks of each number without which the desk cannot find its call, by number."""
    if desk.form != Desk.Form.BLOCK_REDRESS:
        return {}
    return block_redress.find_incomplete(text, [one.number.e164 for one in requests])


def _describe_incomplete(desk: Desk, incomplete: Mapping[str, Sequence[str]]) -> str:
    listed = [f"{format_national(e164)}: {join_names(names)}" for e164, names in list(incomplete.items())[:NAMED]]
    more = f"; and {len(incomplete) - NAMED:,} more" if len(incomplete) > NAMED else ""
    return (
        f"Nothing was stored. {desk} cannot find a blocked call without these. Missing for {'; '.join(listed)}{more}."
    )


def _leave_out(
    request: MemberRequest, desk: Desk, requests: Sequence[DeskRequest], incomplete: Mapping[str, Sequence[str]]
) -> HttpResponse:
    """The page again with the complete numbers only. What was typed is kept, and nothing is stored."""
    kept = [one for one in requests if one.number.e164 not in incomplete]
    typed = request.POST.dict() | {
        "ids": ",".join(str(one.pk) for one in kept),
        "text": block_redress.leave_out(request.POST.get("text", "").replace("\r\n", "\n"), incomplete),
    }
    return _render(request, desk, kept, form=LetterForm(initial=typed))


def _render(
    request: MemberRequest,
    desk: Desk,
    chosen: Sequence[DeskRequest],
    *,
    groups: Sequence[PurposeGroup] = (),
    room: int | None = None,
    form: LetterForm | None = None,
    incomplete: Mapping[str, Sequence[str]] | None = None,
) -> HttpResponse:
    packet = _build(request, desk, chosen)
    if packet and form is None:
        form = LetterForm(initial=_get_initial(request, packet, chosen))
    context: dict[str, Any] = {
        "desk": desk,
        "chosen": chosen,
        "purpose": chosen[0].number.campaign_id or 0 if chosen else 0,
        "groups": groups,
        "held": sum(len(group.requests) for group in groups),
        "room": room,
        "packet": packet,
        "form": form,
        "incomplete": len(incomplete or ()),
        "rows": load_rows(request, desk, chosen),
        "unregistered": count_unregistered(chosen),
    }
    return render(request, "reputation/desk/prepare.html", context, status=422 if form and form.errors else 200)


def _build(request: MemberRequest, desk: Desk, chosen: Sequence[DeskRequest]) -> Packet | None:
    if not chosen:
        return None
    group = PurposeGroup(chosen[0].number.campaign, tuple(chosen))
    return build_packet(request.account, desk, group, now=request.context.now)


def _get_initial(request: MemberRequest, packet: Packet, chosen: Sequence[DeskRequest]) -> dict[str, str]:
    return {
        "ids": ",".join(str(one.pk) for one in chosen),
        "text": packet.text,
        "file_name": packet.file_name,
        "file_content": packet.file_content,
        "mailbox": packet.mailbox,
        "attested_by": request.user.get_full_name(),
    }


@require_POST
@editor_required
def download_file(request: MemberRequest, pk: int) -> HttpResponse:
    """The file of the packet, as the page holds it. What is kept with the letter is the same."""
    get_desk_or_404(request, pk)
    name = get_valid_filename(request.POST.get("file_name", "") or "numbers.csv")[:120]
    return csv_download(request.POST.get("file_content", ""), name)


def csv_download(content: str, name: str) -> HttpResponse:
    return HttpResponse(
        content,
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
