"""Mail about spam tags to the members who want it: what is new since the last mail.

`Member.digest_sent_at` is the moment up to which a member was told. It moves on in the transaction that puts the mail
into the outbox, so that nobody is told twice, and nothing is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from portal import mail
from portal.jobs.claims import RELEASED, claim
from portal.models import Member, OutgoingMail
from portal.text import pluralize
from reputation.notifications.digest_news import DigestSection, build_sections, query_news
from reputation.remediation import ticket
from reputation.service_clock import days

KIND = mail.MailKind("digest", "Digest about spam tags")
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

    def write(self, now: datetime) -> list[OutgoingMail]:
        """The mail to the member, with times in the account's time zone."""
        context = {
            "digest": self,
            "table": mail.build_url("number-reputation"),
            "campaigns": mail.build_url("campaigns"),
            "preferences": mail.build_url("preferences"),
        }
        message = mail.Message(self.subject, "reputation/mails/digest.txt", context, to=[self.member.user.email])
        with timezone.override(ZoneInfo(self.member.account.time_zone)):
            return mail.write_rows(message, kind=KIND.code, now=now)


def get_due_members(now: datetime) -> QuerySet[Member]:
    """Members who want mail, may get one now, and for whom there is news."""
    until = get_cutoff(now)
    wants = Q(digest=Member.Digest.AT_ONCE) | Q(digest=Member.Digest.DAILY, digest_sent_at__lte=until - days(1))
    news = query_news(Q(account=OuterRef("account")), since=OuterRef("digest_sent_at"), until=until)
    has_news = Q()
    for rows in news.values():
        has_news |= Q(Exists(rows))
    return Member.objects.filter(wants, has_news, user__is_active=True)


def enqueue_digests(*, now: datetime) -> int:
    """Put the digests of up to CHUNK_SIZE members into the outbox; return of how many.

    A member is told up to the new moment if and only if their mail is in the outbox.
    """
    token, ids = claim(get_due_members(now), now=now, limit=CHUNK_SIZE, order_by="pk", attempts="")
    if not ids:
        return 0
    claimed, until = Member.objects.filter(pk__in=ids, lease_token=token), get_cutoff(now)
    try:
        members = claimed.select_related("user", "account").order_by("pk")
        # Written before the transaction, since it takes long.
        mails = {
            member.pk: Digest(member, **sections).write(now)
            for member, sections in build_sections(members, until=until)
        }
        with transaction.atomic():
            # Members that another worker has taken over meanwhile keep their moment, and are not told here.
            held = list(claimed.select_for_update().order_by("pk").values_list("pk", flat=True))
            mail.enqueue_rows([row for pk in held for row in mails[pk]])
            claimed.update(digest_sent_at=until)
    finally:
        claimed.update(**RELEASED)
    return len(ids)
