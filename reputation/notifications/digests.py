"""Mail about spam tags to the members who want it: what is new since the last mail.

`Member.digest_sent_at` is the moment up to which a member was told. Workers claim a chunk of members, and move this
moment on before they hand the mails in, so that nobody is told twice. Members who could not be told get it back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPDataError, SMTPRecipientsRefused
from zoneinfo import ZoneInfo

from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from portal import mail
from portal.jobs.claims import LEASE_DURATION, RELEASED, claim
from portal.models import Member
from portal.text import pluralize
from reputation.notifications.digest_news import DigestSection, build_sections, query_news
from reputation.remediation import ticket
from reputation.service_clock import days

logger = logging.getLogger(__name__)

CHUNK_SIZE = 50


def get_cutoff(now: datetime) -> datetime:
    """The moment up to which all news is known.

    A task may store a label a little later than the time it gives the label, but not longer than a task may last (two
    minutes). So the newest news is left for the next digest, or it would be missed.
    """
    return now - min(timedelta(minutes=3), days(0.05))


@dataclass
class Digest:
    member: Member
    tagged: DigestSection
    cleared: DigestSection
    failed: DigestSection
    undecided: DigestSection
    at_risk: DigestSection
    skipped: DigestSection
    requests: DigestSection

    @property
    def subject(self) -> str:
        """Cascade Solar LLC: 3 numbers tagged, 2 cleared, 1 needs a support ticket."""
        needs = "needs" if self.failed.total == 1 else "need"
        counts = (
            (self.tagged.total, "tagged"),
            (self.cleared.total, "cleared"),
            (self.failed.total, f"{needs} a support ticket" if ticket.is_offered() else "not cleared"),
            (self.undecided.total, "awaiting your decision"),
            (self.at_risk.total, "at risk"),
        )
        parts = [f"{total:,} {words}" for total, words in counts if total]
        if first := next((total for total, _ in counts if total), 0):
            parts[0] = parts[0].replace(" ", " number " if first == 1 else " numbers ", 1)
        if self.skipped.total:
            parts.append(f"{pluralize(self.skipped.total, 'campaign')} with many numbers skipped")
        if waiting := self.requests.total:
            parts.append(f"{pluralize(waiting, 'request')} to desks {'waits' if waiting == 1 else 'wait'} for you")
        return f"{self.member.account.name}: {', '.join(parts)}"

    def send(self, connection: BaseEmailBackend) -> None:
        context = {
            "digest": self,
            "table": mail.build_url("number-reputation"),
            "campaigns": mail.build_url("campaigns"),
            "preferences": mail.build_url("preferences"),
        }
        message = mail.Message(self.subject, "reputation/mails/digest.txt", context, to=[self.member.user.email])
        with timezone.override(ZoneInfo(self.member.account.time_zone)):
            mail.send(message, connection=connection)


def get_due_members(now: datetime) -> QuerySet[Member]:
    """Members who want mail, may get one now, and for whom there is news."""
    until = get_cutoff(now)
    wants = Q(digest=Member.Digest.AT_ONCE) | Q(digest=Member.Digest.DAILY, digest_sent_at__lte=until - days(1))
    news = query_news(Q(account=OuterRef("account")), since=OuterRef("digest_sent_at"), until=until)
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
        members = claimed.select_related("user", "account").order_by("pk")
        digests = [Digest(member, **sections) for member, sections in build_sections(members, until=until)]
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
