"""Mail about spam tags to the members who want it: what is new since the last mail.

New are tags, cleared tags, failed cases, numbers about which somebody has to decide, numbers at risk, and requests to
desks with which it is the account's turn.

`Member.digest_sent_at` is the moment up to which a member was told. Workers claim a chunk of members, and move this
moment on before they hand the mails in, so that nobody is told twice. Members who could not be told get it back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from smtplib import SMTPDataError, SMTPRecipientsRefused
from typing import Any
from zoneinfo import ZoneInfo

from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import DenseRank
from django.utils import timezone

from portal import mail
from portal.jobs.claims import LEASE_DURATION, RELEASED, claim
from portal.models import Member
from portal.text import pluralize
from reputation.desks.your_turn import describe_turn
from reputation.models import Case, DeskRequest, PhoneNumber, Tag
from reputation.service_clock import days

logger = logging.getLogger(__name__)

CHUNK_SIZE = 50
MAX_LISTED = 50
NEWS = ("tagged", "cleared", "failed", "undecided", "at_risk", "requests")
# What is selected with the rows of each kind of news.
_RELATED: dict[type, list[str]] = {
    Tag: ["number", "engine"],
    Case: ["number"],
    PhoneNumber: ["account"],
    DeskRequest: ["number", "desk", "account", "former"],
}


def get_cutoff(now: datetime) -> datetime:
    """The moment up to which all news is known.

    A task may store a label a little later than the time it gives the label, but not longer than its lease lasts. So
    the newest news is left for the next digest, or it would be missed.
    """
    return now - min(timedelta(minutes=3), days(0.05))


@dataclass
class DigestLine:
    """A number in a mail: who labelled it, what to do about it, and the URL of its page."""

    number: PhoneNumber
    url: str
    engines: list[str] = field(default_factory=list)
    to_do: str = ""


@dataclass
class DigestSection:
    """The first MAX_LISTED numbers or requests of one kind of news, and how many there are in all."""

    total: int = 0
    lines: dict[int, DigestLine] = field(default_factory=dict)

    @property
    def remaining(self) -> int:
        return self.total - len(self.lines)


@dataclass
class Digest:
    member: Member
    tagged: DigestSection
    cleared: DigestSection
    failed: DigestSection
    undecided: DigestSection
    at_risk: DigestSection
    requests: DigestSection

    @property
    def subject(self) -> str:
        """Cascade Solar LLC: 3 numbers tagged, 2 cleared, 1 needs a support ticket."""
        needs = "needs" if self.failed.total == 1 else "need"
        counts = (
            (self.tagged.total, "tagged"),
            (self.cleared.total, "cleared"),
            (self.failed.total, f"{needs} a support ticket"),
            (self.undecided.total, "awaiting your decision"),
            (self.at_risk.total, "at risk"),
        )
        parts = [f"{total:,} {words}" for total, words in counts if total]
        if first := next((total for total, _ in counts if total), 0):
            parts[0] = parts[0].replace(" ", " number " if first == 1 else " numbers ", 1)
        if waiting := self.requests.total:
            parts.append(f"{pluralize(waiting, 'request')} to desks {'waits' if waiting == 1 else 'wait'} for you")
        return f"{self.member.account.name}: {', '.join(parts)}"

    def send(self, connection: BaseEmailBackend) -> None:
        context = {
            "digest": self,
            "table": mail.build_url("number-reputation"),
            "preferences": mail.build_url("preferences"),
        }
        message = mail.Message(self.subject, "reputation/mails/digest.txt", context, to=[self.member.user.email])
        with timezone.override(ZoneInfo(self.member.account.time_zone)):
            mail.send(message, connection=connection)


def get_due_members(now: datetime) -> QuerySet[Member]:
    """Members who want mail, may get one now, and for whom there is news."""
    until = get_cutoff(now)
    wants = Q(digest=Member.Digest.AT_ONCE) | Q(digest=Member.Digest.DAILY, digest_sent_at__lte=until - days(1))
    news = _query_news(Q(account=OuterRef("account")), since=OuterRef("digest_sent_at"), until=until)
    has_news = Q()
    for rows in news.values():
        has_news |= Q(Exists(rows))
    return Member.objects.filter(wants, has_news, user__is_active=True)


def send_digests(*, now: datetime, after_id: int = 0) -> tuple[int, int]:
    """Tell up to CHUNK_SIZE members with ids over `after_id`; return how many were tried, and the last of their ids.

    A mail that cannot be handed in leaves its member due. If the mail server cannot be reached, nothing is tried and 0
    returned. Only a process that is killed while it hands mails in leaves members untold: mail has no transactions,
    and telling twice is worse, because the portal shows the news all the time.
    """
    due = get_due_members(now).filter(pk__gt=after_id)
    if not due.exists():
        return 0, after_id
    connection = get_connection()
    try:
        connection.open()
    except OSError as error:
        logger.warning("digests: the mail server cannot be reached; they stay due: %s", error)
        return 0, after_id
    try:
        token, ids = claim(due, now=now, limit=CHUNK_SIZE, order_by="pk", attempts="")
        is_reachable = _send_claimed(ids, token, connection, until=get_cutoff(now)) if ids else True
    finally:
        connection.close()
    return (len(ids) if is_reachable else 0), max(ids, default=after_id)


def _send_claimed(ids: Sequence[int], token: str, connection: BaseEmailBackend, *, until: datetime) -> bool:
    """Tell the claimed members. False if the mail server went away. Members who were not told are due again."""
    claimed = Member.objects.filter(pk__in=ids, lease_token=token)
    untold: dict[int, Member] = {}
    try:
        digests = _build_digests(claimed.select_related("user", "account").order_by("pk"), until=until)
        # Members that another worker has taken over meanwhile keep their moment, and are not told here.
        claimed.update(digest_sent_at=until, lease_until=timezone.now() + LEASE_DURATION)
        held = set(claimed.values_list("pk", flat=True))
        untold = {digest.member.pk: digest.member for digest in digests if digest.member.pk in held}
        return _deliver([digest for digest in digests if digest.member.pk in held], untold, connection)
    finally:
        for member in untold.values():
            claimed.filter(pk=member.pk).update(digest_sent_at=member.digest_sent_at)
        claimed.update(**RELEASED)


def _deliver(digests: Iterable[Digest], untold: dict[int, Member], connection: BaseEmailBackend) -> bool:
    """Hand the mails in, and take the members who were told out of `untold`. False if the mail server went away."""
    for digest in digests:
        try:
            digest.send(connection)
        except (SMTPRecipientsRefused, SMTPDataError) as error:
            logger.warning("digests: the mail to member %s was refused; it stays due: %s", digest.member.pk, error)
        except OSError as error:
            logger.warning("digests: the mail server went away; the others stay due: %s", error)
            return False
        else:
            del untold[digest.member.pk]
    return True


def _query_news(accounts: Q, *, since: Any, until: datetime) -> dict[str, QuerySet]:
    """The news by kind: labels that were detected and remain, numbers that are clean again, failed cases without a
    ticket, numbers that were labelled when last seen and not monitored for so long that somebody has to decide,
    numbers that are at risk of a label, and requests to desks with which it is the account's turn now."""
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
            accounts, spam_status=PhoneNumber.SpamStatus.AT_RISK, at_risk_since__gt=since, at_risk_since__lte=until
        ),
        "requests": DeskRequest.objects.your_turn(until).filter(
            accounts,
            Q(state_since__gt=since, state_since__lte=until) | Q(not_before__gt=since, not_before__lte=until),
        ),
    }


def _build_digests(members: Iterable[Member], *, until: datetime) -> list[Digest]:
    """The digest of each of these members: two queries for each kind of news, however many members and numbers.

    Members of an account who were told up to the same moment get the same news, which is queried for the first of them.
    """
    first_alike: dict[tuple[int, datetime], Member] = {}
    pairs = []
    for member in members:
        first = first_alike.setdefault((member.account_id, member.digest_sent_at), member)
        pairs.append((member, first.pk))
    sections = {member.pk: {kind: DigestSection() for kind in NEWS} for member in first_alike.values()}
    news = _query_news(Q(account__members__in=list(sections)), since=F("account__members__digest_sent_at"), until=until)
    for kind, rows in news.items():
        with_member = rows.annotate(member=F("account__members"))
        path = "" if rows.model is PhoneNumber else "number__"
        counted_field = "pk" if rows.model is DeskRequest else f"{path}pk"
        counted = with_member.order_by().values("member").annotate(total=Count(counted_field, distinct=True))
        for pk, total in counted.values_list("member", "total"):
            sections[pk][kind].total = total
        order = (
            [F("due_at").asc(nulls_last=True), F("pk").asc()] if rows.model is DeskRequest else F(f"{path}e164").asc()
        )
        place = Window(DenseRank(), partition_by=F("member"), order_by=order)
        listed = with_member.annotate(place=place).filter(place__lte=MAX_LISTED).order_by("member", "place", "pk")
        for row in listed.select_related(*_RELATED[rows.model]):
            lines = sections[row.member][kind].lines
            number = row if isinstance(row, PhoneNumber) else row.number
            key = row.pk if isinstance(row, DeskRequest) else number.pk
            line = lines.setdefault(key, DigestLine(number, _get_row_url(row)))
            if isinstance(row, DeskRequest):
                line.to_do = describe_turn(row, until, is_still_seen=False).sentence
            if isinstance(row, Tag) and row.engine.name not in line.engines:
                line.engines.append(row.engine.name)
    return [Digest(member, **sections[first_pk]) for member, first_pk in pairs]


def _get_row_url(row: Tag | Case | PhoneNumber | DeskRequest) -> str:
    if isinstance(row, DeskRequest):
        return mail.build_url("case", row.case_id)
    if isinstance(row, Case):
        return mail.build_url("case", row.pk)
    return mail.build_url("number", row.pk if isinstance(row, PhoneNumber) else row.number_id)
