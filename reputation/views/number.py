"""A number's page: its status at each engine, its case, its calls and its history."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from portal.accounts.access import MemberRequest, get_account_object_or_404, member_required
from portal.db.keyset import parse_id
from portal.models import today_of
from reputation import complaints
from reputation.fcc import counts as fcc_counts
from reputation.labels import describe_complaints, get_check_label
from reputation.matching import statistics
from reputation.models import Campaign, Case, Check, Engine, LabelReport, PhoneNumber, Registration, Tag
from reputation.number_table.alerts import NumberRow, build_rows
from reputation.numbers import history
from reputation.remediation import next_step
from reputation.test_calls.sightings import get_calls_of_number, is_proof
from reputation.work.waiting import find_due_registration

MAX_COMPLAINTS = 20
MAX_TEST_CALLS = 10
MAX_REPORTS = 20


@member_required
def number_detail(request: MemberRequest, pk: int) -> HttpResponse:
    now = request.context.now
    number = get_account_object_or_404(request, PhoneNumber.objects.select_related("campaign"), pk)
    engines = list(Engine.objects.filter(in_use=True))
    checks = list(history.get_recent_checks(number, now=now)[:500])
    tags = list(Tag.objects.filter(number=number).select_related("engine").order_by("-detected_at", "-pk")[:200])
    cases = list(Case.objects.filter(number=number).select_related("former").order_by("-opened_at", "-pk")[:50])
    before = parse_id(request.GET.get("before")) or None
    events = list(history.get_events(number, before=before)[: history.EVENTS_SHOWN + 1])
    row = build_rows([number], now)[0]
    reported = list(complaints.get_complaints(number.e164)[: MAX_COMPLAINTS + 1])
    case = row.case or next((case for case in cases if case.is_unfinished), None)
    test_calls = list(get_calls_of_number(number)[: MAX_TEST_CALLS + 1])
    is_verifying = number.capability == PhoneNumber.Capability.VERIFYING
    registrations = Registration.objects.filter(number=number)
    reports = LabelReport.objects.filter(number=number).select_related("reported_by").order_by("-reported_at", "-pk")
    context = {
        "number": number,
        "row": row,
        "verification_due_since": find_due_registration(registrations, now) if is_verifying else None,
        "engines": _get_engine_rows(engines, row, checks, tags),
        "picture": history.get_daily_history(engines, checks, tags, now=now),
        "checks": checks[:50],
        "cases": cases,
        "case": case,
        "next": next_step.get_next_step(case, now) if case and case.is_unfinished else None,
        "events": events[: history.EVENTS_SHOWN],
        "older": events[history.EVENTS_SHOWN - 1].pk if len(events) > history.EVENTS_SHOWN else None,
        "test_calls": [(call, is_proof(call)) for call in test_calls[:MAX_TEST_CALLS]],
        "more_test_calls": len(test_calls) > MAX_TEST_CALLS,
        "reports": list(reports[:MAX_REPORTS]),
        "complaints": reported,
        "spoofed_complaints": complaints.find_probably_spoofed(number.e164, reported),
        "complaints_shown": MAX_COMPLAINTS,
        "fcc": fcc_counts.get_report(number.e164, is_monitored=number.capability == PhoneNumber.Capability.ON),
        "desk_registrations": list(number.desk_registrations.select_related("engine").order_by("engine__name")),
        "calls": statistics.get_number_statistics(number, today_of(request.account, now)),
        "sampling_rate": settings.RECORD_DECISIONS,
        "default_of": list(Campaign.objects.for_account(request.account).filter(default_number=number)),
    }
    return render(request, "reputation/number.html", context)


def _get_engine_rows(
    engines: list[Engine], row: NumberRow, checks: list[Check], tags: list[Tag]
) -> list[dict[str, object]]:
    """For each engine: the registration, the current check, and the active tag or the one last seen, if any."""
    registrations = {
        registration.engine_id: registration for registration in Registration.objects.filter(number=row.number)
    }
    current = {check.engine_id: check for check in checks if check.is_current}
    active = {tag.engine_id: tag for tag in tags if tag.is_active}
    last_seen = {tag.engine_id: tag for tag in row.tags if not tag.is_active}
    return [
        {
            "engine": engine,
            "registration": registrations.get(engine.pk),
            "check": current.get(engine.pk),
            "check_label": get_check_label(current[engine.pk]) if engine.pk in current else None,
            "complaints_found": _get_complaints_found(current.get(engine.pk)),
            "complaints_through": _get_complaints_through(current.get(engine.pk)),
            "tag": active.get(engine.pk),
            "last_seen": last_seen.get(engine.pk),
        }
        for engine in engines
    ]


def _get_complaints_found(check: Check | None) -> str:
    """What a source of complaints found, if anything. The label of the check says that there are none."""
    answer = check.raw_response if check and check.evidence == Check.Evidence.COMPLAINTS else {}
    found = answer.get("complaints") or answer.get("probably_spoofed")
    return describe_complaints(answer) if found else ""


def _get_complaints_through(check: Check | None) -> date | None:
    """The last day that the source of a check of complaints covers."""
    is_of_complaints = check is not None and check.evidence == Check.Evidence.COMPLAINTS
    through = check.raw_response.get("through") if check and is_of_complaints else None
    return date.fromisoformat(through) if through else None


urls = [path("number-management/number-reputation/<int:pk>/", number_detail, name="number")]
