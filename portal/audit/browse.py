"""The audit trail for a page: filtered, newest first, with keyset pagination. A batch of many events is one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from portal.audit.filters import AuditFilter
from portal.audit.labels import SUBJECT_NOUNS
from portal.db import keyset
from portal.models import Account, AuditBatch, AuditEvent
from portal.text import pluralize


@dataclass(frozen=True)
class AuditLine:
    """An event, or a batch with its newest event. `batch` is the number of a batch of several events, else 0."""

    event: AuditEvent
    count: int = 1
    batch: int = 0

    @property
    def subjects(self) -> str:
        """What the events of a batch are about: 8,019 phone numbers."""
        return pluralize(self.count, SUBJECT_NOUNS.get(self.event.subject_type, "object"))


@dataclass(frozen=True)
class AuditPage:
    """Lines newest first. `older` and `newer` are the ids for `?before=` and `?after=`; 0 if there is none."""

    lines: list[AuditLine]
    filter: AuditFilter
    older: int
    newer: int

    @property
    def events(self) -> list[AuditEvent]:
        return [line.event for line in self.lines]


def get_audit_page(params: Mapping[str, str], *, account: Account) -> AuditPage:
    """Return the page that the query string asks for: one query for single events, two for lines with batches."""
    chosen = AuditFilter.from_params(params)
    events = AuditEvent.objects.for_account(account).with_actors()
    if chosen.lists_single_events:
        page = keyset.paginate(chosen.apply(events), params)
    else:
        batches = AuditBatch.objects.for_account(account).filter(chosen.get_batch_condition("last_event__"))
        batches = batches.select_related(
            *(f"last_event__{name}" for name in ("actor", "identity", "api_key", "personal_text"))
        )
        # Events of releases without batches.
        without_batch = chosen.apply(events).filter(batch__isnull=True)
        page = keyset.paginate_merged({"last_event_id": batches, "pk": without_batch}, params)
    return AuditPage([_build_line(row) for row in page.rows], chosen, page.older, page.newer)


def _build_line(row: AuditEvent | AuditBatch) -> AuditLine:
    if isinstance(row, AuditEvent):
        return AuditLine(row)
    return AuditLine(row.last_event, row.event_count, row.number if row.event_count > 1 else 0)
