"""CSV import: a file is received, read into staged rows, shown, confirmed, and applied; each step in chunks.

Every chunk commits with how far it came, and only for the one who holds the lease: a killed worker's successor goes on
where it stopped, and two at once do nothing twice. What somebody else changed between the preview and its confirmation
is left alone, and the result says so.
"""

from __future__ import annotations

import logging
import re
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from django.core.files import File
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Case, CharField, Exists, F, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django_q.tasks import async_task

from portal import audit
from portal.audit import SYSTEM, Actor
from portal.inserting import insert_from, insert_rows
from portal.models import Account
from portal.numbers import UNITED_STATES, NotANumber, Parsed
from reputation.campaigns import NAME_OF_CAMPAIGN
from reputation.clock import days
from reputation.csv_files import Record, records, shape_of, write_as_utf8
from reputation.exporting import as_it_was
from reputation.models import Campaign, ImportRow, NumberImport, PhoneNumber
from reputation.phone_numbers import clean_label, parse_caller_id

logger = logging.getLogger(__name__)

State = NumberImport.State
Outcome = ImportRow.Outcome

# A file up to so many bytes is read, and up to so many numbers are applied, while the person waits.
READ_AT_ONCE = 64 * 1024
APPLY_AT_ONCE = 1_000
CHUNK = 1_000
SHOWN = 20
LEASE = timedelta(seconds=90)
BUDGET_SECONDS = 50
PAUSE_SECONDS = 0.02
# Taken up so often without a chunk getting done, an import is given up.
ATTEMPTS = 5

SOURCES = {
    "native": PhoneNumber.Source.NATIVE,
    "internal": PhoneNumber.Source.NATIVE,
    "byoc": PhoneNumber.Source.BYOC,
    "byocp": PhoneNumber.Source.BYOC,
    "byocc": PhoneNumber.Source.BYOC,
    "bringyourowncarrier": PhoneNumber.Source.BYOC,
    "carrier": PhoneNumber.Source.BYOC,
    "external": PhoneNumber.Source.BYOC,
}
SHORTENED_BY_A_SPREADSHEET = re.compile(r"\d([.,]\d+)?E\+?\d+", re.IGNORECASE)

# Every column of a staged row, empty: rows that are inserted together name the same ones.
BLANK_ROW: dict[str, Any] = {
    field.attname: field.get_default() for field in ImportRow._meta.concrete_fields if not field.primary_key
} | {"outcome": Outcome.NEW}

# Which count of the import each outcome goes into.
COUNTED = {
    Outcome.NEW: "will_add",
    Outcome.BACK: "will_bring_back",
    Outcome.CHANGED: "will_change",
    Outcome.UNCHANGED: "unchanged",
    Outcome.REFUSED: "refused",
}

# The groups of a preview in the order of the page: words, icon, tone.
SAID = {
    Outcome.REFUSED: ("Refused", "triangle-alert", "bad"),
    Outcome.LEFT_ALONE: ("Left alone", "circle-minus", "wait"),
    Outcome.NEW: ("New", "plus", "good"),
    Outcome.BACK: ("Come back with their history", "history", "good"),
    Outcome.CHANGED: ("Changed", "pencil", "wait"),
    Outcome.UNCHANGED: ("Unchanged", "check", "calm"),
}

LEFT_ALONE = {
    Outcome.NEW: "Somebody else added this number after the preview.",
    Outcome.BACK: "Somebody else added this number again after the preview.",
    Outcome.CHANGED: "Somebody else changed or removed this number after the preview.",
}


class Seen(NamedTuple):
    """A number as it was when its line was read."""

    pk: int
    label: str
    source: str
    campaign_id: int | None
    removed_at: datetime | None


def kept_for() -> timedelta:
    """How long an unconfirmed preview, and the refused lines of one that is done, are kept: seven days.

    A person reads it, so it is an hour at least, however short a day of the service's clock is.
    """
    return max(days(7), timedelta(hours=1))


# Receiving


def receive(*, account: Account, upload: UploadedFile, actor: Actor, now: datetime) -> NumberImport:
    """Keeps the file and looks at its beginning; a small one is read at once, a larger one by the workers.

    Raises CannotRead, with nothing kept, for what is no CSV file with a column of phone numbers.
    """
    batch = NumberImport(
        account=account, user=actor.user, file_name=clean_label(upload.name or "")[:120] or "file", received_at=now
    )
    with tempfile.TemporaryFile() as text:
        write_as_utf8(upload.file, text)
        text.seek(0)
        shape = shape_of(text)
        batch.delimiter, batch.headings, batch.columns = shape.delimiter, shape.headings[:100], shape.columns
        batch.line, batch.position = shape.line, shape.position
        batch.size = text.seek(0, 2)
        text.seek(0)
        batch.file.save(f"{secrets.token_hex(16)}.csv", File(text), save=False)
    with transaction.atomic():
        batch.save()
        _record(batch, "import.uploaded", actor=actor, now=now)
        if batch.size > READ_AT_ONCE:
            async_task("reputation.tasks.imports.advance_import", batch.pk)
    if batch.size <= READ_AT_ONCE:
        advance(batch, now=now)
    return batch


# Going on, wherever it stopped


class _TakenOver(Exception):
    """Another worker holds the lease by now, or somebody cancelled: what this one did of the chunk is undone."""


def advance(batch: NumberImport, *, now: datetime, budget_seconds: float = BUDGET_SECONDS) -> bool:
    """Reads or applies as much as fits into the time. True while there is more to do.

    Who comes while another is at it returns at once. Whatever goes wrong is logged and tried again by the next who
    comes, ATTEMPTS times.
    """
    token = secrets.token_hex(16)
    under_way = NumberImport.objects.under_way().filter(pk=batch.pk).exclude(lease_until__gt=now)
    if not under_way.update(lease_until=now + LEASE, lease_token=token, attempts=F("attempts") + 1):
        return False
    batch.refresh_from_db()
    until = time.monotonic() + budget_seconds
    try:
        return _apply(batch, until=until, now=now) if batch.is_applying else _read(batch, until=until, now=now)
    except _TakenOver:
        return False
    except FileNotFoundError:
        fail(batch, "The uploaded file is no longer on the server. Import it again.", now=now)
        return False
    except Exception:
        logger.exception("Import %s stopped at line %s", batch.pk, batch.line)
        if batch.attempts >= ATTEMPTS:
            fail(batch, "Something went wrong on the server, several times. What was done so far stays.", now=now)
        return False
    finally:
        NumberImport.objects.filter(pk=batch.pk, lease_token=token).update(lease_until=None, lease_token="")


def waiting(now: datetime) -> QuerySet[NumberImport]:
    """Those that nobody is at: a worker was killed, or the queue lost them."""
    return NumberImport.objects.under_way().exclude(lease_until__gt=now).order_by("pk")[:50]


def _claimed(batch: NumberImport, **progress: Any) -> QuerySet[NumberImport]:
    """The row, if it is still ours and stands where we think it stands."""
    return NumberImport.objects.filter(pk=batch.pk, lease_token=batch.lease_token, state=batch.state, **progress)


# Reading


def _read(batch: NumberImport, *, until: float, now: datetime) -> bool:
    if batch.state == State.RECEIVED:
        if not _claimed(batch).update(state=State.READING):
            raise _TakenOver
        batch.state = State.READING
    names = _names_of_campaigns(batch.account_id)
    with batch.file.open("rb") as file:
        file.seek(batch.position)
        rest = records(file, batch.delimiter, line=batch.line)
        while chunk := list(islice(rest, CHUNK)):
            _stage(batch, [_staged(record, batch, names) for record in chunk], chunk[-1])
            if time.monotonic() > until:
                return True
            time.sleep(PAUSE_SECONDS)
    _finish_reading(batch, now=now)
    return False


def _names_of_campaigns(account_id: int) -> dict[str, int]:
    """The account's campaigns by name, as written and in lower case."""
    names = dict(Campaign.objects.for_account(account_id).values_list("name", "pk"))
    return {name.casefold(): pk for name, pk in names.items()} | names


class _Refused(ValueError):
    """This line is left out; the message says why."""


def _staged(record: Record, batch: NumberImport, campaigns: dict[str, int]) -> dict[str, Any]:
    """The row for this record, as far as the file alone says what it is: new with what its cells hold, or refused."""
    cells = {
        name: as_it_was(record.cells[place]) if place < len(record.cells) else ""
        for name, place in batch.columns.items()
    }
    row = BLANK_ROW | {"line": record.line, "text": (clean_label(cells["number"]) or record.cells[0])[:80]}
    try:
        _refuse_broken(record, width=len(batch.headings) or batch.columns["number"] + 1)
        parsed = _parsed(cells["number"])
        return row | {
            "e164": parsed.e164,
            "region": parsed.region,
            "kind": parsed.kind,
            "area_code": parsed.area_code,
            "label": _label(cells.get("label", "")),
            "source": _source(cells.get("source", "")),
            "campaign_id": _campaign(cells.get("campaign", ""), campaigns),
        }
    except (_Refused, NotANumber) as error:
        return row | {"outcome": Outcome.REFUSED, "reason": str(error)[:200]}


def _refuse_broken(record: Record, *, width: int) -> None:
    if record.problem:
        raise _Refused(record.problem)
    if any(record.cells[width:]):
        raise _Refused(
            f"This line has {len(record.cells)} cells, the file has {width} column{'s' if width > 1 else ''}. "
            "Put quotation marks round a cell that holds a separator."
        )


def _parsed(text: str) -> Parsed:
    if SHORTENED_BY_A_SPREADSHEET.fullmatch(text):
        raise _Refused("A spreadsheet shortened this number, and its last digits are lost. Make the column text first.")
    return parse_caller_id(text)


def _label(text: str) -> str:
    label = clean_label(text)
    if len(label) > 80:
        raise _Refused(f"The label has {len(label)} characters. It may have 80.")
    return label


def _source(text: str) -> str:
    plain = re.sub(r"[^a-z]", "", text.casefold())
    if text and plain not in SOURCES:
        raise _Refused(f"The source is “{text[:40]}”. It can be native or BYOC.")
    return SOURCES[plain] if text else ""


def _campaign(name: str, campaigns: dict[str, int]) -> int | None:
    campaign = campaigns.get(name) or campaigns.get(name.casefold())
    if name and not campaign:
        raise _Refused(f"There is no campaign “{name[:80]}”. Add it first, or leave the cell empty.")
    return campaign


def _stage(batch: NumberImport, rows: list[dict[str, Any]], last: Record) -> None:
    """Compares a chunk with the lines before it and with the numbers there are, and keeps what will be done."""
    wanted = [row["e164"] for row in rows if row["e164"]]
    first_lines = dict(batch.rows.filter(e164__in=wanted).values_list("e164", "line"))
    there = {
        e164: Seen(*rest)
        for e164, *rest in PhoneNumber.objects.filter(account=batch.account_id, e164__in=wanted).values_list(
            "e164", "pk", "label", "source", "campaign_id", "removed_at"
        )
    }
    for row in rows:
        if row["outcome"] != Outcome.REFUSED:
            _decide(row, first_lines, there.get(row["e164"]))
    found = Counter(row["outcome"] for row in rows)
    abroad = sum(row["outcome"] == Outcome.NEW and row["region"] not in UNITED_STATES for row in rows)
    with transaction.atomic():
        ours = _claimed(batch, line=batch.line).update(
            line=last.last_line,
            position=last.position,
            attempts=0,
            abroad=F("abroad") + abroad,
            **{field: F(field) + found[outcome] for outcome, field in COUNTED.items()},
        )
        if not ours:
            raise _TakenOver
        insert_rows(ImportRow, [row | {"batch_id": batch.pk} for row in rows])
    batch.line, batch.position = last.last_line, last.position


def _decide(row: dict[str, Any], first_lines: dict[str, int], seen: Seen | None) -> None:
    """What will happen to this number. An empty cell takes nothing away: it keeps what the number has."""
    if row["e164"] in first_lines:
        row |= BLANK_ROW | {
            "line": row["line"],
            "text": row["text"],
            "outcome": Outcome.REFUSED,
            "reason": f"The same number as in line {first_lines[row['e164']]:,}, which counts.",
        }
        return
    first_lines[row["e164"]] = row["line"]
    row["text"] = ""
    if seen is None:
        row["source"] = row["source"] or PhoneNumber.Source.NATIVE
        return
    row["label"] = row["label"] or seen.label
    row["source"] = row["source"] or seen.source
    row["campaign_id"] = row["campaign_id"] or seen.campaign_id
    row |= {
        "number_id": seen.pk,
        "seen_label": seen.label,
        "seen_source": seen.source,
        "seen_campaign_id": seen.campaign_id,
    }
    if seen.removed_at:
        row["outcome"] = Outcome.BACK
    elif (row["label"], row["source"], row["campaign_id"]) == (seen.label, seen.source, seen.campaign_id):
        row["outcome"] = Outcome.UNCHANGED
    else:
        row["outcome"] = Outcome.CHANGED


def _finish_reading(batch: NumberImport, *, now: datetime) -> None:
    """The preview is complete. A file that would change nothing is done with it."""
    batch.refresh_from_db()
    state = State.READY if batch.to_do else State.DONE
    with transaction.atomic():
        if not _claimed(batch).update(state=state, ready_at=now, ended_at=None if batch.to_do else now):
            raise _TakenOver
        _record(batch, f"import.{state}", actor=SYSTEM, now=now, after=summary_of(batch))
    _delete_file(batch)


# Confirming


def confirm(batch: NumberImport, *, actor: Actor, now: datetime) -> bool:
    """Does what the preview showed. False when it is no longer waiting: a second click, or a stale page."""
    with transaction.atomic():
        ready = NumberImport.objects.filter(pk=batch.pk, state=State.READY)
        mine = ready.update(state=State.APPLYING, confirmed_at=now, confirmed_by=actor.user, attempts=0)
        if mine:
            _record(batch, "import.confirmed", actor=actor, now=now)
            if batch.to_do > APPLY_AT_ONCE:
                async_task("reputation.tasks.imports.advance_import", batch.pk)
    if mine and batch.to_do <= APPLY_AT_ONCE:
        advance(batch, now=now)
    batch.refresh_from_db()
    return bool(mine)


def cancel(batch: NumberImport, *, actor: Actor, now: datetime) -> bool:
    """Drops an import that was not confirmed. False when it is too late for that."""
    return _end(batch, State.CANCELLED, from_states=NumberImport.UNCONFIRMED, actor=actor, now=now)


def fail(batch: NumberImport, reason: str, *, now: datetime) -> bool:
    """Ends an import that cannot be finished."""
    return _end(batch, State.FAILED, from_states=NumberImport.UNDER_WAY, actor=SYSTEM, now=now, reason=reason)


def _end(
    batch: NumberImport, state: str, *, from_states: Sequence[str], actor: Actor, now: datetime, reason: str = ""
) -> bool:
    with transaction.atomic():
        unfinished = NumberImport.objects.filter(pk=batch.pk, state__in=from_states)
        mine = unfinished.update(state=state, ended_at=now, reason=reason)
        if mine:
            _record(batch, f"import.{state}", actor=actor, now=now, reason=reason)
    if mine:
        _delete_file(batch)
        batch.refresh_from_db()
    return bool(mine)


# Applying


def _apply(batch: NumberImport, *, until: float, now: datetime) -> bool:
    while _apply_chunk(batch, now=now):
        if time.monotonic() > until:
            return True
        time.sleep(PAUSE_SECONDS)
    batch.refresh_from_db()
    with transaction.atomic():
        if not _claimed(batch).update(state=State.DONE, ended_at=now):
            raise _TakenOver
        _record(batch, "import.done", actor=_who_confirmed(batch), now=now, after=summary_of(batch))
    return False


def _who_confirmed(batch: NumberImport) -> Actor:
    return Actor(user=batch.confirmed_by, via="web" if batch.confirmed_by else "task")


def _apply_chunk(batch: NumberImport, *, now: datetime) -> bool:
    """The next CHUNK numbers: those that stand as the preview saw them are written, the others left alone."""
    with transaction.atomic():
        # Numbers of an account are added by one at a time; see also phone_numbers.add.
        Account.objects.select_for_update().get(pk=batch.account_id)
        rest = batch.rows.filter(line__gt=batch.applied_line, outcome__in=ImportRow.TO_DO).order_by("line")
        lines = list(rest.values_list("line", flat=True)[:CHUNK])
        if not lines:
            return False
        if not _claimed(batch, applied_line=batch.applied_line).update(applied_line=lines[-1], attempts=0):
            raise _TakenOver
        chunk = batch.rows.filter(line__gt=batch.applied_line, line__lte=lines[-1])
        left_alone = _leave_alone(batch.account_id, chunk)
        by = {"actor": _who_confirmed(batch), "now": now, "reason": Value(f"Import of {batch.file_name}")}
        NumberImport.objects.filter(pk=batch.pk).update(
            left_alone=F("left_alone") + left_alone,
            added=F("added") + _add(batch.account_id, chunk.filter(outcome=Outcome.NEW), **by),
            changed=F("changed") + _change(chunk.filter(outcome=Outcome.CHANGED), **by),
            brought_back=F("brought_back") + _bring_back(chunk.filter(outcome=Outcome.BACK), **by),
        )
    batch.applied_line = lines[-1]
    return True


def _leave_alone(account_id: int, chunk: QuerySet[ImportRow]) -> int:
    """Marks those whose number is no longer as the preview saw it."""
    numbers = PhoneNumber.objects.select_for_update(of=("self",))
    list(numbers.filter(pk__in=chunk.filter(number__isnull=False).values("number")).order_by("pk").values_list("pk"))
    there = PhoneNumber.objects.filter(account=account_id, e164=OuterRef("e164"))
    itself = PhoneNumber.objects.filter(pk=OuterRef("number"))
    as_seen = itself.alias(in_campaign=Coalesce("campaign_id", 0)).filter(
        removed_at__isnull=True,
        label=OuterRef("seen_label"),
        source=OuterRef("seen_source"),
        in_campaign=Coalesce(OuterRef("seen_campaign_id"), 0),
    )
    otherwise = {
        Outcome.NEW: Exists(there),
        Outcome.BACK: ~Exists(itself.filter(removed_at__isnull=False)),
        Outcome.CHANGED: ~Exists(as_seen),
    }
    return sum(
        chunk.filter(condition, outcome=outcome).update(outcome=Outcome.LEFT_ALONE, reason=LEFT_ALONE[outcome])
        for outcome, condition in otherwise.items()
    )


def _add(account_id: int, rows: QuerySet[ImportRow], *, actor: Actor, now: datetime, reason: Value) -> int:
    added = insert_from(
        PhoneNumber,
        rows,
        account_id=Value(account_id),
        e164="e164",
        region="region",
        kind="kind",
        area_code="area_code",
        label="label",
        source="source",
        campaign_id="campaign_id",
        added_at=Value(now),
        capability=Value(PhoneNumber.Capability.OFF.value),
        capability_since=Value(now),
        capability_reason=Value(""),
        spam_status=Value(PhoneNumber.SpamStatus.NOT_MONITORED.value),
        lease_token=Value(""),
        attempts=Value(0),
    )
    numbers = PhoneNumber.objects.filter(account=account_id, e164__in=rows.values("e164"))
    audit.record_changes(numbers, actor=actor, now=now, what="number.added", label="e164", after="label", reason=reason)
    return added


def _change(rows: QuerySet[ImportRow], *, actor: Actor, now: datetime, reason: Value) -> int:
    """One event for each field that differs, as where a person changes a number."""
    numbers = _with_what_it_will_have(rows)
    by = {"actor": actor, "now": now, "label": "e164", "reason": reason}
    audit.record_changes(
        numbers.exclude(label=F("new_label")), what="number.changed", before="label", after="new_label", **by
    )
    audit.record_changes(
        numbers.exclude(source=F("new_source")),
        what="number.changed",
        before=_in_words("source"),
        after=_in_words("new_source"),
        **by,
    )
    moved = numbers.alias(was_in=Coalesce("campaign_id", 0), will_be_in=Coalesce("new_campaign", 0))
    audit.record_changes(
        moved.exclude(was_in=F("will_be_in")),
        what="number.campaign",
        before=NAME_OF_CAMPAIGN,
        after=Coalesce(Subquery(Campaign.objects.filter(pk=OuterRef("new_campaign")).values("name")), Value("")),
        **by,
    )
    return _write(rows)


def _bring_back(rows: QuerySet[ImportRow], *, actor: Actor, now: datetime, reason: Value) -> int:
    audit.record_changes(
        _with_what_it_will_have(rows),
        actor=actor,
        now=now,
        what="number.restored",
        label="e164",
        after="new_label",
        reason=reason,
    )
    return _write(rows, removed_at=None, added_at=now)


def _with_what_it_will_have(rows: QuerySet[ImportRow]) -> QuerySet[PhoneNumber]:
    row = rows.filter(number=OuterRef("pk"))
    return PhoneNumber.objects.filter(pk__in=rows.values("number")).annotate(
        new_label=Subquery(row.values("label")),
        new_source=Subquery(row.values("source")),
        new_campaign=Subquery(row.values("campaign_id")),
    )


def _write(rows: QuerySet[ImportRow], **also: Any) -> int:
    row = rows.filter(number=OuterRef("pk"))
    return PhoneNumber.objects.filter(pk__in=rows.values("number")).update(
        label=Subquery(row.values("label")),
        source=Subquery(row.values("source")),
        campaign=Subquery(row.values("campaign_id")),
        **also,
    )


def _in_words(source: str) -> Case:
    words = (When(**{source: value}, then=Value(word)) for value, word in PhoneNumber.Source.choices)
    return Case(*words, default=Value(""), output_field=CharField())


# Showing


@dataclass(frozen=True)
class Group:
    """The lines that have one outcome: how many, and the first of them."""

    outcome: str
    words: str
    icon: str
    tone: str
    count: int
    rows: list[ImportRow]

    @property
    def more(self) -> int:
        return self.count - len(self.rows)


def groups_of(batch: NumberImport) -> list[Group]:
    """What will happen, or what was left out, by outcome: a query for each and one more, and at most SHOWN lines."""
    counts = {
        Outcome.REFUSED: batch.refused,
        Outcome.LEFT_ALONE: batch.left_alone,
        Outcome.NEW: batch.will_add,
        Outcome.BACK: batch.will_bring_back,
        Outcome.CHANGED: batch.will_change,
        Outcome.UNCHANGED: batch.unchanged,
    }
    groups = [
        Group(
            outcome,
            words,
            icon,
            tone,
            counts[outcome],
            list(batch.rows.filter(outcome=outcome).select_related("campaign").order_by("line")[:SHOWN]),
        )
        for outcome, (words, icon, tone) in SAID.items()
        if counts[outcome]
    ]
    rows = [row for group in groups for row in group.rows]
    campaigns = Campaign.objects.in_bulk({row.seen_campaign_id for row in rows if row.seen_campaign_id})
    for row in rows:
        row.seen_campaign = campaigns.get(row.seen_campaign_id)
    return groups


def columns_of(batch: NumberImport) -> tuple[list[tuple[str, str]], list[str]]:
    """Which heading was read as what, and the headings that were not read."""
    read = [(name, batch.headings[place]) for name, place in batch.columns.items()] if batch.headings else []
    places = batch.columns.values()
    return read, [heading for place, heading in enumerate(batch.headings) if place not in places and heading]


def summary_of(batch: NumberImport) -> str:
    """The counts in words: 3 new, 1 changed, 2 unchanged, 4 refused; once it is confirmed, of what was done."""
    if batch.state in (State.APPLYING, State.DONE) and batch.confirmed_at:
        counts = (
            (batch.added, "added"),
            (batch.brought_back, "brought back"),
            (batch.changed, "changed"),
            (batch.left_alone, "left alone"),
        )
    else:
        counts = ((batch.will_add, "new"), (batch.will_bring_back, "come back"), (batch.will_change, "changed"))
    counts = (*counts, (batch.unchanged, "unchanged"), (batch.refused, "refused"))
    return ", ".join(f"{count:,} {words}" for count, words in counts if count) or "nothing"


def refused_lines(batch: NumberImport) -> Iterator[tuple[object, ...]]:
    """Every refused line, with what stands in it and why, as rows of a CSV file; CHUNK at a time by key."""
    yield "line", "number", "reason"
    last = 0
    left_out = batch.rows.filter(outcome__in=(Outcome.REFUSED, Outcome.LEFT_ALONE)).order_by("line")
    while chunk := list(left_out.filter(line__gt=last).values_list("line", "text", "e164", "reason")[:CHUNK]):
        for line, text, e164, reason in chunk:
            yield line, text or e164, reason
        last = chunk[-1][0]


# Tidying up


def end_stale(*, now: datetime) -> int:
    """One chunk: ends what nobody confirmed in time, and deletes staged rows that are kept no longer."""
    return _expire(now) or _delete_rows(now)


def _expire(now: datetime) -> int:
    stale = NumberImport.objects.filter(
        state__in=NumberImport.UNCONFIRMED, rows_kept=True, received_at__lte=now - kept_for()
    )
    return sum(
        _end(batch, State.EXPIRED, from_states=NumberImport.UNCONFIRMED, actor=SYSTEM, now=now) for batch in stale[:20]
    )


def _delete_rows(now: datetime) -> int:
    ended = NumberImport.objects.filter(rows_kept=True)
    batch = (
        ended.filter(state__in=(State.CANCELLED, State.EXPIRED, State.FAILED)).first()
        or ended.filter(state=State.DONE, ended_at__lte=now - kept_for()).first()
    )
    if batch is None:
        return 0
    ids = list(batch.rows.order_by("line").values_list("pk", flat=True)[:5_000])
    ImportRow.objects.filter(pk__in=ids).delete()
    if len(ids) < 5_000:
        NumberImport.objects.filter(pk=batch.pk).update(rows_kept=False)
    return max(len(ids), 1)


def _delete_file(batch: NumberImport) -> None:
    name = NumberImport.objects.filter(pk=batch.pk).values_list("file", flat=True).first()
    if name:
        batch.file.storage.delete(name)
        NumberImport.objects.filter(pk=batch.pk).update(file="")
        batch.file = ""


def _record(batch: NumberImport, what: str, *, actor: Actor, now: datetime, after: str = "", reason: str = "") -> None:
    audit.record(account=batch.account, actor=actor, now=now, what=what, subject=batch, after=after, reason=reason)
