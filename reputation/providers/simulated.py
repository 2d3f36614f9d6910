"""Three engines that do not exist, for the demo and for tests: they verify, tag, remediate and dispute in *days*.

What they do follows from a seed, the number, the engine and the time, by hashing, so the same numbers fare the same
way every time. What they were asked, and when, they remember in a small SQLite file of their own, as a vendor's system
on the other side of a network would: the portal's database holds nothing of it, and any number of processes may ask.

The figures of COURSE make a demo of sixty numbers on a quick clock show something of everything within minutes; they
claim nothing about real engines.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from reputation.providers.protocol import (
    EngineInfo,
    EngineResponse,
    Limits,
    Observation,
    ProviderUnavailable,
    Stage,
    SubmitRequest,
)
from reputation.service_clock import days

ENGINES = (
    EngineInfo("sim-hiya", "Hiya (simulated)", ("AT&T",)),
    EngineInfo("sim-first-orion", "First Orion (simulated)", ("T-Mobile",)),
    EngineInfo("sim-tns", "TNS (simulated)", ("Verizon", "UScellular")),
)
ENGINE_NAMES = {engine.slug: engine.name for engine in ENGINES}
LABELS = ("Spam Likely", "Scam Likely", "Telemarketer", "Potential Spam")


@dataclass(frozen=True)
class SimulationParameters:
    """How likely things are (0 to 1) and how long they last (from, to, in days)."""

    verification: tuple[float, float] = (0.5, 3.0)
    refused_at_first: float = 0.03
    # Within the first days; the other numbers may be tagged at some later time.
    tagged_soon: float = 0.2
    soon: tuple[float, float] = (1.0, 5.0)
    later: tuple[float, float] = (15.0, 400.0)
    second_engine: float = 0.3
    second_follows: tuple[float, float] = (0.1, 1.0)
    taken_up: tuple[float, float] = (0.1, 0.4)
    remediation: tuple[float, float] = (1.0, 2.0)
    disputed: float = 0.2
    dispute: tuple[float, float] = (3.0, 6.5)
    cannot_be_removed: float = 0.12
    fades: tuple[float, float] = (30.0, 60.0)
    tagged_again: float = 0.35
    again: tuple[float, float] = (4.0, 15.0)


PARAMETERS = SimulationParameters()


@dataclass(frozen=True)
class StoredRequest:
    """Something an engine was asked: to verify a number, or to remove its label."""

    reference: str
    kind: str
    number: str
    engine: str
    at: datetime
    withdrawn_at: datetime | None
    # How many of the same kind about the same number there were before.
    before: int
    key: str | None = None


@dataclass(frozen=True)
class LabelPeriod:
    """A time in which an engine labels a number: `ends` is when the label goes, by itself or by our asking."""

    begins: datetime
    ends: datetime
    label: str


class SimulatedProvider:
    """The three engines. `clock` and `path` are for tests; a fault can be played by setting `fault`."""

    name = "simulated"
    limits = Limits(verify=100, look_up=100, submit=200, poll=200, withdraw=200, timeout=10)

    def __init__(self, *, path: Path | None = None, clock: Callable[[], datetime] = timezone.now) -> None:
        self._path = path
        self.clock = clock
        self.fault: Exception | None = None

    # The protocol ----------------------------------------------------------------------------------------------------

    def engines(self) -> list[EngineInfo]:
        return list(ENGINES)

    def verify(self, numbers: Sequence[str]) -> list[EngineResponse]:
        """Asked again about the same number while it is being verified, or when it was, it gives the same reference."""
        now = self._begin()
        with self._memory() as memory:
            memory.meet(numbers, now)
            asked = memory.requests("verify", numbers)
            pairs = [(number, engine.slug) for number in numbers for engine in ENGINES]
            new = []
            for number, engine in pairs:
                earlier = asked.get((number, engine), [])
                if not earlier or earlier[-1].withdrawn_at or self._verified(earlier[-1], now).stage is Stage.REFUSED:
                    new.append((number, engine))
            memory.note("verify", new, now)
            asked = memory.requests("verify", numbers)
        return [self._verified(asked[pair][-1], now) for pair in pairs]

    def look_up(self, numbers: Sequence[str]) -> list[Observation]:
        now = self._begin()
        with self._memory() as memory:
            known = memory.meet(numbers, now)
            asked = memory.requests("remove", numbers)
        return [
            self._observation(number, engine.slug, known[number], asked.get((number, engine.slug), []), now)
            for number in numbers
            for engine in ENGINES
        ]

    def submit(self, requests: Sequence[SubmitRequest]) -> list[EngineResponse]:
        now = self._begin()
        numbers = sorted({request.number for request in requests})
        with self._memory() as memory:
            known = memory.meet(numbers, now)
            pairs = [(request.number, request.engine) for request in requests]
            memory.note("remove", pairs, now, keys=[request.key for request in requests])
            asked = memory.requests("remove", numbers)
        by_key = {(mine.key, *pair): mine for pair, ours in asked.items() for mine in ours}
        answers = []
        for request in requests:
            pair = (request.number, request.engine)
            answer = self._removed(by_key[request.key, *pair], known[request.number], asked[pair], now)
            answers.append(replace(answer, key=request.key))
        return answers

    def poll(self, references: Sequence[str]) -> list[EngineResponse]:
        now = self._begin()
        with self._memory() as memory:
            polled = memory.by_reference(references)
            numbers = sorted({request.number for request in polled})
            known = memory.meet(numbers, now)
            removals = memory.requests("remove", numbers)
        return [
            self._verified(request, now)
            if request.kind == "verify"
            else self._removed(request, known[request.number], removals[request.number, request.engine], now)
            for request in polled
        ]

    def withdraw(self, references: Sequence[str]) -> list[EngineResponse]:
        now = self._begin()
        with self._memory() as memory:
            memory.withdraw(references, now)
        return [EngineResponse(Stage.WITHDRAWN, reference=reference) for reference in references]

    # What the engines do ---------------------------------------------------------------------------------------------

    def _verified(self, request: StoredRequest, now: datetime) -> EngineResponse:
        number, engine = request.number, request.engine
        # Most of it is the number's own, so that its engines answer near one another.
        shared = random_between(PARAMETERS.verification, "verification", number, request.before) * 0.8
        own = random_between(PARAMETERS.verification, "verification", number, engine, request.before) * 0.2
        answered_at = request.at + days(shared + own)
        said = {"number": number, "engine": engine, "reference": request.reference}
        if now < answered_at:
            return EngineResponse(Stage.RECEIVED, expected_by=request.at + days(PARAMETERS.verification[1]), **said)
        unlucky = ENGINES[int(random_fraction("who refuses", number) * len(ENGINES))].slug
        if (
            not request.before
            and engine == unlucky
            and random_fraction("refused", number) < PARAMETERS.refused_at_first
        ):
            reason = f"{ENGINE_NAMES[engine]} could not confirm that your business may use this number."
            return EngineResponse(Stage.REFUSED, reason=reason, **said)
        return EngineResponse(Stage.DONE, **said)

    def _removed(
        self, request: StoredRequest, known_since: datetime, removals: list[StoredRequest], now: datetime
    ) -> EngineResponse:
        number, engine = request.number, request.engine
        said = {"number": number, "engine": engine, "reference": request.reference}
        if request.withdrawn_at:
            return EngineResponse(Stage.WITHDRAWN, **said)
        outcome = get_removal_outcome(request)
        labelled = label_period_at(request.at, number, engine, known_since, removals)
        if now < outcome.taken_up_at:
            return EngineResponse(Stage.RECEIVED, expected_by=request.at + days(PARAMETERS.remediation[1]), **said)
        if not labelled:
            return EngineResponse(Stage.DONE, reason="There is no label.", **said)
        if now >= outcome.answered_at:
            if outcome.removed:
                return EngineResponse(Stage.DONE, **said)
            reason = f"{ENGINE_NAMES[engine]} keeps the label: complaints and call patterns bear it out."
            return EngineResponse(Stage.REFUSED, reason=reason, **said)
        if outcome.disputed_at and now >= outcome.disputed_at:
            reason = f"{ENGINE_NAMES[engine]} disputes the request and asks the carriers."
            return EngineResponse(Stage.DISPUTED, reason=reason, expected_by=request.at + days(7), **said)
        return EngineResponse(Stage.IN_REVIEW, expected_by=request.at + days(PARAMETERS.remediation[1]), **said)

    def _observation(
        self, number: str, engine: str, known_since: datetime, removals: list[StoredRequest], now: datetime
    ) -> Observation:
        if episode := label_period_at(now, number, engine, known_since, removals):
            proof = {"spam_risk": "high", "spam_category": episode.label}
            return Observation(number, engine, tagged=True, label=episode.label, proof=proof)
        return Observation(number, engine, tagged=False, proof={"spam_risk": "low"})

    def _begin(self) -> datetime:
        if self.fault:
            raise self.fault
        return self.clock()

    @contextmanager
    def _memory(self) -> Iterator[RequestStore]:
        path = self._path or Path(settings.SIMULATED_DIR) / "engines.sqlite3"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = sqlite3.connect(path, timeout=self.limits.timeout, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise ProviderUnavailable(f"The simulated engines cannot open {path}: {error}") from error
        try:
            connection.execute("BEGIN IMMEDIATE")
            for statement in SCHEMA:
                connection.execute(statement)
            yield RequestStore(connection)
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise ProviderUnavailable(f"The simulated engines are busy: {error}") from error
        finally:
            connection.close()


# Chance ---------------------------------------------------------------------------------------------------------------


def random_fraction(*of: object) -> float:
    """Between 0 and 1, always the same for the same seed and `of`."""
    text = "|".join(map(str, (settings.SIMULATED_SEED, *of)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


def random_between(limits: tuple[float, float], *of: object) -> float:
    return limits[0] + (limits[1] - limits[0]) * random_fraction(*of)


@dataclass(frozen=True)
class RemovalOutcome:
    taken_up_at: datetime
    disputed_at: datetime | None
    answered_at: datetime
    removed: bool


def get_removal_outcome(request: StoredRequest) -> RemovalOutcome:
    """What becomes of a request to remove a label."""
    of = (request.number, request.engine, request.before)
    fate = random_fraction("fate", *of)
    taken_up_at = request.at + days(random_between(PARAMETERS.taken_up, "taken up", *of))
    lasts = days(random_between(PARAMETERS.remediation, "remediation", *of))
    if fate < PARAMETERS.cannot_be_removed:
        return RemovalOutcome(taken_up_at, None, request.at + lasts, removed=False)
    if fate < PARAMETERS.cannot_be_removed + PARAMETERS.disputed:
        dispute = days(random_between(PARAMETERS.dispute, "dispute", *of))
        return RemovalOutcome(taken_up_at, taken_up_at + lasts / 4, request.at + dispute, removed=True)
    return RemovalOutcome(taken_up_at, None, request.at + lasts, removed=True)


def label_periods(
    number: str, engine: str, known_since: datetime, removals: Sequence[StoredRequest]
) -> Iterator[LabelPeriod]:
    """When this engine labels this number, one after the other without end, given what was asked of it."""
    begins = known_since + days(random_between(PARAMETERS.later, "later", number, engine))
    if random_fraction("tagged soon", number) < PARAMETERS.tagged_soon:
        soon = known_since + days(random_between(PARAMETERS.soon, "soon", number))
        if ENGINES[int(random_fraction("who tags", number) * len(ENGINES))].slug == engine:
            begins = soon
        elif random_fraction("second engine", number, engine) < PARAMETERS.second_engine:
            begins = soon + days(random_between(PARAMETERS.second_follows, "second follows", number, engine))
    place = 0
    while True:
        of = (number, engine, place)
        ends = begins + days(random_between(PARAMETERS.fades, "fades", *of))
        for request in removals:
            outcome = get_removal_outcome(request)
            still_asked = request.withdrawn_at is None or request.withdrawn_at >= outcome.answered_at
            if begins <= request.at < ends and outcome.removed and still_asked:
                ends = min(ends, outcome.answered_at)
        yield LabelPeriod(begins, ends, LABELS[int(random_fraction("label", *of) * len(LABELS))])
        again = PARAMETERS.again if random_fraction("again", *of) < PARAMETERS.tagged_again else PARAMETERS.later
        begins = ends + days(random_between(again, "again", *of))
        place += 1


def label_period_at(
    moment: datetime, number: str, engine: str, known_since: datetime, removals: Sequence[StoredRequest]
) -> LabelPeriod | None:
    """The episode in which the moment lies, if any."""
    for episode in label_periods(number, engine, known_since, removals):
        if episode.begins > moment:
            return None
        if moment < episode.ends:
            return episode


# Memory ---------------------------------------------------------------------------------------------------------------

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS known (number TEXT PRIMARY KEY, since TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS request (id INTEGER PRIMARY KEY, key TEXT, kind TEXT NOT NULL, number TEXT NOT NULL,"
    " engine TEXT NOT NULL, at TEXT NOT NULL, withdrawn_at TEXT, UNIQUE (key, number, engine))",
    "CREATE INDEX IF NOT EXISTS request_by_number ON request (number, kind)",
)


class RequestStore:
    """What the simulated vendor remembers, within one transaction of its own file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def meet(self, numbers: Iterable[str], now: datetime) -> dict[str, datetime]:
        """Since when each number is known; those never heard of, since now."""
        numbers = list(numbers)
        self._connection.executemany(
            "INSERT INTO known VALUES (?, ?) ON CONFLICT DO NOTHING", [(number, _to_iso(now)) for number in numbers]
        )
        rows = self._connection.execute(
            f"SELECT number, since FROM known WHERE number IN ({_placeholders(numbers)})", numbers
        )
        return {number: _from_iso(since) for number, since in rows}

    def note(
        self, kind: str, pairs: list[tuple[str, str]], now: datetime, *, keys: Sequence[str | None] | None = None
    ) -> None:
        """Notes a request for each number and engine; one with a key that came before is the same request."""
        self._connection.executemany(
            "INSERT INTO request (key, kind, number, engine, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [
                (key, kind, number, engine, _to_iso(now))
                for (number, engine), key in zip(pairs, keys or [None] * len(pairs), strict=True)
            ],
        )

    def requests(self, kind: str, numbers: Sequence[str]) -> dict[tuple[str, str], list[StoredRequest]]:
        """All of this kind about these numbers, oldest first, by number and engine."""
        found: dict[tuple[str, str], list[StoredRequest]] = {}
        rows = self._connection.execute(
            f"SELECT id, kind, number, engine, at, withdrawn_at, key FROM request WHERE kind = ?"
            f" AND number IN ({_placeholders(numbers)}) ORDER BY id",
            [kind, *numbers],
        )
        for pk, row_kind, number, engine, at, withdrawn_at, key in rows:
            mine = found.setdefault((number, engine), [])
            mine.append(
                StoredRequest(
                    _reference(pk), row_kind, number, engine, _from_iso(at), _from_iso(withdrawn_at), len(mine), key
                )
            )
        return found

    def by_reference(self, references: Sequence[str]) -> list[StoredRequest]:
        ids = [int(reference[4:]) for reference in references if _is_reference(reference)]
        rows = self._connection.execute(
            f"SELECT DISTINCT kind, number FROM request WHERE id IN ({_placeholders(ids)})", ids
        )
        about: dict[str, list[str]] = {}
        for kind, number in rows.fetchall():
            about.setdefault(kind, []).append(number)
        asked = set(references)
        return [
            request
            for kind, numbers in about.items()
            for requests in self.requests(kind, numbers).values()
            for request in requests
            if request.reference in asked
        ]

    def withdraw(self, references: Sequence[str], now: datetime) -> None:
        self._connection.executemany(
            "UPDATE request SET withdrawn_at = ? WHERE id = ? AND withdrawn_at IS NULL",
            [(_to_iso(now), int(reference[4:])) for reference in references if _is_reference(reference)],
        )


def _placeholders(items: Sequence[object]) -> str:
    return ", ".join("?" * len(items))


def _reference(pk: int) -> str:
    return f"SIM-{pk:06}"


def _is_reference(reference: str) -> bool:
    return reference.startswith("SIM-") and reference[4:].isdecimal()


def _to_iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _from_iso(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
