"""What is new for the members of accounts since they were told last: the sections of a digest, with their lines.

New are tags, cleared tags, failed cases, numbers about which somebody has to decide, numbers at risk, campaigns with
many skipped numbers, and requests to desks with which it is the account's turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.expressions import OrderBy
from django.db.models.functions import DenseRank

from portal import mail
from portal.models import Member
from reputation.desks.your_turn import describe_turn
from reputation.matching.skipped_share import SkippedShare, get_counted_share, with_high_share
from reputation.models import Campaign, Case, DeskRequest, PhoneNumber, Tag
from reputation.numbers.at_risk import get_signs

MAX_LISTED = 50
NEWS = ("tagged", "cleared", "failed", "undecided", "at_risk", "skipped", "requests")
# What is selected with the rows of each kind of news.
_RELATED: dict[type, list[str]] = {
    Tag: ["number", "engine"],
    Case: ["number"],
    PhoneNumber: ["account"],
    DeskRequest: ["number", "desk", "account", "former"],
    Campaign: ["account"],
}


@dataclass
class DigestLine:
    """A number in a mail: who labelled it, why it is at risk or what to do about it, and the URL of its page."""

    number: PhoneNumber
    url: str
    engines: list[str] = field(default_factory=list)
    to_do: str = ""
    reason: str = ""


@dataclass
class CampaignLine:
    """A campaign in a mail: how many of its numbers are skipped now, and the URL of its page."""

    share: SkippedShare
    url: str


@dataclass
class DigestSection:
    """The first MAX_LISTED numbers, campaigns or requests of one kind of news by id, and how many there are in all."""

    total: int = 0
    lines: dict[int, DigestLine | CampaignLine] = field(default_factory=dict)

    @property
    def remaining(self) -> int:
        return self.total - len(self.lines)


def query_news(accounts: Q, *, since: Any, until: datetime) -> dict[str, QuerySet]:
    """The news by kind: labels that were detected and remain, numbers that are clean again, failed cases without a
    ticket, numbers that were labelled when last seen and not monitored for so long that somebody has to decide,
    numbers that are at risk of a label, campaigns of which so many numbers are skipped that pages show an alert, and
    requests to desks with which it is the account's turn now."""
    return {
        "tagged": Tag.objects.active().filter(accounts, detected_at__gt=since, detected_at__lte=until),
        "cleared": Tag.objects.filter(
            accounts,
            ~Q(number__spam_status__in=PhoneNumber.SKIPPED),
            end_reason=Tag.EndReason.CLEARED,
            ended_at__gt=since,
            ended_at__lte=until,
        ),
        "failed": Case.objects.filter(
            accounts,
            state=Case.State.FAILED,
            ticket_reference="",
            state_since__gt=since,
            state_since__lte=until,
        ),
        "undecided": PhoneNumber.objects.awaiting_decision(until).filter(accounts, decision_due_at__gt=since),
        "at_risk": PhoneNumber.objects.present().filter(
            accounts,
            spam_status=PhoneNumber.SpamStatus.AT_RISK,
            at_risk_since__gt=since,
            at_risk_since__lte=until,
            at_risk_until__gt=until,
        ),
        "skipped": with_high_share(Campaign.objects.all()).filter(
            accounts, skipped_alert_since__gt=since, skipped_alert_since__lte=until
        ),
        "requests": DeskRequest.objects.your_turn(until).filter(
            accounts,
            Q(state_since__gt=since, state_since__lte=until) | Q(not_before__gt=since, not_before__lte=until),
        ),
    }


def build_sections(members: Iterable[Member], *, until: datetime) -> list[tuple[Member, dict[str, DigestSection]]]:
    """The sections of the mail to each of these members, by kind: two queries for each kind, however many members.

    Members of an account who were told up to the same moment get the same news, which is queried for the first of them.
    """
    first_alike: dict[tuple[int, datetime], Member] = {}
    pairs = []
    for member in members:
        first = first_alike.setdefault((member.account_id, member.digest_sent_at), member)
        pairs.append((member, first.pk))
    sections = {member.pk: {kind: DigestSection() for kind in NEWS} for member in first_alike.values()}
    news = query_news(Q(account__members__in=list(sections)), since=F("account__members__digest_sent_at"), until=until)
    for kind, rows in news.items():
        with_member = rows.annotate(member=F("account__members"))
        path = "" if rows.model in (PhoneNumber, Campaign) else "number__"
        counted_field = "pk" if rows.model is DeskRequest else f"{path}pk"
        counted = with_member.order_by().values("member").annotate(total=Count(counted_field, distinct=True))
        for pk, total in counted.values_list("member", "total"):
            sections[pk][kind].total = total
        place = Window(DenseRank(), partition_by=F("member"), order_by=_get_order(rows.model, path))
        listed = with_member.annotate(place=place).filter(place__lte=MAX_LISTED).order_by("member", "place", "pk")
        for row in listed.select_related(*_RELATED[rows.model]):
            _add_line(sections[row.member][kind], row, until)
    _add_reasons([section["at_risk"] for section in sections.values()], until)
    return [(member, sections[first_pk]) for member, first_pk in pairs]


def _get_order(model: type, path: str) -> list[OrderBy]:
    if model is DeskRequest:
        return [F("due_at").asc(nulls_last=True), F("pk").asc()]
    return [F("name" if model is Campaign else f"{path}e164").asc()]


def _add_line(section: DigestSection, row: Tag | Case | PhoneNumber | DeskRequest | Campaign, now: datetime) -> None:
    if isinstance(row, Campaign):
        section.lines[row.pk] = CampaignLine(get_counted_share(row), mail.build_url("campaign", row.pk))
        return
    number = row if isinstance(row, PhoneNumber) else row.number
    key = row.pk if isinstance(row, DeskRequest) else number.pk
    line = section.lines.setdefault(key, DigestLine(number, _get_row_url(row)))
    if isinstance(line, DigestLine) and isinstance(row, DeskRequest):
        line.to_do = describe_turn(row, now, is_still_seen=False).sentence
    if isinstance(line, DigestLine) and isinstance(row, Tag) and row.engine.name not in line.engines:
        line.engines.append(row.engine.name)


def _add_reasons(sections: Sequence[DigestSection], now: datetime) -> None:
    """Add to each line why its number is at risk; two queries for all."""
    signs = get_signs({pk for section in sections for pk in section.lines}, now)
    for section in sections:
        for pk, line in section.lines.items():
            if isinstance(line, DigestLine):
                line.reason = "; ".join(sign.sentence for sign in signs[pk])


def _get_row_url(row: Tag | Case | PhoneNumber | DeskRequest) -> str:
    if isinstance(row, DeskRequest):
        return mail.build_url("case", row.case_id)
    if isinstance(row, Case):
        return mail.build_url("case", row.pk)
    return mail.build_url("number", row.pk if isinstance(row, PhoneNumber) else row.number_id)
