"""Tags follow from the current checks: a tag begins with a check that tags, and ends when its source finds no label.

How often the source must find none depends on what the label is based on (severity.py:get_clearing_rule).
A source without an answer ends nothing, and a label that one telephone does not show is not gone on another carrier.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import F

from portal import audit
from portal.audit import Context
from portal.db.bulk import insert_rows, update_rows
from portal.db.in_list import in_list
from reputation.models import Check, Tag
from reputation.monitoring.check_runs import Seen
from reputation.monitoring.severity import get_clearing_rule
from reputation.providers.protocol import Evidence
from reputation.remediation import clearing

Effect = Check.Effect
# Number id, engine id and carrier.
_Key = tuple[int, int, str]


class _Label(NamedTuple):
    """The columns of a current check that tags its number."""

    number_id: int
    engine_id: int
    carrier: str
    account_id: int
    label: str
    severity: str
    evidence: str
    last_at: datetime
    raw_response: Any


class _ActiveTag(NamedTuple):
    pk: int
    number_id: int
    engine_id: int
    carrier: str
    evidence: str
    last_seen_at: datetime | None


def update_tags(
    ids: Sequence[int], seen: Sequence[Seen], settled: Collection[int], *, now: datetime
) -> tuple[list[int], list[int]]:
    """Begins and ends the tags of these numbers; returns the number id of each tag that began, and that ended.

    `seen` is what was observed now. `settled` are the numbers whose app lists may have changed their effect.
    """
    checks = Check.objects.filter(number__in=in_list(ids), is_current=True, effect=Effect.TAGS)
    labels = {row[:3]: row for row in map(_Label._make, checks.values_list(*_Label._fields))}
    tags = Tag.objects.active().filter(number__in=in_list(ids))
    active: dict[_Key, _ActiveTag] = {
        row[1:4]: row for row in map(_ActiveTag._make, tags.values_list(*_ActiveTag._fields))
    }
    without_label = _find_without_label(seen, active)
    ended = [
        tag.pk
        for key, tag in active.items()
        if key not in labels
        and (key in without_label or (tag.evidence == Check.Evidence.APP_LIST and tag.number_id in settled))
    ]
    seen_again = {(one.number_id, *one.source) for one in seen} & active.keys() & labels.keys()
    update_rows(Tag, [{"id": active[key].pk, "last_seen_at": labels[key].last_at} for key in seen_again])
    began = [label for key, label in labels.items() if key not in active]
    _insert_tags(began, now)
    return [label.number_id for label in began], clearing.end_cleared_tags(ended, now=now)


def _find_without_label(seen: Sequence[Seen], active: Mapping[_Key, _ActiveTag]) -> set[_Key]:
    """The active tags whose source found no label as often as it must; one query, none without such tags."""
    found = {}
    for one in seen:
        if one.effect in (Effect.CLEARS, Effect.RISK) and one.observation.evidence is not Evidence.REPORT:
            found[one.number_id, *one.source] = one
    rules = {key: get_clearing_rule(active[key].evidence) for key in found.keys() & active.keys()}
    repeated = {key for key, rule in rules.items() if rule.times > 1}
    runs = Check.objects.filter(
        number__in=in_list({key[0] for key in repeated}), effect=Effect.CLEARS, evidence=Check.Evidence.HANDSET
    )
    times: Counter[_Key] = Counter()
    first_at: dict[_Key, datetime] = {}
    for number, engine, carrier, at, looks in runs.values_list("number", "engine", "carrier", "first_at", "looks"):
        key = (number, engine, carrier)
        # What was seen before the label, or before somebody reported it again, says nothing about it.
        if key in repeated and at > (active[key].last_seen_at or at):
            times[key] += looks
            first_at[key] = min(at, first_at.get(key, at))
    proven = {
        key
        for key in repeated & first_at.keys()
        if times[key] >= rules[key].times and found[key].observed_at - first_at[key] >= rules[key].apart
    }
    return (rules.keys() - repeated) | proven


def _insert_tags(labels: Sequence[_Label], now: datetime) -> None:
    rows = [
        {
            "account_id": label.account_id,
            "number_id": label.number_id,
            "engine_id": label.engine_id,
            "carrier": label.carrier,
            "label": label.label,
            "severity": label.severity,
            "evidence": label.evidence,
            "detected_at": now,
            "last_seen_at": label.last_at,
            "raw_response": label.raw_response,
        }
        for label in labels
    ]
    insert_rows(Tag, rows, ignore_conflicts=True)
    numbers = [label.number_id for label in labels]
    audit.record_changes(
        Tag.objects.active().filter(number__in=in_list(numbers), detected_at=now, case__isnull=True),
        context=Context.system(now),
        code="tag.detected",
        label=F("number__e164"),
        after="label",
        reason=F("engine__name"),
    )
