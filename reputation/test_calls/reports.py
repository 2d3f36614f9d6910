"""Reports of labels: a person says that a called telephone showed one.

One report puts the number at risk. It does what the label does once a test call shows a label too, a second called
person reports it within `report_days`, or an owner or admin confirms it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction

from portal import audit
from portal.audit import Context
from portal.phone.numbers import parse_number
from reputation.models import Connection, LabelPhoto, LabelReport, PhoneNumber, TestCall
from reputation.monitoring.carriers import find_engine
from reputation.monitoring.observations import UNKNOWN_ENGINE, apply_observations
from reputation.providers.handset import HandsetProvider
from reputation.providers.protocol import Evidence, Observation, Verdict
from reputation.test_calls.validity import end_no_labels

State = LabelReport.State
ConfirmedBy = LabelReport.ConfirmedBy


class ReportRefused(Exception):
    """Nothing was stored; the message says why."""


def add_report(
    number: PhoneNumber,
    label: str,
    *,
    context: Context,
    carrier: str = "",
    called_number: str = "",
    photo: LabelPhoto | None = None,
) -> LabelReport:
    """Stores the report. Raises ReportRefused, or InvalidPhoneNumber about the called number.

    The network may be unknown. Without the called number, nobody can tell whether two reports are of two people.
    """
    label = label.strip()[:80]
    if not label:
        raise ReportRefused("Type the label that was shown.")
    if photo is not None and photo.account_id != number.account_id:
        raise ReportRefused("The photo belongs to another account.")
    report = LabelReport(
        account_id=number.account_id,
        number=number,
        label=label,
        carrier=carrier.strip()[:60],
        called_e164=parse_number(called_number).e164 if called_number else "",
        photo=photo,
        reported_by=context.actor.user,
        reported_at=context.now,
        state_since=context.now,
    )
    with transaction.atomic():
        PhoneNumber.objects.select_for_update().get(pk=number.pk)
        report.save()
        _record("report.added", report, context, after=label)
        end_no_labels(number.pk, report.carrier, context.now)
        _observe(report, Verdict.WARNING, context)
        if others := _get_reports_of_others(report):
            for one in [*others, report]:
                _confirm(one, ConfirmedBy.SECOND_PERSON, context)
    return report


def confirm_report(report: LabelReport, *, context: Context) -> bool:
    """An owner or admin knows that the label was shown. Returns False if the report was settled already."""
    with transaction.atomic():
        return _confirm(report, ConfirmedBy.MEMBER, context)


def dismiss_report(report: LabelReport, *, context: Context) -> bool:
    """The report is wrong. It asks for no more calls. Returns False if the report was settled already."""
    with transaction.atomic():
        if not _settle(report, State.DISMISSED, context):
            return False
        _record("report.dismissed", report, context, before=report.label)
    return True


def confirm_by_calls(calls: Sequence[TestCall], *, context: Context) -> None:
    """These calls showed a label: it confirms the open reports of their numbers, on the same network if it is named."""
    seen = {(call.number_id, call.telephone.carrier) for call in calls}
    numbers = {call.number_id for call in calls}
    for report in LabelReport.objects.open().filter(number__in=numbers).select_related("number") if numbers else ():
        if any(number == report.number_id and report.carrier in ("", carrier) for number, carrier in seen):
            # The call tags the number itself, on its own network.
            _confirm(report, ConfirmedBy.TEST_CALL, context, observe=bool(report.carrier))


def get_engine_slug(carrier: str, make: str = "") -> str:
    """The engine that labels what a telephone of this network and make shows, as far as it is known and in use."""
    engine = find_engine(carrier, make) if carrier else None
    return engine.slug if engine and engine.in_use else UNKNOWN_ENGINE


def _get_reports_of_others(report: LabelReport) -> list[LabelReport]:
    """The open reports of the number by other called persons within `report_days`; none if this one is unknown."""
    if not report.called_e164:
        return []
    since = report.reported_at - timedelta(days=settings.TEST_CALLS.report_days)
    recent = LabelReport.objects.filter(number=report.number_id, reported_at__gte=since)
    others = recent.exclude(state=State.DISMISSED).exclude(called_e164__in=("", report.called_e164))
    return list(others.order_by("reported_at", "pk").select_related("number"))


def _confirm(report: LabelReport, confirmed_by: ConfirmedBy, context: Context, *, observe: bool = True) -> bool:
    if not _settle(report, State.CONFIRMED, context, confirmed_by=confirmed_by.value):
        return False
    _record("report.confirmed", report, context, after=report.label)
    if observe:
        _observe(report, Verdict.LABELLED, context)
    return True


def _settle(report: LabelReport, state: State, context: Context, **values: str) -> bool:
    moved = LabelReport.objects.open().filter(pk=report.pk).update(state=state, state_since=context.now, **values)
    report.refresh_from_db()
    return bool(moved)


def _observe(report: LabelReport, verdict: Verdict, context: Context) -> None:
    """A report is a warning until it is confirmed. Then it is a label, as the table of severity.py has it."""
    connection = Connection.objects.get(provider=HandsetProvider.name, account__isnull=True)
    observation = Observation(
        report.number.e164,
        get_engine_slug(report.carrier),
        verdict,
        report.label,
        carrier=report.carrier,
        evidence=Evidence.REPORT,
        raw_response={"report": report.pk},
        observed_at=context.now,
    )
    apply_observations([observation], connection=connection, now=context.now, account_id=report.account_id)


def _record(code: str, report: LabelReport, context: Context, before: str = "", after: str = "") -> None:
    audit.record_event(
        account=report.account, context=context, code=code, subject=report.number, before=before, after=after
    )
