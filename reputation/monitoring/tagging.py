"""Tags follow from the current checks: a tag begins with a check that tags, and ends when its source finds no label.

How often the source must find none depends on what the label is based on (severity.py:get_clearing_rule).
A source without an answer ends nothing, and a label that one telephone does not show is not gone on another network.
Which network a label was seen on is known from the telephone, and which engine only from a table that may change. So
calls end a label by its network (portal/phone/networks.py), whatever engine they are counted for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import F, Value

from portal import audit
from portal.audit import Context
from portal.db.bulk import insert_from, update_rows
from portal.db.in_list import in_list
from portal.phone.networks import get_network_key
from reputation.models import Check, PhoneNumber, Tag, Telephone
from reputation.monitoring.check_runs import Seen
from reputation.monitoring.severity import ClearingRule, get_clearing_rule
from reputation.providers.protocol import Evidence
from reputation.remediation import clearing

Effect = Check.Effect
# Number id, engine id and carrier.
_Key = tuple[int, int, str]
# What people saw on telephones.
_SEEN_BY_PEOPLE = (Check.Evidence.HANDSET, Check.Evidence.REPORT)


class _Label(NamedTuple):
    """The columns of a current check that tags its number."""

    number_id: int
    engine_id: int
    carrier: str
    pk: int
    evidence: str


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
    if elsewhere := {key for key in without_label & labels.keys() if labels[key].evidence in _SEEN_BY_PEOPLE}:
        # The calls without the label are checks of another source, so what showed it ends here.
        _end_checks(elsewhere)
        labels = {key: label for key, label in labels.items() if key not in elsewhere}
    ended = [
        tag.pk
        for key, tag in active.items()
        if key not in labels
        and (key in without_label or (tag.evidence == Check.Evidence.APP_LIST and tag.number_id in settled))
    ]
    known = active.keys() & labels.keys()
    seen_again = {key for one in seen if (key := (one.number_id, *one.source)) in known}
    checks_again = Check.objects.filter(pk__in=in_list(labels[key].pk for key in seen_again))
    last_at = dict(checks_again.values_list("pk", "last_at"))
    update_rows(Tag, [{"id": active[key].pk, "last_seen_at": last_at[labels[key].pk]} for key in seen_again])
    began = [label for key, label in labels.items() if key not in active]
    _insert_tags(began, now)
    return [label.number_id for label in began], clearing.end_cleared_tags(ended, now=now)


def _find_without_label(seen: Sequence[Seen], active: Mapping[_Key, _ActiveTag], now: datetime) -> set[_Key]:
    """The active tags whose source found no label as often as it must; two queries, none without such tags."""
    tagged = {number for number, _engine, _carrier in active}
    seen = [one for one in seen if one.number_id in tagged]
    without = [
        one
        for one in seen
        if one.effect in (Effect.CLEARS, Effect.RISK) and one.observation.evidence is not Evidence.REPORT
    ]
    found = {(one.number_id, *one.source) for one in without}
    called = {one.number_id for one in without if one.observation.evidence is Evidence.HANDSET}
    rules = {
        key: rule
        for key, tag in active.items()
        if key in found or (tag.evidence in _SEEN_BY_PEOPLE and tag.number_id in called)
        for rule in (get_clearing_rule(tag.evidence),)
    }
    repeated = [key for key, rule in rules.items() if rule.times > 1]
    runs = _get_clean_runs({number for number, _, _ in repeated})
    networks = _get_networks([active[key] for key in repeated if _has_no_network(active[key])], now)
    shown = {(one.number_id, *one.source) for one in seen if one.effect == Effect.TAGS}
    proven = {
        key
        for key in repeated
        if key not in shown and _is_gone(active[key], runs, networks.get(active[key].account_id, ()), rules[key])
    }
    return (rules.keys() - set(repeated)) | proven


def is_gone_since(number: int, network: str, seen_at: datetime, now: datetime) -> bool:
    """Whether calls show that a label is gone which a person saw then on this network (empty: not known)."""
    evidence = Check.Evidence.REPORT
    account = PhoneNumber.objects.values_list("account", flat=True).get(pk=number)
    tag = _ActiveTag(0, number, 0, network, evidence, seen_at, account)
    networks = () if network else _get_networks([tag], now)[account]
    return _is_gone(tag, _get_clean_runs([number]), networks, get_clearing_rule(evidence))


def _is_gone(tag: _ActiveTag, runs: Sequence[_CleanRun], networks: Collection[str], rule: ClearingRule) -> bool:
    """Whether calls show that the label is gone from its network.

    If that is not known, it has to be gone from each of `networks`, those with a proven telephone.
    """
    wanted = {get_network_key(name) for name in (networks if _has_no_network(tag) else [tag.carrier])}
    of_number = [run for run in runs if run.number_id == tag.number_id]
    by_network = [[run for run in of_number if get_network_key(run.carrier) == key] for key in wanted]
    return bool(by_network) and all(_is_proven(of_network, tag, rule) for of_network in by_network)


def _has_no_network(tag: _ActiveTag) -> bool:
    """Whether the label was reported by people who did not know the network."""
    return tag.evidence == Check.Evidence.REPORT and not tag.carrier


def _end_checks(keys: Collection[_Key]) -> None:
    """Ends the current checks of these sources by which people said that there is a label."""
    checks = Check.objects.filter(
        number__in=in_list({number for number, _, _ in keys}), is_current=True, evidence__in=_SEEN_BY_PEOPLE
    )
    rows = checks.values_list("pk", "number", "engine", "carrier")
    ended = [pk for pk, *key in rows if tuple(key) in keys]
    Check.objects.filter(pk__in=in_list(ended)).update(is_current=False)


def _get_clean_runs(numbers: Collection[int]) -> list[_CleanRun]:
    checks = Check.objects.filter(number__in=in_list(numbers), effect=Effect.CLEARS, evidence=Check.Evidence.HANDSET)
    return [_CleanRun._make(row) for row in checks.values_list(*_CleanRun._fields)]


def _get_networks(tags: Sequence[_ActiveTag], now: datetime) -> dict[int, set[str]]:
    """The networks on which each account can prove that there is no label."""
    networks: dict[int, set[str]] = {tag.account_id: set() for tag in tags}
    telephones = Telephone.objects.proving_absence(now).filter(account__in=in_list(networks))
    for account, network in telephones.values_list("account", "network"):
        networks[account].add(network)
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
    insert_from(
        Tag,
        Check.objects.filter(pk__in=in_list([label.pk for label in labels])),
        ignore_conflicts=True,
        account_id="account_id",
        number_id="number_id",
        engine_id="engine_id",
        carrier="carrier",
        label="label",
        severity="severity",
        evidence="evidence",
        detected_at=Value(now),
        end_reason=Value(""),
        last_seen_at="last_at",
        raw_response="raw_response",
    )
    numbers = [label.number_id for label in labels]
    audit.record_changes(
        Tag.objects.active().filter(number__in=in_list(numbers), detected_at=now, case__isnull=True),
        context=Context.system(now),
        code="tag.detected",
        label=F("number__e164"),
        after="label",
        reason=F("engine__name"),
    )
