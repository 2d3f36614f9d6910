"""Apply 100,000 observations, half of them with a new label, against bulk_update in chunks of 1,000."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from benchmarks.databases import BenchmarkRun
from benchmarks.report import Result
from portal.models import AuditEvent
from reputation.models import Case, Check, Connection, Engine, PhoneNumber, Submission, Tag
from reputation.monitoring.observations import apply_observations
from reputation.providers.protocol import Observation, Verdict
from reputation.service_clock import days

CHUNK = 1_000
PEER_COUNT = 4_000
PROVIDER = "simulated"
Status = PhoneNumber.SpamStatus
EXPLANATION = (
    "Half of it is SQL, and half of that writes the seven indexes of a number with a new label; an eighth is the "
    "commit. Two fifths are Python's, which reads what was known, compares, and hands over what is new. Tried: the "
    "status written only where a look changes it, ids as one parameter, moments adapted once, answers in the order "
    "of the rows (284 to 190 µs), numbers stored in their order (190 to 110), JSON within JSON, constants instead "
    "of a join with the engines (no change), chunks of 5,000 instead of 2,000, three times the cache (a tenth, for "
    "twice a worker's memory)."
)


def measure(run: BenchmarkRun) -> list[Result]:
    data = run.use(run.large)
    count = run.of_size(100_000, 4_000)
    now = timezone.now()
    engine = Engine.objects.filter(in_use=True, roles__provider=PROVIDER).order_by("pk").first()
    # Observations of clean numbers. Half of them have a label.
    clean = PhoneNumber.objects.for_account(data.account).filter(spam_status=Status.CLEAN)
    e164s = list(clean.order_by("pk").values_list("e164", flat=True)[: count + PEER_COUNT])
    peer = _time_bulk_update(_make_observations(e164s[count:], engine.slug, now), engine, now) / (len(e164s) - count)
    observations = list(_make_observations(e164s[:count], engine.slug, now))
    started = time.process_time()
    changes = apply_observations(observations, connection=Connection.objects.get(provider=PROVIDER), now=now)
    each = (time.process_time() - started) / count
    if changes["tags detected"] != count // 2:
        raise SystemExit(f"{changes} of {count} observations.")
    return [
        Result(
            f"applying {count:,} answers, half of them a new label, with tags, cases and audit events: an answer",
            f"{each * 1e6:.0f} µs",
            f"bulk_update and bulk_create in chunks of {CHUNK:,}, of {PEER_COUNT:,} answers: an answer",
            f"{peer * 1e6:.0f} µs",
            peer / each,
            15,
            at_least=True,
            bound=EXPLANATION,
        )
    ]


def _make_observations(e164s: Sequence[str], engine: str, now: datetime) -> Iterator[Observation]:
    for place, e164 in enumerate(e164s):
        yield Observation(
            number=e164,
            engine=engine,
            verdict=Verdict.LABELLED if place % 2 else Verdict.CLEAN,
            label="Spam Likely" if place % 2 else "",
            observed_at=now,
            raw_response={"level": place % 2},
        )


def _is_label(observation: Observation) -> bool:
    return observation.verdict is Verdict.LABELLED


def _time_bulk_update(observations: Iterator[Observation], engine: Engine, now: datetime) -> float:
    """Processor seconds with bulk_update and bulk_create, as an experienced Django developer would write it."""
    observations = list(observations)
    started = time.process_time()
    for start in range(0, len(observations), CHUNK):
        chunk = {observation.number: observation for observation in observations[start : start + CHUNK]}
        with transaction.atomic():
            changes = _ChunkChanges(engine, now)
            changes.find(chunk)
            changes.save()
    took = time.process_time() - started
    connection.close()
    return took


@dataclass
class _ChunkChanges:
    """The objects that the observations of a chunk create or change."""

    engine: Engine
    now: datetime
    numbers: list[PhoneNumber] = field(default_factory=list)
    extended: list[Check] = field(default_factory=list)
    ended: list[Check] = field(default_factory=list)
    started: list[Check] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    submissions: list[Submission] = field(default_factory=list)
    events: list[AuditEvent] = field(default_factory=list)

    def find(self, chunk: Mapping[str, Observation]) -> None:
        on = PhoneNumber.objects.filter(e164__in=list(chunk), capability="on")
        self.numbers = list(on.select_for_update())
        runs = Check.objects.filter(number__in=self.numbers, is_current=True).select_related("engine")
        current = {(check.number_id, check.engine_id): check for check in runs}
        active = Tag.objects.filter(number__in=self.numbers, ended_at=None, engine=self.engine)
        tagged = {tag.number_id for tag in active}
        for number in self.numbers:
            observation = chunk[number.e164]
            self._look(number, observation, current.get((number.pk, self.engine.pk)))
            if _is_label(observation) and number.pk not in tagged:
                self._tag(number, observation)

    def _look(self, number: PhoneNumber, observation: Observation, run: Check | None) -> None:
        times = {"last_at": self.now, "received_at": self.now, "valid_until": self.now + days(2)}
        number.checked_at, number.fresh_until = self.now, self.now + days(2)
        if run and (run.verdict, run.label) == (observation.verdict.value, observation.label):
            run.last_at, run.received_at, run.valid_until = times.values()
            run.looks += 1
            self.extended.append(run)
            return
        if run:
            run.is_current = False
            self.ended.append(run)
        self.started.append(
            Check(
                account_id=number.account_id,
                number=number,
                engine=self.engine,
                provider=PROVIDER,
                verdict=observation.verdict.value,
                label=observation.label,
                effect=Check.Effect.TAGS if _is_label(observation) else Check.Effect.CLEARS,
                first_at=self.now,
                raw_response=observation.raw_response,
                **times,
            )
        )

    def _tag(self, number: PhoneNumber, observation: Observation) -> None:
        number.spam_status, number.tagged_since = Status.TAGGED, self.now
        of_number = {"account_id": number.account_id, "number": number}
        case = Case(
            state_since=self.now,
            opened_at=self.now,
            deadline_at=self.now + days(30),
            next_action_at=self.now,
            **of_number,
        )
        self.cases.append(case)
        self.submissions.append(Submission(case=case, engine=self.engine))
        fields = {"label": observation.label, "detected_at": self.now, "raw_response": observation.raw_response}
        self.tags.append(Tag(engine=self.engine, case=case, **fields, **of_number))
        self.events += [
            AuditEvent(
                account_id=number.account_id,
                at=self.now,
                via="task",
                code=code,
                subject_type="phonenumber",
                subject_id=number.pk,
                subject_label=number.e164,
                after=observation.label,
            )
            for code in ("tag.detected", "case.opened")
        ]

    def save(self) -> None:
        times = ["last_at", "received_at", "valid_until", "looks"]
        Check.objects.bulk_update(self.extended, times, batch_size=CHUNK)
        Check.objects.bulk_update(self.ended, ["is_current"], batch_size=CHUNK)
        for rows in (self.started, self.cases, self.submissions, self.tags, self.events):
            if rows:
                type(rows[0]).objects.bulk_create(rows)
        fields = ["checked_at", "fresh_until", "spam_status", "tagged_since"]
        PhoneNumber.objects.bulk_update(self.numbers, fields, batch_size=CHUNK)
