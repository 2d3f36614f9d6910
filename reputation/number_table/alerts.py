"""Spam alerts: a number with its status, who tagged it, its case, and its verification progress, as pages show it.

Every page that shows numbers builds its rows here, so that all show the same alert, with a fixed number of queries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Exists, Q, QuerySet
from django.utils import timezone

from portal.text import join_names
from reputation import labels
from reputation.desks.choosing import FIND_NETWORK, UNKNOWN_ENGINE
from reputation.desks.your_turn import Turn, get_turns, join_sentences
from reputation.labels import StatusLabel
from reputation.models import Case, Check, Engine, PhoneNumber, Submission, Tag
from reputation.monitoring import verification
from reputation.monitoring.severity import get_validity
from reputation.numbers.at_risk import Sign, get_signs
from reputation.numbers.last_seen import get_last_seen_tags
from reputation.providers.connections import get_roles_of_people
from reputation.remediation import ticket
from reputation.remediation.continuing import get_waiting_requests
from reputation.remediation.outlook import get_outlook
from reputation.test_calls.sightings import Sighting, get_sightings

# Most numbers have one of these.
_WITHOUT_DETAILS = (PhoneNumber.SpamStatus.CLEAN, PhoneNumber.SpamStatus.NOT_MONITORED)
# Django's get_source_display makes a dictionary of the choices for each row.
_SOURCE_WORDS = dict(PhoneNumber.Source.choices)


@dataclass
class NumberRow:
    """A number as pages show it. `is_exhausted` means that it is at its campaign's daily limit of calls today.

    `tags` are its active tags, or those it had when last seen. `label_last_seen_at` is set if no look-up has found a
    label of a tagged number for long. `signs` are those of a number at risk. `case` is the unfinished case of the
    active tags, else the failed one. `failed_case` is the failed case that a support ticket is for. `requests` are
    those that engines received before monitoring ended. `turns` tell whose turn it is with requests to desks.
    `is_for_people` means that the account's own people ask to remove each of the labels.
    `sighting` is what test calls showed and people reported, if the account makes test calls.
    """

    number: PhoneNumber
    status: str
    tags: list[Tag] = field(default_factory=list)
    label_last_seen_at: datetime | None = None
    signs: list[Sign] = field(default_factory=list)
    case: Case | None = None
    failed_case: Case | None = None
    requests: list[Submission] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    is_for_people: bool = False
    verification_progress: str = ""
    is_exhausted: bool = False
    sighting: Sighting | None = None

    @property
    def has_details(self) -> bool:
        """Return whether there is more to say than the word of the spam status."""
        return self.status not in _WITHOUT_DETAILS or self.sighting is not None

    @property
    def status_label(self) -> StatusLabel:
        return labels.SPAM_STATUS_LABELS[self.status]

    @property
    def remediation_label(self) -> StatusLabel | None:
        """Return the state of remediation of a tagged number."""
        if not (remediation := self.number.remediation):
            return None
        unasked = "your turn" if self.needs_network else "nobody asks now" if self.is_unasked else ""
        return labels.get_remediation_label(remediation, self.turns[0].summary if self.turns else unasked)

    @property
    def is_unasked(self) -> bool:
        """Return whether people have to ask to remove the labels, and no request of theirs is open."""
        return self.is_for_people and not self.turns

    @property
    def needs_network(self) -> bool:
        """Return whether no desk can be asked before people find out which network shows a label."""
        return self.is_unasked and any(tag.engine.slug == UNKNOWN_ENGINE for tag in self.tags)

    @property
    def capability_label(self) -> StatusLabel:
        return labels.CAPABILITY_LABELS[PhoneNumber.Capability(self.number.capability)]

    @property
    def source_word(self) -> str:
        return _SOURCE_WORDS[self.number.source]

    @property
    def engine_names(self) -> str:
        """Return who tagged the number, as in: Hiya, TNS and an unknown engine."""
        return _join_engines(tag.engine for tag in self.tags)

    @property
    def remediation_sentence(self) -> str:
        """Return the alert's sentence about the remediation of the tag."""
        if self.number.remediation == PhoneNumber.SpamStatus.FAILED:
            remedy = "A support ticket may." if ticket.is_offered() else "You can ask again."
            return f"Remediation did not remove the label. {self.ticket_sentence or remedy}"
        is_relapse = self.number.remediation == PhoneNumber.SpamStatus.TAGGED_AGAIN
        if self.turns:
            again = "It came back. " if is_relapse else ""
            return f"{again}{join_sentences(self.turns)} {self.ticket_sentence}".strip()
        if self.is_unasked and self.number.remediation != PhoneNumber.SpamStatus.IN_REMEDIATION:
            sentence = FIND_NETWORK if self.needs_network else "Nobody asks to remove the label now."
            return f"{sentence} {self.ticket_sentence}".strip()
        if not get_outlook().by_providers:
            again = "It came back, and nobody" if is_relapse else "Nobody"
            reason = "The case says why." if self.case else ""
            return " ".join(filter(None, (f"{again} has asked for its removal yet.", reason, self.ticket_sentence)))
        subject = "It came back, so remediation" if is_relapse else "Remediation"
        started = f"{subject} has started automatically and usually takes 1 to 2 days, up to a week in a dispute."
        return f"{started} {self.ticket_sentence}".strip()

    @property
    def ticket_sentence(self) -> str:
        """Return that a support ticket was opened, if its reference is recorded."""
        reference = self.failed_case.ticket_reference if self.failed_case else ""
        return f"Support ticket {reference} was opened." if reference else ""

    @property
    def needs_ticket(self) -> bool:
        return self.failed_case is not None and not self.failed_case.ticket_reference

    @property
    def last_seen_at(self) -> datetime | None:
        """Return when a look-up last found one of the labels that the number had when monitoring ended."""
        return max((tag.last_seen_at for tag in self.tags if tag.last_seen_at), default=None)

    @property
    def signs_sentence(self) -> str:
        """Return why the number is at risk: "Hiya sees a medium risk; 2 complaints in 30 days (FTC complaints)"."""
        return "; ".join(sign.sentence for sign in self.signs)

    @property
    def requested_engine_names(self) -> str:
        """Return the engines that have a request to remove the label."""
        return _join_engines(request.engine for request in self.requests)


def build_rows(numbers: Iterable[PhoneNumber], now: datetime) -> list[NumberRow]:
    """Return rows for the numbers of one page; twelve queries at most, however many numbers there are.

    Call it with the account's time zone active: it decides which day is today.
    """
    today = timezone.localdate(now)
    rows = {
        number.pk: NumberRow(number, number.spam_status_at(now), is_exhausted=number.exhausted_on == today)
        for number in numbers
    }
    if not rows:
        return []
    _add_tags(rows, now)
    for pk, last_seen in get_last_seen_tags(row.number for row in rows.values()).items():
        rows[pk].tags = last_seen
    at_risk = [pk for pk, row in rows.items() if row.number.is_at_risk]
    for pk, signs in get_signs(at_risk, now).items():
        rows[pk].signs = signs
    for request in get_waiting_requests([pk for pk, row in rows.items() if row.number.was_labelled]):
        rows[request.case.number_id].requests.append(request)
    for pk, sighting in get_sightings(rows).items():
        rows[pk].sighting = sighting
    verifying = [pk for pk, row in rows.items() if row.number.capability == PhoneNumber.Capability.VERIFYING]
    for pk, progress in verification.get_progress(verifying, now).items():
        rows[pk].verification_progress = progress
    return list(rows.values())


def _add_tags(rows: Mapping[int, NumberRow], now: datetime) -> None:
    """Add their tags, their cases and whose turn it is to the rows of tagged numbers; four queries at most."""
    tagged = [pk for pk, row in rows.items() if row.number.is_tagged]
    if not tagged:
        return
    tags: QuerySet[Any] = Tag.objects.active().filter(number__in=tagged).select_related("engine")
    by_others: set[int] = set()
    for tag in tags.annotate(is_for_people=Exists(get_roles_of_people("engine"))).order_by("detected_at"):
        rows[tag.number_id].tags.append(tag)
        if not tag.is_for_people:
            by_others.add(tag.number_id)
    for pk in tagged:
        rows[pk].is_for_people = bool(rows[pk].tags) and pk not in by_others
        rows[pk].label_last_seen_at = _get_old_sighting(rows[pk].tags, now)
    for case in _get_cases(tagged, {tag.case_id for pk in tagged for tag in rows[pk].tags if tag.case_id}):
        row = rows[case.number_id]
        if case.is_unfinished:
            row.case = case
        else:
            row.failed_case = case
            row.case = row.case or case
    for pk, turns in get_turns(tagged, now).items():
        rows[pk].turns = turns


def _join_engines(engines: Iterable[Engine]) -> str:
    """Return the names inside a sentence, the unknown engine last."""
    known = sorted({(engine.slug == Engine.UNKNOWN_SLUG, engine.name_in_sentence) for engine in engines})
    return join_names([name for _is_unknown, name in known])


def _get_old_sighting(tags: Sequence[Tag], now: datetime) -> datetime | None:
    """Return when a label was last found, if that is so long ago that pages say so."""
    newest = max((tag.last_seen_at or tag.detected_at for tag in tags), default=now)
    return newest if newest <= now - get_validity(Check.Effect.TAGS) else None


def _get_cases(number_ids: Collection[int], of_tags: Collection[int]) -> list[Case]:
    """Return the unfinished and the failed cases of the numbers' active tags, the unfinished first.

    The failed case that counts comes last: one without a ticket, else the newest.
    """
    cases = Case.objects.filter(
        Q(state__in=Case.UNFINISHED) | Q(pk__in=of_tags, state=Case.State.FAILED), number__in=number_ids
    )
    return sorted(cases, key=lambda case: (not case.is_unfinished, not case.ticket_reference, case.opened_at, case.pk))
