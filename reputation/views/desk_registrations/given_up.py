"""Numbers given up that an engine still has: the file to deregister them, and the note that it was sent."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from portal.accounts.access import MemberRequest, editor_required, member_required
from portal.models import today_of
from portal.text import pluralize
from reputation.desks import registration_answers
from reputation.desks.packets.content import build_csv
from reputation.models import DeskRegistration, Engine
from reputation.views.desk_registrations.chosen_numbers import get_digest
from reputation.views.desk_registrations.letters import file_response

SHOWN = 50


@member_required
def given_up_list(request: MemberRequest) -> HttpResponse:
    rows = registration_answers.select_given_up(request.account).select_related("number", "engine", "desk")
    by_engine: dict[Engine, list[DeskRegistration]] = {}
    for row in rows.order_by("engine__name", "number__e164"):
        by_engine.setdefault(row.engine, []).append(row)
    context = {
        "groups": [
            {
                "engine": engine,
                "rows": of_engine[:SHOWN],
                "count": len(of_engine),
                "digest": get_digest([row.number_id for row in of_engine]),
            }
            for engine, of_engine in by_engine.items()
        ],
    }
    return render(request, "reputation/desk_registrations/given_up.html", context)


@member_required
def given_up_file(request: MemberRequest) -> HttpResponse:
    """The numbers to delete at one engine, as CSV, in ten digits."""
    if "engine" not in request.GET:
        return redirect("desk-registrations-given-up")
    engine = _get_engine(request.GET.get("engine", ""))
    rows = registration_answers.select_given_up(request.account, engine).order_by("number__e164")
    numbers = rows.values_list("number__e164", flat=True)
    content = build_csv([("phone number",), *((e164.removeprefix("+1"),) for e164 in numbers)])
    today = today_of(request.account, request.context.now)
    return file_response(content, f"{engine.slug}-numbers-to-delete-{today}.csv")


@require_POST
@editor_required
def withdraw(request: MemberRequest) -> HttpResponse:
    """*I told Hiya to delete these*. Refused if the list has changed since the page showed it."""
    engine = _get_engine(request.POST.get("engine", ""))
    rows = registration_answers.select_given_up(request.account, engine)
    ids = list(rows.values_list("number", flat=True))
    if get_digest(ids) != request.POST.get("digest"):
        messages.error(request, f"The list for {engine} has changed. Nothing was noted. Download it again.")
    else:
        count = registration_answers.withdraw_given_up(request.account, engine, ids, context=request.context)
        messages.success(request, f"{pluralize(count, 'number')} noted as withdrawn at {engine}.")
    return redirect("desk-registrations-given-up")


def _get_engine(slug: str) -> Engine:
    engine = next((engine for engine in Engine.objects.all() if engine.slug == slug), None)
    if engine is None:
        raise Http404
    return engine


urls = [
    path(
        "number-management/remediation-desk/registrations/given-up/",
        given_up_list,
        name="desk-registrations-given-up",
    ),
    path(
        "number-management/remediation-desk/registrations/given-up/file/",
        given_up_file,
        name="desk-registrations-given-up-file",
    ),
    path(
        "number-management/remediation-desk/registrations/given-up/withdraw/",
        withdraw,
        name="desk-registrations-withdraw",
    ),
]
