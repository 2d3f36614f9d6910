"""The audit trail as a page shows it: filtered, newest first, from one event to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from portal.audit.labels import KINDS, codes_of
from portal.db import keyset
from portal.db.keyset import number
from portal.models import Account, AuditEvent
from portal.phone.numbers import searched_digits

# Besides the id of a member's user, `who` may be one of these.
NOT_MEMBERS = {
    "service": "The service, by itself",
    "administration": "Reviewers, in the administration",
    "api": "Other systems, by the API",
}


@dataclass(frozen=True)
class TrailFilter:
    """Empty fields do not filter. `kind` is of KINDS, `who` a user's id or of NOT_MEMBERS, `q` a part of a subject."""

    kind: str = ""
    who: str = ""
    q: str = ""

    @classmethod
    def read(cls, params: Mapping[str, str]) -> TrailFilter:
        """Takes what makes sense of the query string and leaves out the rest."""
        kind, who = params.get("kind", ""), params.get("who", "")
        return cls(
            kind=kind if kind in KINDS else "",
            who=who if who in NOT_MEMBERS or number(who) else "",
            q=params.get("q", "").replace("\x00", "").strip()[:80],
        )

    def apply(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        if self.kind:
            events = events.filter(what__in=codes_of(self.kind))
        if self.who == "service":
            events = events.filter(actor__isnull=True).exclude(via="api")
        elif self.who == "administration":
            events = events.filter(via="admin")
        elif self.who == "api":
            events = events.filter(via="api")
        elif self.who:
            events = events.filter(actor=int(self.who))
        if self.q:
            found = Q(subject_label__icontains=self.q)
            if digits := searched_digits(self.q):
                found |= Q(subject_label__contains=digits)
            events = events.filter(found)
        return events

    @property
    def is_empty(self) -> bool:
        return self == TrailFilter()


@dataclass(frozen=True)
class Page:
    """Events newest first, with the ids to go on from: `older` for `before=`, `newer` for `after=` (0: none)."""

    events: list[AuditEvent]
    filter: TrailFilter
    older: int
    newer: int


def read(params: Mapping[str, str], *, account: Account) -> Page:
    """The page that the query string asks for; one query, by key, so that old pages cost what the first costs."""
    chosen = TrailFilter.read(params)
    events = chosen.apply(AuditEvent.objects.for_account(account)).select_related("actor", "api_key")
    page = keyset.read(events, params)
    return Page(events=page.rows, filter=chosen, older=page.older, newer=page.newer)
