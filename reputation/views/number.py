"""A number's own page: how it stands, what the engines say, what is being done, and everything that happened."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone

from portal.accounts.access import MemberRequest, get_account_object_or_404, member_required
from portal.models import today_of
from reputation import complaints
from reputation.matching import statistics
from reputation.models import Campaign, Case, Engine, PhoneNumber, Registration, Tag
from reputation.number_table.alerts import build_rows
from reputation.numbers import history
from reputation.remediation import next_step

MAX_COMPLAINTS = 20


@member_required
def number_detail(request: MemberRequest, pk: int) -> HttpResponse:
    now = timezone.now()
    shown = get_account_object_or_404(request, PhoneNumber.objects.select_related("campaign"), pk)
    before = request.GET.get("before", "")
    engines = list(Engine.objects.filter(in_use=True))
    checks = list(history.get_recent_checks(shown, now=now)[:500])
    tags = list(Tag.objects.filter(number=shown).select_related("engine").order_by("-detected_at", "-pk")[:200])
    cases = list(Case.objects.filter(number=shown).select_related("former").order_by("-opened_at", "-pk")[:50])
    events = list(
        history.get_events(shown, before=int(before) if before.isdecimal() and len(before) < 19 else None)[
            : history.EVENTS_SHOWN + 1
        ]
    )
    row = build_rows([shown], now)[0]
    latest = cases[0] if cases else None
    context = {
        "number": shown,
        "row": row,
        "engines": _get_engine_rows(engines, shown, checks, tags),
        "picture": history.get_daily_history(engines, checks, tags, now=now),
        "checks": checks[:50],
        "cases": cases,
        "case": latest if latest and (latest.is_unfinished or row.case == latest) else None,
        "next": next_step.get_next_step(latest, now) if latest and latest.is_unfinished else None,
        "events": events[: history.EVENTS_SHOWN],
        "older": events[history.EVENTS_SHOWN - 1].pk if len(events) > history.EVENTS_SHOWN else None,
        "complaints": list(complaints.get_complaints(shown.e164)[: MAX_COMPLAINTS + 1]),
        "complaints_shown": MAX_COMPLAINTS,
        "calls": statistics.get_number_statistics(shown, today_of(request.account, now)),
        "one_in": settings.RECORD_DECISIONS,
        "default_of": list(Campaign.objects.for_account(request.account).filter(default_number=shown)),
    }
    return render(request, "reputation/number.html", context)


def _get_engine_rows(
    engines: list[Engine], shown: PhoneNumber, checks: list, tags: list[Tag]
) -> list[dict[str, object]]:
    """For each engine: whether it took the number on, its current answer, and its standing tag."""
    registrations = {one.engine_id: one for one in Registration.objects.filter(number=shown)}
    current = {check.engine_id: check for check in checks if check.is_current}
    standing = {tag.engine_id: tag for tag in tags if tag.stands}
    return [
        {
            "engine": engine,
            "registration": registrations.get(engine.pk),
            "check": current.get(engine.pk),
            "tag": standing.get(engine.pk),
        }
        for engine in engines
    ]


urls = [path("number-management/number-reputation/<int:pk>/", number_detail, name="number")]
