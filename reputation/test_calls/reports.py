"""Reports of labels: a person says that a called telephone showed one.

One report puts the number at risk. It does what the label does once a test call shows a label too, a second called
person reports it within `report_days`, or an owner or admin confirms it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from enrollment.status import get_declared_purposes
from portal import audit
from portal.audit import Context
from portal.models import Account, today_of
from portal.phone.numbers import parse_number
from reputation.models import Check, Connection, LabelPhoto, LabelReport, PhoneNumber, TestCall
from reputation.monitoring.carriers import find_engine
from reputation.monitoring.observations import UNKNOWN_ENGINE, apply_observations
from reputation.monitoring.severity import classify_label, get_effect
from reputation.monitoring.tagging import is_gone_since
from reputation.numbers import spam_status
from reputation.providers.handset import HandsetProvider
from reputation.providers.protocol import Evidence, Observation, Severity, Verdict
from reputation.providers.registry import get_providers
from reputation.test_calls.networks import find_network
from reputation.test_calls.validity import end_no_labels

State = LabelReport.State
ConfirmedBy = LabelReport.ConfirmedBy
# Labels as networks and telephones show them. Any other one is typed.
COMMON_LABELS = (
    "Scam Likely",
    "Spam Risk",
    "Potential Spam",
    "Spam Likely",
    "Suspected Spam",
    "Potential Fraud",
    "Telemarketer",
    "Survey",
)


class ReportRefused(Exception):
    """Nothing was stored; the message says why."""


class DayRefused(ReportRefused):
    """The day on which the label was shown is no use."""


def can_report() -> bool:
    """Whether reports do anything: the provider that stores what people see is in use."""
    return HandsetProvider.name in get_providers()


def add_report(
    number: PhoneNumber,
    label: str,
    *,
    context: Context,
    carrier: str = "",
    called_number: str = "",
    seen_on: date | None = None,
    photo: LabelPhoto | None = None,
) -> LabelReport:
    """Stores the report. Raises ReportRefused, or InvalidPhoneNumber about the called number.

    The network may be unknown. `seen_on` is the day on which the label was shown; None: now. Without the called
    number, nobody can tell whether two reports are of two people.
    """
    _check_possible()
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
        network=find_network(number.account, carrier[:60]),
        called_e164=parse_number(called_number).e164 if called_number else "",
        photo=photo,
        seen_at=_get_time_seen(number.account, seen_on, context.now),
        reported_by=context.actor.user,
        reported_at=context.now,
        state_since=context.now,
    )
    with transaction.atomic():
        _lock_number(number.pk)
        report.save()
        _record("report.added", report, context, after=label)
        end_no_labels(number.pk, report.network, report.seen_at)
        _observe(report, Verdict.WARNING, context)
        if others := _get_reports_of_others(report):
            for one in [*others, report]:
                _confirm(one, ConfirmedBy.SECOND_PERSON, context)
    return report


def confirm_report(report: LabelReport, *, context: Context) -> bool:
    """An owner or admin knows that the label was shown. Returns False if the report was settled already.

    Raises ReportRefused if reports are switched off.
    """
    _check_possible()
    with transaction.atomic():
        _lock_number(report.number_id)
        return _confirm(report, ConfirmedBy.MEMBER, context)


def _lock_number(pk: int) -> None:
    """Locks the number before anything about it, as where an observation is stored."""
    PhoneNumber.objects.select_for_update().get(pk=pk)


def _check_possible() -> None:
    if not can_report():
        raise ReportRefused("Reports of labels are switched off on this portal. Nothing was changed.")


def get_effect_of_confirming(report: LabelReport) -> Check.Effect:
    """What the label does to its number once it is confirmed: it tags the number, or puts it at risk."""
    purpose = get_declared_purposes([report.account_id]).get(report.account_id, "")
    return get_effect(_build_observation(report, Verdict.LABELLED, report.seen_at), purpose=purpose)


def dismiss_report(report: LabelReport, *, context: Context) -> bool:
    """The report is wrong. It asks for no more calls. Returns False if the report was settled already."""
    with transaction.atomic():
        _lock_number(report.number_id)
        if not _settle(report, State.DISMISSED, context):
            return False
        _end_sign(report, context.now)
        _record("report.dismissed", report, context, before=report.label)
    return True


def confirm_by_calls(calls: Sequence[TestCall], *, context: Context) -> None:
    """These calls showed a label: each confirms the open reports of its number that say the same, or less.

    That is a label which is no worse, on the same network if the report names it, reported within RISK_DAYS.
    """
    numbers = {call.number_id for call in calls}
    since = context.now - timedelta(days=settings.RISK_DAYS)
    recent = LabelReport.objects.open().filter(number__in=numbers, seen_at__gte=since)
    for report in recent.select_related("number") if numbers else ():
        if any(_confirms(call, report) for call in calls if call.number_id == report.number_id):
            # The call tags the number itself, on its own network.
            _confirm(report, ConfirmedBy.TEST_CALL, context, observe=bool(report.network))


def _confirms(call: TestCall, report: LabelReport) -> bool:
    severities = list(Severity)  # the worst first
    is_as_bad = severities.index(classify_label(call.label)) <= severities.index(classify_label(report.label))
    return is_as_bad and report.network in ("", call.network)


def get_engine_slug(carrier: str, make: str = "") -> str:
    """The engine that labels what a telephone of this network and make shows, as far as it is known and in use."""
    engine = find_engine(carrier, make) if carrier else None
    return engine.slug if engine and engine.in_use else UNKNOWN_ENGINE


def _get_reports_of_others(report: LabelReport) -> list[LabelReport]:
    """The reports by other called persons of labels within `report_days` of this; none if its person is unknown."""
    if not report.called_e164:
        return []
    days = timedelta(days=settings.TEST_CALLS.report_days)
    recent = LabelReport.objects.filter(
        number=report.number_id, seen_at__range=(report.seen_at - days, report.seen_at + days)
    )
    others = recent.exclude(state=State.DISMISSED).exclude(called_e164__in=("", report.called_e164))
    return list(others.order_by("reported_at", "pk").select_related("number"))


def _get_time_seen(account: Account, seen_on: date | None, now: datetime) -> datetime:
    """When a label of this day was shown: now if it is today, else at the end of the day, as calls before may not have
    seen it. Raises ReportRefused about a day that is no use."""
    today = today_of(account, now)
    if seen_on is None or seen_on == today:
        return now
    if seen_on > today:
        raise DayRefused("This day is in the future. Choose the day on which the label was shown.")
    if seen_on <= today - timedelta(days=settings.RISK_DAYS):
        raise DayRefused(
            f"A label that was shown {settings.RISK_DAYS} days ago or earlier says nothing about today. Choose a later "
            "day if it was shown since."
        )
    return datetime.combine(seen_on, time.max, ZoneInfo(account.time_zone)).astimezone(UTC)


def _confirm(report: LabelReport, confirmed_by: ConfirmedBy, context: Context, *, observe: bool = True) -> bool:
    if not _settle(report, State.CONFIRMED, context, confirmed_by=confirmed_by.value):
        return False
    _record("report.confirmed", report, context, after=report.label)
    _end_sign(report, context.now)
    if observe:
        _observe(report, Verdict.LABELLED, context)
    return True


def _settle(report: LabelReport, state: State, context: Context, **values: str) -> bool:
    moved = LabelReport.objects.open().filter(pk=report.pk).update(state=state, state_since=context.now, **values)
    report.refresh_from_db()
    return bool(moved)


def _end_sign(report: LabelReport, now: datetime) -> None:
    """The report puts its number at risk no longer, unless another open one says the same."""
    others = LabelReport.objects.open().filter(number=report.number_id, network=report.network)
    if not others.exists():
        signs = Check.objects.filter(number=report.number_id, carrier=report.network, evidence=Check.Evidence.REPORT)
        signs.filter(verdict=Check.Verdict.WARNING, valid_until__gt=now).update(valid_until=now)
        spam_status.recompute([report.number_id], now=now)


def _observe(report: LabelReport, verdict: Verdict, context: Context) -> None:
    """A report is a warning until it is confirmed. Then it is a label, as the table of severity.py has it.

    It was observed when it was shown, so calls after that count for its end. If those have ended it already, it begins
    no tag.
    """
    if verdict is Verdict.LABELLED and is_gone_since(report.number_id, report.network, report.seen_at, context.now):
        return
    connection = Connection.objects.get(provider=HandsetProvider.name, account__isnull=True)
    observation = _build_observation(report, verdict, report.seen_at)
    apply_observations([observation], connection=connection, now=context.now, account_id=report.account_id)


def _build_observation(report: LabelReport, verdict: Verdict, at: datetime) -> Observation:
    return Observation(
        report.number.e164,
        get_engine_slug(report.carrier),
        verdict,
        report.label,
        carrier=report.network,
        evidence=Evidence.REPORT,
        raw_response={"report": report.pk},
        observed_at=at,
    )


def _record(code: str, report: LabelReport, context: Context, before: str = "", after: str = "") -> None:
    audit.record_event(
        account=report.account, context=context, code=code, subject=report.number, before=before, after=after
    )
