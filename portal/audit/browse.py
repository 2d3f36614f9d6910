"""The audit trail as a page shows it: filtered, newest first, from one event to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from portal.audit.labels import EVENT_KINDS, get_event_codes
from portal.db import keyset
from portal.db.keyset import parse_id
from portal.models import Account, AuditEvent
from portal.phone.numbers import get_search_digits

# Besides the id of a member's user, `who` may be one of these.
NON_MEMBER_ACTORS = {
    "service": "The service, by itself",
    "administration": "Reviewers, in the administration",
    "api": "Other systems, by the API",
}


@dataclass(frozen=True)
class AuditFilter:
    """Empty fields do not filter. `kind` is of KINDS, `who` a user's id or of NOT_MEMBERS, `q` a part of a subject."""

    kind: str = ""
    who: str = ""
    q: str = ""

    @classmethod
    def read(cls, params: Mapping[str, str]) -> AuditFilter:
        """Takes what makes sense of the query string and leaves out the rest."""
        kind, who = params.get("kind", ""), params.get("who", "")
        return cls(
            kind=kind if kind in EVENT_KINDS else "",
            who=who if who in NON_MEMBER_ACTORS or parse_id(who) else "",
            q=params.get("q", "").replace("\x00", "").strip()[:80],
        )

    def apply(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        if self.kind:
            events = events.filter(what__in=get_event_codes(self.kind))
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
            if digits := get_search_digits(self.q):
                found |= Q(subject_label__contains=digits)
            events = events.filter(found)
        return events

    @property
    def is_empty(self) -> bool:
        return self == AuditFilter()


@dataclass(frozen=True)
class AuditPage:
    """Events newest first, with the ids to go on from: `older` for `before=`, `newer` for `after=` (0: none)."""

    events: list[AuditEvent]
    filter: AuditFilter
    older: int
    newer: int


def get_audit_page(params: Mapping[str, str], *, account: Account) -> AuditPage:
    """The page that the query string asks for; one query, by key, so that old pages cost what the first costs."""
    chosen = AuditFilter.read(params)
    events = chosen.apply(AuditEvent.objects.for_account(account)).select_related("actor", "api_key")
    page = keyset.paginate(events, params)
    return AuditPage(events=page.rows, filter=chosen, older=page.older, newer=page.newer)
