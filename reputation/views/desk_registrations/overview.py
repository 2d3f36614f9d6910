"""Remediation desk > Registrations: the state of each number at each engine."""

from __future__ import annotations

import re

from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from portal.accounts.access import MemberRequest, member_required
from reputation.desks import registration_answers
from reputation.desks.registration_lists import STATE_CHOICES, get_rows, get_summary
from reputation.desks.registrations import get_engines, get_registry_desks
from reputation.models import DeskLetter, DeskRequest
from reputation.views.desk_registrations.chosen_numbers import read_filter

LETTERS_SHOWN = 10


@member_required
def registration_list(request: MemberRequest) -> HttpResponse:
    desks = get_registry_desks()
    engines = get_engines(desks)
    chosen = read_filter(request.GET, engines)
    numbers = chosen.apply(request.account)
    rows, next_after = get_rows(request.account, engines, numbers, after=_read_number(request.GET.get("after", "")))
    # A later letter about the same numbers takes their registrations, so those cannot tell what the letter was for.
    of_requests = DeskRequest.objects.filter(letter=OuterRef("pk"))
    letters = DeskLetter.objects.for_account(request.account).filter(~Exists(of_requests), answers__isnull=True)
    summary = get_summary(request.account, engines)
    context = {
        "desks": desks,
        "engines": engines,
        "summary": summary,
        "rows": rows,
        "total": chosen.count(request.account, summary),
        "next_after": next_after,
        "filter": chosen,
        "engine_choices": [(engine.slug, engine.name) for engine in engines],
        "state_choices": STATE_CHOICES,
        "given_up": registration_answers.select_given_up(request.account).exists(),
        "letters": letters.select_related("desk", "sent_by").order_by("-pk")[:LETTERS_SHOWN],
    }
    return render(request, "reputation/desk_registrations/list.html", context)


def _read_number(text: str) -> str:
    """The number in E.164 after which the page begins; empty if it is none."""
    return text if re.fullmatch(r"\+[0-9]{1,15}", text) else ""


urls = [path("number-management/remediation-desk/registrations/", registration_list, name="desk-registrations")]
