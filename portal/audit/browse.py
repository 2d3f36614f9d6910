"""The audit trail for a page: filtered, newest first, with keyset pagination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.db.models.lookups import IContains

from portal.audit.labels import EVENT_KINDS, get_event_codes
from portal.db import keyset
from portal.db.folding import FoldedAccents, fold_accents
from portal.db.keyset import parse_id
from portal.models import Account, AuditEvent
from portal.phone.search import MAX_SEARCH_LENGTH, read_number_search

# Values of the parameter `who` other than the id of a member's user.
NON_MEMBER_ACTORS = {
    "service": "The service",
    "administration": "Staff, in the administration",
    "api": "Other systems, by the API",
}


@dataclass(frozen=True)
class AuditFilter:
    """Empty fields do not filter. `kind` is a key of EVENT_KINDS. `actor` is the id of a user or a key of
    NON_MEMBER_ACTORS. `q` is part of a subject's label, where accents do not matter."""

    kind: str = ""
    actor: str = ""
    q: str = ""

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> AuditFilter:
        """Read the filter from the query string. Invalid values are ignored."""
        kind, actor = params.get("kind", ""), params.get("who", "")
        return cls(
            kind=kind if kind in EVENT_KINDS else "",
            actor=actor if actor in NON_MEMBER_ACTORS or parse_id(actor) else "",
            q=params.get("q", "").replace("\x00", "").strip()[:MAX_SEARCH_LENGTH],
        )

    def apply(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        if self.kind:
            events = events.filter(code__in=get_event_codes(self.kind))
        if self.actor == "service":
            events = events.filter(actor__isnull=True).exclude(via="api")
        elif self.actor == "administration":
            events = events.filter(via="admin")
        elif self.actor == "api":
            events = events.filter(via="api")
        elif self.actor:
            events = events.filter(actor=int(self.actor))
        if self.q:
            matches = Q(IContains(FoldedAccents("subject_label"), fold_accents(self.q)))
            if wanted := read_number_search(self.q):
                matches |= wanted.as_condition("subject_label")
            events = events.filter(matches)
        return events

    @property
    def is_empty(self) -> bool:
        return self == AuditFilter()


@dataclass(frozen=True)
class AuditPage:
    """Events newest first. `older` and `newer` are the ids for `?before=` and `?after=`; 0 if there is none."""

    events: list[AuditEvent]
    filter: AuditFilter
    older: int
    newer: int


def get_audit_page(params: Mapping[str, str], *, account: Account) -> AuditPage:
    """Return the page that the query string asks for, in one query."""
    chosen = AuditFilter.from_params(params)
    events = chosen.apply(AuditEvent.objects.for_account(account).with_actors())
    page = keyset.paginate(events, params)
    return AuditPage(events=page.rows, filter=chosen, older=page.older, newer=page.newer)
