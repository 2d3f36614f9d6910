"""Reads what packets are built from: the enrollment, labels, test calls and call counts. Seven queries at most."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Sum

from enrollment.choices import US_STATES, OnBehalf, UseCase
from enrollment.forms.contact_phone import format_contact_phone
from enrollment.models import Application
from enrollment.questions import Answer
from enrollment.snapshot import get_answers, get_business_values
from portal.db.in_list import in_list
from portal.models import Account, today_of
from reputation.desks.packets.content import BlockedCall, Business, PacketNumber, SeenLabel, Source
from reputation.models import Campaign, Desk, DeskRequest, LabelReport, NumberCalls, PhoneNumber, Tag, TestCall

CALL_DAYS = 30
PROOF_DAYS = 30

# What a Yes in the enrollment says about consent, by question.
CONSENT_SENTENCES = {
    "consent_for_automated": "For automated and recorded calls we keep each person's permission.",
    "lead_source_proof": "For contacts from others we can show when and where each person agreed.",
    "national_dnc_scrub": "Before sales calls we remove numbers on the National Do Not Call Registry.",
    "own_do_not_call_list": "We keep a do-not-call list of our own and check it before each call.",
    "stop_requests_10_days": "Whoever asks us to stop is not called any more after 10 business days at most.",
}


def read_source(
    account: Account, desk: Desk, campaign: Campaign | None, requests: Sequence[DeskRequest], now: datetime
) -> Source:
    """`requests` have their numbers loaded. The numbers stay in their order."""
    numbers = [request.number for request in requests]
    business = read_business(account)
    return Source(
        desk=desk.name,
        business=business,
        purpose=describe_purpose(business.use_case, campaign),
        numbers=_read_numbers(account, numbers, now),
        zone=ZoneInfo(account.time_zone),
        today=today_of(account, now),
    )


def describe_purpose(use_case: str, campaign: Campaign | None) -> str:
    """The declared purpose, with the campaign's name."""
    return ": ".join(filter(None, (use_case, campaign.name if campaign else "")))


def read_business(account: Account) -> Business:
    """The form as it was last submitted, or as it was typed if it never was. One query."""
    application = Application.objects.for_account(account).newest()
    if application is None:
        return Business()
    submitted = get_business_values(application.snapshot)
    answers = get_answers(application.snapshot) if submitted else application.answers
    return build_business(submitted or application.business, answers)


def build_business(values: Mapping[str, Any], answers: Mapping[str, Mapping[str, str]]) -> Business:
    copied = (
        *("legal_name", "trade_name", "website", "street", "city", "zip_code", "use_case_details"),
        *("phone_company", "contact_name", "contact_email"),
    )
    phone = str(values.get("contact_phone") or "")
    return Business(
        **{name: str(values.get(name) or "") for name in copied},
        state=dict(US_STATES).get(values.get("state") or "", ""),
        use_case=dict(UseCase.choices).get(values.get("use_case") or "", ""),
        calls_per_day=_read_count(values.get("calls_per_day")),
        number_count=_read_count(values.get("number_count")),
        contact_phone=format_contact_phone(phone) if phone.startswith("+") else phone,
        calls_for_others=values.get("on_behalf") == OnBehalf.OTHERS,
        consent=tuple(
            sentence
            for question, sentence in CONSENT_SENTENCES.items()
            if answers.get(question, {}).get("answer") == Answer.YES
        ),
    )


def _read_count(value: object) -> int:
    text = str(value or "").replace(",", "").replace(" ", "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _read_numbers(account: Account, numbers: Sequence[PhoneNumber], now: datetime) -> tuple[PacketNumber, ...]:
    ids = [number.pk for number in numbers]
    labels = _read_labels(account, ids)
    calls = count_calls(account, ids, now)
    test_calls, photos = _count_proofs(account, ids, now)
    blocked = _read_blocked_calls(account, ids, now)
    is_counted = bool(calls)
    return tuple(
        PacketNumber(
            pk=number.pk,
            e164=number.e164,
            labels=tuple(labels.get(number.pk, ())),
            calls=calls.get(number.pk, 0) if is_counted else None,
            test_calls=test_calls.get(number.pk, 0),
            photos=photos.get(number.pk, 0),
            blocked_call=blocked.get(number.pk),
        )
        for number in numbers
    )


def _read_labels(account: Account, number_ids: Sequence[int]) -> dict[int, list[SeenLabel]]:
    tags = Tag.objects.for_account(account).active().filter(number__in=in_list(number_ids))
    found = defaultdict(list)
    for tag in tags.select_related("engine").defer("raw_response").order_by("detected_at", "pk"):
        found[tag.number_id].append(
            SeenLabel(
                text=tag.label,
                engine=tag.engine.name,
                carrier=tag.carrier,
                first_seen=tag.detected_at,
                last_seen=tag.last_seen_at,
                evidence=tag.get_evidence_display(),
            )
        )
    return found


def count_calls(account: Account, number_ids: Sequence[int], now: datetime) -> dict[int, int]:
    """The calls of the last 30 days that dialers were told to make with each number. One query."""
    since: date = today_of(account, now) - timedelta(days=CALL_DAYS - 1)
    counts = NumberCalls.objects.for_account(account).filter(number__in=in_list(number_ids), day__gte=since)
    return dict(counts.order_by().values("number").annotate(total=Sum("calls")).values_list("number", "total"))


def _count_proofs(account: Account, number_ids: Sequence[int], now: datetime) -> tuple[dict[int, int], dict[int, int]]:
    """Test calls that showed a label, and photos of labels, by number."""
    since = now - timedelta(days=PROOF_DAYS)
    calls = TestCall.objects.for_account(account).filter(
        number__in=in_list(number_ids),
        state__in=TestCall.ANSWERED,
        result=TestCall.Result.LABEL,
        answered_at__gte=since,
    )
    test_calls: dict[int, int] = {}
    photos: dict[int, int] = defaultdict(int)
    for number, count, with_photo in (
        calls.order_by()
        .values("number")
        .annotate(count=Count("pk"), photos=Count("photo"))
        .values_list("number", "count", "photos")
    ):
        test_calls[number] = count
        photos[number] += with_photo
    reports = LabelReport.objects.for_account(account).filter(
        number__in=in_list(number_ids), reported_at__gte=since, photo__isnull=False
    )
    reports = reports.exclude(state=LabelReport.State.DISMISSED).order_by()
    for number, count in reports.values("number").annotate(count=Count("photo")).values_list("number", "count"):
        photos[number] += count
    return test_calls, photos


def _read_blocked_calls(account: Account, number_ids: Sequence[int], now: datetime) -> dict[int, BlockedCall]:
    """The last test call of each number that did not arrive."""
    calls = TestCall.objects.for_account(account).filter(
        number__in=in_list(number_ids),
        state__in=TestCall.ANSWERED,
        result=TestCall.Result.NOT_ARRIVED,
        answered_at__gte=now - timedelta(days=PROOF_DAYS),
    )
    rows = calls.order_by("answered_at").values_list("number", "telephone__e164", "answered_at")
    return {number: BlockedCall(called, at) for number, called, at in rows if called and at}
