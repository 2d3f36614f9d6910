"""Number Management > Test calls: the rounds of the account, a new round, and the page of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from portal.accounts.access import (
    MemberRequest,
    editor_required,
    get_account_object_or_404,
    may_edit_account,
    member_required,
)
from portal.body_limits import takes_upload
from portal.db.keyset import paginate, parse_id
from portal.text import pluralize
from reputation.models import Telephone, Tester, TestRound
from reputation.models.numbers import PhoneNumber
from reputation.providers.handset import HandsetProvider
from reputation.test_calls import answering, progress, results, rounds, telephones
from reputation.test_calls.rounds import Caller, NoCalls
from reputation.test_calls.sampling import get_sample_shown
from reputation.views.call_station import ACTIONS, Action, CallStation, get_panel_context, perform, record, respond
from reputation.views.label_photos import get_upload_limit_mb
from reputation.views.telephones import build_telephone_rows

MAX_MINUTES = 480
DEFAULT_MINUTES = 30
# Numbers of a reason that the plan names. The page of the round lists all.
NAMED_NUMBERS = 5
# Session key: the telephone that the person has at hand, by round.
AT_HAND_KEY = "telephones_at_hand"


class RoundForm(forms.Form):
    minutes = forms.IntegerField(
        label="Minutes available",
        min_value=1,
        max_value=MAX_MINUTES,
        initial=DEFAULT_MINUTES,
        widget=forms.NumberInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
        help_text="A call takes a little more than a minute.",
        error_messages={
            "required": "Write how many minutes you have, such as 30.",
            "invalid": "Write a whole number of minutes, such as 30.",
            "min_value": "A round lasts at least 1 minute.",
            "max_value": f"A round lasts at most {MAX_MINUTES} minutes. Begin another one afterwards.",
        },
    )
    telephones = forms.MultipleChoiceField(
        label="Telephones",
        widget=forms.CheckboxSelectMultiple,
        help_text="Those that somebody can answer now.",
        error_messages={
            "required": "Choose at least one telephone.",
            "invalid_choice": "One of the telephones was removed meanwhile. Choose again.",
        },
    )

    def __init__(self, data: Any = None, *, found: Sequence[Telephone]) -> None:
        super().__init__(data, initial={"telephones": [str(telephone.pk) for telephone in found]})
        self.found = found
        choices = [(str(telephone.pk), f"{telephone}, {telephone.get_plan_display()}") for telephone in found]
        self.fields["telephones"].choices = choices  # type: ignore[attr-defined]

    def get_chosen(self) -> list[Telephone]:
        chosen = set(self.cleaned_data["telephones"])
        return [telephone for telephone in self.found if str(telephone.pk) in chosen]


def is_in_use() -> bool:
    """Whether results of test calls count on this portal."""
    return HandsetProvider.name in settings.PROVIDERS


@member_required
def round_list(request: MemberRequest) -> HttpResponse:
    """The account's rounds, telephones and testers."""
    now = request.context.now
    page = paginate(TestRound.objects.for_account(request.account).select_related("created_by"), request.GET)
    found = progress.get_progress(page.rows, now)
    testers = Tester.objects.for_account(request.account).filter(telephone__removed_at__isnull=True)
    context = {
        "rounds": [(test_round, found[test_round.pk]) for test_round in page.rows],
        "page": page,
        "telephones": build_telephone_rows(telephones.get_telephones(request.account), now),
        "testers": testers.select_related("telephone", "invited_by").order_by("-pk")[:20],
        "sample": get_sample_shown(request.account, now, also_empty=True),
        "now": now,
        "is_in_use": is_in_use(),
    }
    return render(request, "reputation/test_calls.html", context)


@editor_required
def add_round(request: MemberRequest) -> HttpResponse:
    """Show the form with the plan of the round. Create the round, unless only the plan was asked for."""
    form = RoundForm(request.POST or None, found=telephones.get_telephones(request.account))
    if request.method == "POST" and form.is_valid() and "plan" not in request.POST and is_in_use():
        minutes, chosen = form.cleaned_data["minutes"], form.get_chosen()
        try:
            added = rounds.create_round(request.account, minutes, context=request.context, telephones=chosen)
        except NoCalls:
            pass  # the plan says so, next to the button
        else:
            messages.success(request, f"The round has {pluralize(added.calls.count(), 'call')}.")
            return redirect("test-round", added.pk)
    context = {"form": form, "is_in_use": is_in_use(), **_get_plan(request, form)}
    if request.htmx:
        return render(request, "reputation/_round_plan.html", context)
    return render(request, "reputation/test_round_add.html", context)


def _get_plan(request: MemberRequest, form: RoundForm) -> dict[str, Any]:
    """The calls that the round would have, by reason, or why it would have none."""
    if form.is_bound and form.errors:
        return {"groups": []}
    minutes = form.cleaned_data["minutes"] if form.is_bound else DEFAULT_MINUTES
    chosen = form.get_chosen() if form.is_bound else form.found
    try:
        planned = rounds.plan_calls(request.account, minutes, now=request.context.now, telephones=chosen)
    except NoCalls as error:
        return {"groups": [], "no_calls": str(error)}
    groups = progress.group_by_reason(planned)
    named = [choice.number_id for group in groups for choice, _ in group.calls[:NAMED_NUMBERS]]
    numbers = PhoneNumber.objects.for_account(request.account).in_bulk(named)
    return {
        "count": len(planned),
        "random_count": sum(choice.is_random for choice, _ in planned),
        "wanted": rounds.get_size(minutes),
        "groups": [
            (group, [numbers[choice.number_id] for choice, _ in group.calls[:NAMED_NUMBERS]]) for group in groups
        ],
    }


@member_required
def round_detail(request: MemberRequest, pk: int) -> HttpResponse:
    test_round = _get_round(request, pk)
    return render_round(request, test_round, get_panel_context(_get_station(request, test_round)))


def render_round(request: MemberRequest, test_round: TestRound, panel: dict[str, Any]) -> HttpResponse:
    now = request.context.now
    context = {
        "round": test_round,
        "progress": progress.get_progress([test_round], now)[test_round.pk],
        "in_progress": answering.get_calls_in_progress(test_round, now),
        **panel,
    }
    return render(request, "reputation/test_round.html", context)


@member_required
def round_calls(request: MemberRequest, pk: int) -> HttpResponse:
    """All calls of the round in their order, with what each showed."""
    test_round = _get_round(request, pk)
    context = {
        "round": test_round,
        "calls": rounds.get_calls(test_round).select_related("claimed_by", "tester"),
        "now": request.context.now,
    }
    return render(request, "reputation/test_round_calls.html", context)


@editor_required
def end_round(request: MemberRequest, pk: int) -> HttpResponse:
    """Ask for confirmation, then end the round. Its results count from then on."""
    test_round = _get_round(request, pk)
    if request.method == "POST" or not test_round.is_open:
        if request.method == "POST" and rounds.end_round(test_round, context=request.context):
            if is_in_use():
                results.count_round(test_round.pk, request.context.now)
            messages.success(request, "The round has ended. Its results count now.")
        else:
            messages.info(request, "The round ended before. Nothing was changed.")
        return redirect("test-round", pk)
    found = progress.get_progress([test_round], request.context.now)[test_round.pk]
    return render(request, "reputation/test_round_end.html", {"round": test_round, "progress": found})


def _get_round(request: MemberRequest, pk: int) -> TestRound:
    return get_account_object_or_404(request, TestRound.objects.select_related("account", "created_by"), pk)


def _get_station(request: MemberRequest, test_round: TestRound) -> CallStation:
    """The telephone at hand is remembered from one call to the next."""
    at_hand = request.session.get(AT_HAND_KEY, {})
    return CallStation(
        account=request.account,
        caller=Caller(user=request.user),
        now=request.context.now,
        url=reverse("test-round", args=[test_round.pk]),
        test_round=test_round,
        telephone_id=parse_id(str(at_hand.get(str(test_round.pk), 0))),
    )


def _remember_telephone(request: MemberRequest, test_round: TestRound) -> None:
    if "telephone" in request.POST:
        request.session[AT_HAND_KEY] = {str(test_round.pk): parse_id(request.POST["telephone"])}


def _as_member(action: Action) -> Any:
    """The view of an action for members."""

    @require_POST
    @editor_required
    def view(request: MemberRequest, pk: int) -> HttpResponse:
        test_round = _get_round(request, pk)
        _remember_telephone(request, test_round)
        station = _get_station(request, test_round)
        outcome = perform(action, request, station)
        return respond(request, station, outcome, lambda panel: render_round(request, test_round, panel))

    return takes_upload(may_edit_account, limit_mb=get_upload_limit_mb)(view) if action is record else view


urls = [
    path("number-management/test-calls/", round_list, name="test-calls"),
    path("number-management/test-calls/rounds/add/", add_round, name="test-rounds-add"),
    path("number-management/test-calls/rounds/<int:pk>/", round_detail, name="test-round"),
    path("number-management/test-calls/rounds/<int:pk>/calls/", round_calls, name="test-round-calls"),
    path("number-management/test-calls/rounds/<int:pk>/end/", end_round, name="test-round-end"),
    *(
        path(f"number-management/test-calls/rounds/<int:pk>/{name}/", _as_member(action), name=f"test-round-{name}")
        for name, action in ACTIONS.items()
    ),
]
