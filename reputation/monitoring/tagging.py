"""Tags follow from the current checks: a tag begins with a check that tags, and ends when its source finds no label.

How often the source must find none depends on what the label is based on (severity.py:get_clearing_rule).
A source without an answer ends nothing, and a label that one telephone does not show is not gone on another carrier.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import F

from portal import audit
from portal.audit import Context
from portal.db.bulk import insert_rows, update_rows
from portal.db.in_list import in_list
from reputation.models import Check, Tag, Telephone
from reputation.monitoring.check_runs import Seen
from reputation.monitoring.severity import ClearingRule, get_clearing_rule
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
    account_id: int


class _CleanRun(NamedTuple):
    """The columns of a run of calls without a label, current or not."""

    number_id: int
    engine_id: int
    carrier: str
    first_at: datetime
    last_at: datetime
    looks: int


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
    without_label = _find_without_label(seen, active, now)
    if reported := {key for key in without_label & labels.keys() if _has_no_network(active[key])}:
        # No call can find the label where nobody knows the network, so what people reported there ends here.
        _end_reports({number for number, _, _ in reported})
        labels = {key: label for key, label in labels.items() if key not in reported}
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


def _find_without_label(seen: Sequence[Seen], active: Mapping[_Key, _ActiveTag], now: datetime) -> set[_Key]:
    """The active tags whose source found no label as often as it must; two queries, none without such tags."""
    found = {
        (one.number_id, *one.source)
        for one in seen
        if one.effect in (Effect.CLEARS, Effect.RISK) and one.observation.evidence is not Evidence.REPORT
    }
    numbers = {number for number, _, _ in found}
    rules = {
        key: rule
        for key, tag in active.items()
        if key in found or (_has_no_network(tag) and tag.number_id in numbers)
        for rule in (get_clearing_rule(tag.evidence),)
    }
    repeated = [key for key, rule in rules.items() if rule.times > 1]
    runs = _get_clean_runs({number for number, _, _ in repeated})
    networks = _get_networks([active[key] for key in repeated if _has_no_network(active[key])], now)
    proven = set()
    for key in repeated:
        tag = active[key]
        of_number = [run for run in runs if run.number_id == tag.number_id]
        # A label whose network is not known has to be gone from each network with a proven telephone.
        of_tag = (
            [[run for run in of_number if run.carrier == carrier] for carrier in networks[tag.account_id]]
            if _has_no_network(tag)
            else [[run for run in of_number if (run.engine_id, run.carrier) == key[1:]]]
        )
        if of_tag and all(_is_proven(one, tag, rules[key]) for one in of_tag):
            proven.add(key)
    return (rules.keys() - set(repeated)) | proven


def _has_no_network(tag: _ActiveTag) -> bool:
    """Whether the label was reported by people who did not know the network."""
    return tag.evidence == Check.Evidence.REPORT and not tag.carrier


def _end_reports(numbers: Collection[int]) -> None:
    reports = Check.objects.filter(number__in=in_list(numbers), evidence=Check.Evidence.REPORT, carrier="")
    reports.filter(is_current=True).update(is_current=False)


def _get_clean_runs(numbers: Collection[int]) -> list[_CleanRun]:
    checks = Check.objects.filter(number__in=in_list(numbers), effect=Effect.CLEARS, evidence=Check.Evidence.HANDSET)
    return [_CleanRun._make(row) for row in checks.values_list(*_CleanRun._fields)]


def _get_networks(tags: Sequence[_ActiveTag], now: datetime) -> dict[int, set[str]]:
    """The networks on which each account can prove that there is no label."""
    networks: dict[int, set[str]] = {tag.account_id: set() for tag in tags}
    telephones = Telephone.objects.proving_absence(now).filter(account__in=in_list(networks))
    for account, carrier in telephones.values_list("account", "carrier"):
        networks[account].add(carrier)
    return networks


def _is_proven(runs: Sequence[_CleanRun], tag: _ActiveTag, rule: ClearingRule) -> bool:
    """Whether these runs show often enough that the label is gone.

    What was seen before the label, or before somebody reported it again, says nothing about it.
    """
    later = [run for run in runs if tag.last_seen_at is None or run.first_at > tag.last_seen_at]
    if sum(run.looks for run in later) < rule.times:
        return False
    return max(run.last_at for run in later) - min(run.first_at for run in later) >= rule.apart


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
