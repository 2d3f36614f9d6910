"""Mail about spam tags to members who want it: what was newly tagged, what was cleared, and what failed since the last.

`Member.digest_sent_at` is the moment up to which a member has been told. A chunk of members is claimed by moving it on
before the mails are handed in, so that two workers never tell anybody twice; who could not be told gets it back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from smtplib import SMTPDataError, SMTPRecipientsRefused
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core import mail
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import DenseRank
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from portal.accounts.passwords import AUTO_GENERATED_HEADERS, one_line
from portal.models import Member
from reputation.models import Case, PhoneNumber, Tag
from reputation.service_clock import days

logger = logging.getLogger(__name__)

CHUNK_SIZE = 50
MAX_LISTED = 50


def get_cutoff(now: datetime) -> datetime:
    """Up to when everything is known. A task may note a label a little after the moment that it gives it (never longer
    than its lease lasts), so what is that new is left for the next digest, or it would be missed."""
    return now - min(timedelta(minutes=3), days(0.05))


@dataclass
class DigestLine:
    """A number in a mail: who labelled it, and the page to look at."""

    number: PhoneNumber
    url: str
    engines: list[str] = field(default_factory=list)


@dataclass
class DigestSection:
    """The first LISTED numbers of one kind of news, and how many there are in all."""

    total: int = 0
    lines: dict[int, DigestLine] = field(default_factory=dict)

    @property
    def more(self) -> int:
        return self.total - len(self.lines)


@dataclass
class Digest:
    member: Member
    tagged: DigestSection
    cleared: DigestSection
    failed: DigestSection

    @property
    def subject(self) -> str:
        """Cascade Solar LLC: 3 numbers tagged, 2 cleared, 1 needs a support ticket."""
        needs = "needs" if self.failed.total == 1 else "need"
        said = (
            (self.tagged.total, "tagged"),
            (self.cleared.total, "cleared"),
            (self.failed.total, f"{needs} a support ticket"),
        )
        parts = [f"{total:,} {words}" for total, words in said if total]
        first = next(total for total, _ in said if total)
        parts[0] = parts[0].replace(" ", " number " if first == 1 else " numbers ", 1)
        return one_line(f"{self.member.account.name}: {', '.join(parts)}")

    def body(self) -> str:
        context = {
            "digest": self,
            "table": _get_absolute_url("number-reputation"),
            "preferences": _get_absolute_url("preferences"),
        }
        with timezone.override(ZoneInfo(self.member.account.time_zone)):
            return render_to_string("reputation/digest.txt", context)


def get_due_members(now: datetime) -> QuerySet[Member]:
    """Members who want mail, may get one at this time, and have something to be told."""
    until = get_cutoff(now)
    wants = Q(digest=Member.Digest.AT_ONCE) | Q(digest=Member.Digest.DAILY, digest_sent_at__lte=until - days(1))
    news = _query_news(Q(account=OuterRef("account")), since=OuterRef("digest_sent_at"), until=until)
    something = Q()
    for rows in news.values():
        something |= Exists(rows)
    return Member.objects.filter(wants, something, user__is_active=True)


def send_digests(*, now: datetime, beyond: int = 0) -> tuple[int, int]:
    """Tells up to CHUNK members with ids over `beyond`; returns how many were tried and the last of their ids.

    A mail that cannot be handed in leaves its member due. When the mail server cannot be reached, nothing is tried and
    0 returned. Only a process that is killed between claiming and handing in leaves members untold: mail has no
    transactions, and telling twice is worse where the portal shows it all the time.
    """
    if not get_due_members(now).filter(pk__gt=beyond).exists():
        return 0, beyond
    connection = mail.get_connection()
    try:
        connection.open()
    except OSError as error:
        logger.warning("digests: the mail server cannot be reached; they stay due: %s", error)
        return 0, beyond
    try:
        digests = _claim(now=now, beyond=beyond)
        reached = _deliver(digests, connection, until=get_cutoff(now))
    finally:
        connection.close()
    return (len(digests) if reached else 0), max((digest.member.pk for digest in digests), default=beyond)


def _claim(*, now: datetime, beyond: int) -> list[Digest]:
    """The digests of the next members, read first and then claimed: those whom nobody else told meanwhile."""
    until = get_cutoff(now)
    members = get_due_members(now).filter(pk__gt=beyond).select_related("user", "account").order_by("pk")
    digests = _build_digests(list(members[:CHUNK_SIZE]), until=until)
    with transaction.atomic():
        rows = Member.objects.select_for_update().filter(pk__in=[digest.member.pk for digest in digests])
        told_until = dict(rows.order_by("pk").values_list("pk", "digest_sent_at"))
        mine = [digest for digest in digests if told_until.get(digest.member.pk) == digest.member.digest_sent_at]
        Member.objects.filter(pk__in=[digest.member.pk for digest in mine]).update(digest_sent_at=until)
    return mine


def _deliver(digests: list[Digest], connection: Any, *, until: datetime) -> bool:
    """Sends the mails; False if the mail server went away. Whatever happens, who was not told is due again."""
    untold = {digest.member.pk: digest.member for digest in digests}
    try:
        for digest in digests:
            message = mail.EmailMessage(
                digest.subject,
                digest.body(),
                to=[digest.member.user.email],
                connection=connection,
                headers=AUTO_GENERATED_HEADERS,
            )
            try:
                message.send()
            except (SMTPRecipientsRefused, SMTPDataError) as error:
                logger.warning("digests: the mail to member %s was refused; it stays due: %s", digest.member.pk, error)
            except OSError as error:
                logger.warning("digests: the mail server went away; the others stay due: %s", error)
                return False
            else:
                del untold[digest.member.pk]
    finally:
        for member in untold.values():
            Member.objects.filter(pk=member.pk, digest_sent_at=until).update(digest_sent_at=member.digest_sent_at)
    return True


def _query_news(theirs: Q, *, since: Any, until: datetime) -> dict[str, QuerySet]:
    """What there is to tell, by kind: labels that came and stand, numbers that are free of them, and failed cases."""
    return {
        "tagged": Tag.objects.standing().filter(theirs, detected_at__gt=since, detected_at__lte=until),
        "cleared": Tag.objects.filter(
            theirs,
            ~Q(number__spam_status__in=PhoneNumber.TAGGED),
            ended_because=Tag.Ended.CLEARED,
            ended_at__gt=since,
            ended_at__lte=until,
        ),
        "failed": Case.objects.filter(theirs, state=Case.State.FAILED, state_since__gt=since, state_since__lte=until),
    }


def _build_digests(members: Iterable[Member], *, until: datetime) -> list[Digest]:
    """What to tell each of these members; two queries for each kind of news, however many members and numbers.

    Members of an account who were told at the same moment are told the same: it is asked for one of them.
    """
    alike: dict[tuple[int, datetime], Member] = {}
    digests = []
    for member in members:
        first = alike.setdefault((member.account_id, member.digest_sent_at), member)
        digests.append((member, first.pk))
    said = {
        member.pk: {"tagged": DigestSection(), "cleared": DigestSection(), "failed": DigestSection()}
        for member in alike.values()
    }
    news = _query_news(Q(account__members__in=list(said)), since=F("account__members__digest_sent_at"), until=until)
    for kind, rows in news.items():
        of_member = rows.annotate(member=F("account__members"))
        counted = of_member.order_by().values("member").annotate(total=Count("number", distinct=True))
        for pk, total in counted.values_list("member", "total"):
            said[pk][kind].total = total
        place = Window(DenseRank(), partition_by=F("member"), order_by=F("number__e164").asc())
        listed = of_member.annotate(place=place).filter(place__lte=MAX_LISTED).order_by("member", "place", "pk")
        related = ["number"] if rows.model is Case else ["number", "engine"]
        for row in listed.select_related(*related):
            line = said[row.member][kind].lines.setdefault(row.number_id, DigestLine(row.number, _get_row_url(row)))
            if isinstance(row, Tag) and row.engine.name not in line.engines:
                line.engines.append(row.engine.name)
    return [Digest(member, **said[first]) for member, first in digests]


def _get_row_url(row: Tag | Case) -> str:
    return _get_absolute_url("case", row.pk) if isinstance(row, Case) else _get_absolute_url("number", row.number_id)


def _get_absolute_url(name: str, *args: int) -> str:
    return settings.PUBLIC_URL + reverse(name, args=args)
