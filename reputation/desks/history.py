"""What was written and replied about a request, newest first, with that of the requests before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from reputation.models import DeskLetter, DeskReply, DeskRequest


@dataclass(frozen=True)
class HistoryEntry:
    """A letter or a reply. One of the two is set."""

    at: datetime
    letter: DeskLetter | None = None
    reply: DeskReply | None = None


def get_history(request: DeskRequest) -> list[HistoryEntry]:
    """The letters and replies of the number at the desk. Two queries."""
    of_number = Q(requests__number=request.number_id, requests__desk=request.desk_id)
    answers = Q(answers__requests__number=request.number_id, answers__requests__desk=request.desk_id)
    letters = (
        DeskLetter.objects.for_account(request.account_id)
        .filter(of_number | answers)
        .defer("file_content")
        .select_related("sent_by")
        .distinct()
    )
    replies = (
        DeskReply.objects.for_account(request.account_id).filter(of_number).select_related("recorded_by").distinct()
    )
    entries = [
        *(HistoryEntry(letter.sent_at, letter=letter) for letter in letters),
        *(HistoryEntry(reply.received_at, reply=reply) for reply in replies),
    ]
    # People note to the minute when a reply came, which is after the letter of that minute.
    return sorted(
        entries, key=lambda entry: (entry.at.replace(second=0, microsecond=0), entry.reply is not None), reverse=True
    )
