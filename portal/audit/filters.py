"""The filters of the audit trail: who, what, when, and which object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Q, QuerySet
from django.db.models.lookups import IContains
from django.utils import timezone
from django.utils.dateparse import parse_date

from portal.audit.labels import EVENT_KINDS, get_event_codes
from portal.db.folding import FoldedAccents, fold_accents
from portal.db.keyset import parse_id
from portal.models import AuditEvent
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
    NON_MEMBER_ACTORS. `since` and `until` are the first and the last day in the current time zone. `q` is part of a
    subject's label, where accents do not matter. `subject` is a type and an id. `batch` is the number of a batch."""

    kind: str = ""
    actor: str = ""
    since: date | None = None
    until: date | None = None
    q: str = ""
    subject: tuple[str, int] | None = None
    batch: int = 0

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> AuditFilter:
        """Read the filter from the query string. Invalid values are ignored."""
        kind, actor = params.get("kind", ""), params.get("who", "")
        batch = params.get("batch", "")
        return cls(
            kind=kind if kind in EVENT_KINDS else "",
            actor=actor if actor in NON_MEMBER_ACTORS or parse_id(actor) else "",
            since=_parse_day(params.get("from", "")),
            until=_parse_day(params.get("until", "")),
            q=params.get("q", "").replace("\x00", "").strip()[:MAX_SEARCH_LENGTH],
            subject=_parse_subject(params.get("object", "")),
            # Numbers of batches have 19 digits, and fit into 63 bits.
            batch=int(batch) if batch.isdecimal() and len(batch) < 20 and int(batch) < 2**63 else 0,
        )

    @property
    def lists_single_events(self) -> bool:
        """Whether the events of a batch are listed one by one, because the filter chooses among them."""
        return bool(self.q or self.subject or self.batch)

    @property
    def subject_key(self) -> str:
        """The object in a query string: phonenumber:12; empty if none was chosen."""
        return f"{self.subject[0]}:{self.subject[1]}" if self.subject else ""

    @property
    def is_empty(self) -> bool:
        return self == AuditFilter()

    def get_batch_condition(self, prefix: str = "") -> Q:
        """What all events of a batch have in common: kind, actor and time. `prefix` leads to the event."""
        conditions: dict[str, object] = {}
        if self.kind:
            conditions[f"{prefix}code__in"] = get_event_codes(self.kind)
        if self.since:
            conditions[f"{prefix}at__gte"] = _begin(self.since)
        if self.until:
            conditions[f"{prefix}at__lt"] = _begin(self.until + timedelta(days=1))
        if self.actor in ("administration", "api"):
            conditions[f"{prefix}via"] = "admin" if self.actor == "administration" else "api"
        elif self.actor == "service":
            return Q(**conditions, **{f"{prefix}actor__isnull": True}) & ~Q(**{f"{prefix}via": "api"})
        elif self.actor:
            conditions[f"{prefix}actor"] = int(self.actor)
        return Q(**conditions)

    def apply(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        events = events.filter(self.get_batch_condition())
        if self.batch:
            events = events.filter(batch=self.batch)
        if self.subject:
            events = events.filter(subject_type=self.subject[0], subject_id=self.subject[1])
        if self.q:
            text = fold_accents(self.q)
            matches = Q(IContains(FoldedAccents("subject_label"), text))
            matches |= Q(IContains(FoldedAccents("personal_text__label"), text))
            if wanted := read_number_search(self.q):
                matches |= wanted.as_condition("subject_label")
            events = events.filter(matches)
        return events


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())


def _parse_day(text: str) -> date | None:
    """A day as YYYY-MM-DD. The first and the last years are left out: another time zone may lie beyond them."""
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return day if day and 1 < day.year < 9999 else None


def _parse_subject(text: str) -> tuple[str, int] | None:
    """A type and an id, as in phonenumber:12."""
    kind, _, pk = text.partition(":")
    return (kind, parse_id(pk)) if kind.isascii() and kind.isalpha() and len(kind) <= 20 and parse_id(pk) else None
