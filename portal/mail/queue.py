"""What operators see of the outbox, and what they can do: counts, the age of late mails, another attempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet

from portal.jobs.runner import enqueue
from portal.mail import server
from portal.mail.outbox import SEND_TASK
from portal.models import MailServer, OutgoingMail

State = OutgoingMail.State


@dataclass(frozen=True)
class QueueSummary:
    """Four queries. `oldest_due_at` is when the mail that is late for longest was due; None if none is due."""

    waiting_count: int
    unsent_count: int
    oldest_due_at: datetime | None
    server: MailServer


def get_summary(now: datetime) -> QueueSummary:
    counts = Counter(dict(OutgoingMail.objects.exclude(state=State.SENT).values_list("state").annotate(Count("pk"))))
    return QueueSummary(
        waiting_count=counts[State.WAITING],
        unsent_count=counts[State.REFUSED] + counts[State.GIVEN_UP],
        oldest_due_at=get_oldest_due_at(now),
        server=server.get_server(),
    )


def get_oldest_due_at(now: datetime) -> datetime | None:
    """When the mail that is due for longest was due. None if none is due.

    A mail that is tried later is not due before. If mails wait for the mail server, they do so since it failed.
    """
    due_at = OutgoingMail.objects.due(now).order_by("due_at").values_list("due_at", flat=True).first()
    return due_at and get_waiting_since(due_at)


def get_waiting_since(due_at: datetime) -> datetime:
    """Since when a mail waits that is due since `due_at`.

    The mail of which the server said that it takes none goes behind the others. So the server's failure counts, too.
    """
    failing_since = server.get_server().failing_since
    return min(due_at, failing_since) if failing_since else due_at


def retry(mails: QuerySet[OutgoingMail], now: datetime) -> int:
    """Send these mails as soon as possible, except those that are sent; return how many.

    Mails that were refused or given up get as many attempts as new ones. A pause of the mail server ends.
    """
    count = mails.exclude(state=State.SENT).update(
        state=State.WAITING, due_at=now, attempts=0, ended_at=None, last_error=""
    )
    if count:
        server.end_pause()
        enqueue(SEND_TASK)
    return count


def get_states(kind: str, references: Iterable[str]) -> dict[str, set[str]]:
    """The states of the mails about these rows, by the row's reference; one query. Sent mails are deleted in time."""
    states: dict[str, set[str]] = {}
    rows = OutgoingMail.objects.filter(kind=kind, reference__in=list(references)).values_list("reference", "state")
    for reference, state in rows:
        states.setdefault(reference, set()).add(state)
    return states
