"""The page where one person makes test calls one after the other: of members in a round, and of testers.

Each action is a POST form. htmx replaces only the panel; without JavaScript the whole page is shown again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django_htmx.http import trigger_client_event

from portal.db.keyset import parse_id
from portal.models import Account
from portal.phone.numbers import InvalidPhoneNumber, format_national
from reputation.labels import get_call_label
from reputation.models import Telephone, TestCall, TestRound
from reputation.test_calls import answering, rounds
from reputation.test_calls.photos import PhotoRefused
from reputation.test_calls.reports import COMMON_LABELS
from reputation.test_calls.results import ResultRefused
from reputation.test_calls.rounds import Caller

Result = TestCall.Result


@dataclass(frozen=True)
class CallStation:
    """Who makes calls, of which round (default: any open one), and where the page is.

    `telephone_id` is the telephone at hand; 0 is any.
    """

    account: Account
    caller: Caller
    now: datetime
    url: str
    test_round: TestRound | None = None
    telephone_id: int = 0

    @property
    def is_tester(self) -> bool:
        return self.caller.tester is not None

    def get_call(self, request: HttpRequest) -> TestCall:
        """The call that the form names. Raises Http404 if it is none of the account, round or telephone.

        Raises ResultRefused if the form names none, or one that is not the tester's any more. A tester learns nothing
        about a call of somebody else.
        """
        if not (pk := parse_id(request.POST.get("call"))):
            raise ResultRefused("The form named no call. Nothing was changed.")
        calls = TestCall.objects.for_account(self.account).select_related("account", "number", "telephone", "round")
        if self.test_round:
            calls = calls.filter(round=self.test_round)
        if self.caller.tester:
            calls = calls.filter(telephone=self.caller.tester.telephone_id)
        call = calls.filter(pk=pk).first()
        if call is None:
            raise Http404("There is no such call.")
        if self.caller.tester and call.tester_id != self.caller.tester.pk:
            raise ResultRefused("This call is not yours any more: it was given back, or taken by somebody else.")
        return call


@dataclass(frozen=True)
class Outcome:
    """What an action did, for the panel. With an error nothing was changed, and `typed` is shown again.

    `error_at` is *label* or *control* if the error belongs to one of these fields.
    """

    notice: str = ""
    error: str = ""
    error_at: str = ""
    typed: dict[str, str] = field(default_factory=dict)


Action = Callable[[HttpRequest, CallStation], Outcome]


def take(request: HttpRequest, station: CallStation) -> Outcome:
    call = rounds.take_call(
        station.account,
        caller=station.caller,
        now=station.now,
        test_round=station.test_round,
        telephone_id=station.telephone_id or None,
    )
    if call is None:
        to_this = " to this telephone" if station.telephone_id else ""
        raise ResultRefused(f"No call{to_this} is free now. Nothing was changed.")
    return Outcome()


def record(request: HttpRequest, station: CallStation) -> Outcome:
    """Stores what the telephone showed. A button of a common label goes before a typed one."""
    call = station.get_call(request)
    typed = {name: _read(request, name) for name in ("label", "name")}
    label = _read(request, "common_label") or typed["label"]
    if getattr(request, "too_large", False):
        return Outcome(error=_get_size_error(), error_at="label", typed=typed)
    answer = answering.Answer(request.POST.get("result", ""), label, typed["name"], request.FILES.get("photo"))
    try:
        answering.record_answer(call, request.POST.get("token", ""), answer, now=station.now)
    except PhotoRefused as error:
        return Outcome(error=f"{error} Nothing was stored.", error_at="label", typed=typed | {"label": label})
    except ResultRefused as error:
        is_missing = answer.result == Result.LABEL and not label
        return Outcome(error=str(error), error_at="label" if is_missing else "", typed=typed | {"label": label})
    return Outcome(notice=_describe(call))


def undo(request: HttpRequest, station: CallStation) -> Outcome:
    call = station.get_call(request)
    answering.undo_answer(call, request.POST.get("token", ""), now=station.now)
    return Outcome(notice=f"Undone: {call.number} has no result now. The call is yours again.")


def give_back(request: HttpRequest, station: CallStation) -> Outcome:
    call = station.get_call(request)
    token = request.POST.get("token", "")
    if not token or token != call.lease_token or not rounds.give_back(call):
        raise ResultRefused("This call is not yours any more. Nothing was changed.")
    return Outcome(notice=f"The call from {call.number} was given back. Somebody else may make it.")


def add_control(request: HttpRequest, station: CallStation) -> Outcome:
    call = station.get_call(request)
    number = _read(request, "number")
    try:
        control = answering.note_control_call(call, number, now=station.now)
    except InvalidPhoneNumber as error:
        return Outcome(error=str(error), error_at="control", typed={"number": number})
    return Outcome(notice=f"Noted: {format_national(control.e164)} rang {call.telephone.name}.")


ACTIONS: dict[str, Action] = {
    "take": take,
    "record": record,
    "undo": undo,
    "give-back": give_back,
    "control": add_control,
}


def perform(action: Action, request: HttpRequest, station: CallStation) -> Outcome:
    """The outcome of the action. What it refuses is said at the top of the panel."""
    try:
        return action(request, station)
    except ResultRefused as error:
        return Outcome(error=str(error))


def _read(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\x00", "").strip()[:80]


def _get_size_error() -> str:
    return f"The photo is larger than {settings.TEST_CALLS.photo_mb} MB. Nothing was stored. Send a smaller one."


def _describe(call: TestCall) -> str:
    """One call is what one telephone showed once, so the sentence names both."""
    return f"Stored for this one call from {call.number} to {call.telephone.name}: {get_call_label(call).word}."


def get_panel_context(station: CallStation, outcome: Outcome | None = None) -> dict[str, Any]:
    """What the panel shows. The number of queries does not depend on that of the calls."""
    account, now = station.account, station.now
    calls = rounds.get_calls_for(account, station.caller, station.test_round)
    current = rounds.get_current_call(account, caller=station.caller, now=now, test_round=station.test_round)
    recent = answering.get_recent_calls(calls, station.caller)
    last = recent[0] if recent else None
    return {
        "station": station,
        "outcome": outcome or Outcome(),
        "call": current,
        "has_free_call": current is None and rounds.has_free_call(calls, now),
        "has_planned_call": current is None and rounds.has_planned_call(calls),
        "telephones": _get_called_telephones(station.test_round) if station.test_round else [],
        "recent": recent,
        "control_for": last if last and answering.needs_control_call(last, now) else None,
        "common_labels": COMMON_LABELS,
        "claim_minutes": settings.TEST_CALLS.claim_minutes,
        "hold_minutes": settings.TEST_CALLS.hold_minutes,
        "control_minutes": settings.TEST_CALLS.control_minutes,
    }


def _get_called_telephones(test_round: TestRound) -> list[Telephone]:
    called = Telephone.objects.filter(pk__in=test_round.calls.order_by().values("telephone"))
    return list(called.order_by("name", "pk"))


def respond(
    request: HttpRequest, station: CallStation, outcome: Outcome, render_page: Callable[[dict[str, Any]], HttpResponse]
) -> HttpResponse:
    """The panel for htmx; else the page again, or a redirect to it if the action was done."""
    status = 422 if outcome.error else 200
    if getattr(request, "htmx", False):
        context = get_panel_context(station, outcome) | {"is_answer": True}
        response = render(request, "reputation/_call_panel.html", context, status=status)
        return trigger_client_event(response, "call-answered")
    if not outcome.error:
        if outcome.notice:
            messages.success(request, outcome.notice)
        return redirect(station.url)
    response = render_page(get_panel_context(station, outcome))
    response.status_code = status
    return response
