"""What became of requests: a desk's reply, the answer to its question, asking again, and withdrawing. Many at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from portal.accounts.access import MemberRequest, editor_required
from portal.text import pluralize
from reputation.desks import requests as desk_requests
from reputation.desks.letters import LetterDraft, NotSendable, answer
from reputation.desks.replies import ReplyRefused
from reputation.desks.replies import record_reply as store_reply
from reputation.models import Desk, DeskReply, DeskRequest
from reputation.views.desk.forms import AnswerForm, AskAgainForm, LetterForm, ReplyForm, SelectionForm
from reputation.views.desk.overview import render_desk
from reputation.views.desk.selection import (
    describe_claims_of_others,
    get_desk_or_404,
    load_requests,
    load_rows,
    read_group,
    read_ids,
)

State = DeskRequest.State
NOTHING_SELECTED = "Nothing is selected, and nothing was changed. Tick the requests first."


@dataclass(frozen=True)
class Step:
    """A page with one form about the selected requests. `confirmed` is the name of its button."""

    template: str
    form: type[SelectionForm]


@require_POST
@editor_required
def record_reply(request: MemberRequest, pk: int) -> HttpResponse:
    """Keep a desk's reply word by word, and the state that the member reads from it."""

    def store(ids: list[int], form: SelectionForm) -> str:
        values = form.cleaned_data
        store_reply(
            request.account,
            ids,
            state=values["state"],
            text=values["text"],
            received_at=values["received_at"],
            due_at=_end_of(values["due_on"]) if values["state"] == State.QUESTION else None,
            refusal=values["refusal"],
            context=request.context,
        )
        return f"The reply is kept with {pluralize(len(ids), 'request')}."

    initial = {"received_at": timezone.localtime(request.context.now).replace(second=0, microsecond=0)}
    return _do_step(request, pk, Step("reply", ReplyForm), store, initial=initial)


@require_POST
@editor_required
def answer_question(request: MemberRequest, pk: int) -> HttpResponse:
    """Keep the answer to a desk's question, as it was sent. Then the desk has its time again."""

    def store(ids: list[int], form: SelectionForm) -> str:
        letter = form.get_letter() if isinstance(form, LetterForm) else {}
        answer(request.account, ids, LetterDraft(desk_id=pk, **letter), context=request.context)
        return f"The answer is kept with {pluralize(len(ids), 'request')}."

    return _do_step(request, pk, Step("answer", AnswerForm), store, initial={"attested_by": _name(request)})


@require_POST
@editor_required
def ask_again(request: MemberRequest, pk: int) -> HttpResponse:
    """Ask once more, on a date and with a note of what changed."""

    def store(ids: list[int], form: SelectionForm) -> str:
        values = form.cleaned_data
        not_before = _start_of(values["not_before"])
        desk_requests.ask_again(
            request.account, ids, what_changed=values["what_changed"], not_before=not_before, context=request.context
        )
        return f"{pluralize(len(ids), 'request')} to be sent again."

    return _do_step(request, pk, Step("ask_again", AskAgainForm), store)


@require_POST
@editor_required
def withdraw_requests(request: MemberRequest, pk: int) -> HttpResponse:
    """Ask no more. What a desk has already, somebody has to take back there."""

    def store(ids: list[int], form: SelectionForm) -> str:
        withdrawn = desk_requests.withdraw(request.account, ids, context=request.context)
        if not withdrawn:
            raise desk_requests.NotAskable("These requests have ended already. Nothing was changed.")
        return f"{pluralize(len(withdrawn), 'request')} withdrawn."

    return _do_step(request, pk, Step("withdraw", SelectionForm), store)


def _do_step(
    request: MemberRequest,
    pk: int,
    step: Step,
    store: Callable[[list[int], SelectionForm], str],
    *,
    initial: Mapping[str, object] | None = None,
) -> HttpResponse:
    """Show the step's form for the selected requests; once it is confirmed, store it. Errors keep what was typed."""
    desk = get_desk_or_404(request, pk)
    ids = read_ids(request, desk)
    if not ids:
        return render_desk(request, desk, read_group(request.POST.get("group")), error=NOTHING_SELECTED)
    requests = load_requests(request, desk, ids)
    if "confirmed" not in request.POST:
        form = step.form(initial={"ids": ",".join(map(str, ids)), **(initial or {})})
        return _render_step(request, desk, step, form, requests)
    form = step.form(request.POST)
    if form.is_valid():
        try:
            if others := describe_claims_of_others(request, requests):
                raise desk_requests.NotAskable(others)
            message = store(ids, form)
        except (ReplyRefused, NotSendable, desk_requests.NotAskable) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, message)
            return redirect(_get_return_url(pk, ids))
    return _render_step(request, desk, step, form, requests, status=422)


def _render_step(
    request: MemberRequest,
    desk: Desk,
    step: Step,
    form: SelectionForm,
    requests: Sequence[DeskRequest],
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "desk": desk,
        "form": form,
        "requests": requests,
        "rows": load_rows(request, desk, requests),
        "question": DeskReply.objects.filter(requests=requests[0], state=State.QUESTION).order_by("-pk").first()
        if step.template == "answer"
        else None,
    }
    return render(request, f"reputation/desk/{step.template}.html", context, status=status)


def _get_return_url(pk: int, ids: Sequence[int]) -> str:
    """The page of the request, or of the desk after a step with several."""
    return reverse("desk-request", args=[ids[0]]) if len(ids) == 1 else reverse("desk", args=[pk])


def _name(request: MemberRequest) -> str:
    return request.user.get_full_name()


def _start_of(day: date | None) -> datetime | None:
    """The start of the day in the account's time zone."""
    return timezone.make_aware(datetime.combine(day, time.min)) if day else None


def _end_of(day: date | None) -> datetime | None:
    return timezone.make_aware(datetime.combine(day, time.max)) if day else None
