"""The simulated provider, for the demo and for tests: three invented engines that verify, tag, remediate and dispute.

Their behaviour is in simulation.py, their memory in simulated_store.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from reputation.providers.protocol import (
    ConnectionSettings,
    EngineInfo,
    EngineResponse,
    Limits,
    Observation,
    Prices,
    Role,
    Stage,
    SubmitRequest,
    Verdict,
)
from reputation.providers.simulated_store import RequestStore, open_store
from reputation.providers.simulation import (
    ENGINE_NAMES,
    ENGINES,
    PARAMETERS,
    StoredRequest,
    get_removal_outcome,
    get_verification_outcome,
    label_period_at,
)
from reputation.service_clock import days


class SimulatedProvider:
    """The provider of the three engines, which are the same for every connection."""

    name = "simulated"
    roles = frozenset({Role.LOOK_UP, Role.REGISTER, Role.REMEDIATE})
    limits = Limits(verify=100, look_up=100, submit=200, poll=200, withdraw=200, timeout=10)
    prices = Prices()
    clock: Callable[[], datetime] = staticmethod(timezone.now)

    def __init__(
        self,
        connection: ConnectionSettings | None = None,
        *,
        path: Path | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Tests pass the `path` of the store and a `clock`."""
        self._path = path
        if clock:
            self.clock = clock

    @classmethod
    def engines(cls) -> list[EngineInfo]:
        return list(ENGINES)

    def verify(self, numbers: Sequence[str]) -> list[EngineResponse]:
        """Repeats the earlier request of a number, unless that was refused or withdrawn."""
        now = self.clock()
        with self._open_store() as store:
            store.get_first_seen(numbers, now)
            earlier = store.get_requests("verify", numbers)
            pairs = [(number, engine.slug) for number in numbers for engine in ENGINES]
            store.add_requests("verify", [pair for pair in pairs if _needs_request(earlier.get(pair), now)], now)
            requests = store.get_requests("verify", numbers)
        return [_verification_response(requests[pair][-1], now) for pair in pairs]

    def look_up(self, numbers: Sequence[str]) -> list[Observation]:
        now = self.clock()
        with self._open_store() as store:
            first_seen = store.get_first_seen(numbers, now)
            removals = store.get_requests("remove", numbers)
        return [
            _observation(number, engine.slug, first_seen[number], removals.get((number, engine.slug), []), now)
            for number in numbers
            for engine in ENGINES
        ]

    def submit(self, requests: Sequence[SubmitRequest]) -> list[EngineResponse]:
        now = self.clock()
        numbers = sorted({request.number for request in requests})
        with self._open_store() as store:
            first_seen = store.get_first_seen(numbers, now)
            pairs = [(request.number, request.engine) for request in requests]
            store.add_requests("remove", pairs, now, keys=[request.idempotency_key for request in requests])
            removals = store.get_requests("remove", numbers)
        by_key = {(stored.idempotency_key, *pair): stored for pair, of_pair in removals.items() for stored in of_pair}
        responses = []
        for request in requests:
            pair = (request.number, request.engine)
            stored = by_key[request.idempotency_key, *pair]
            response = _removal_response(stored, first_seen[request.number], removals[pair], now)
            responses.append(replace(response, idempotency_key=request.idempotency_key))
        return responses

    def poll(self, references: Sequence[str]) -> list[EngineResponse]:
        now = self.clock()
        with self._open_store() as store:
            requests = store.get_by_reference(references)
            numbers = sorted({request.number for request in requests})
            first_seen = store.get_first_seen(numbers, now)
            removals = store.get_requests("remove", numbers)
        return [
            _verification_response(request, now)
            if request.kind == "verify"
            else _removal_response(request, first_seen[request.number], removals[request.number, request.engine], now)
            for request in requests
        ]

    def withdraw(self, references: Sequence[str]) -> list[EngineResponse]:
        now = self.clock()
        with self._open_store() as store:
            store.withdraw(references, now)
        return [EngineResponse(Stage.WITHDRAWN, reference=reference) for reference in references]

    def _open_store(self) -> AbstractContextManager[RequestStore]:
        path = self._path or Path(settings.SIMULATED_DIR) / "engines.sqlite3"
        return open_store(path, timeout=self.limits.timeout)


def _needs_request(earlier: Sequence[StoredRequest] | None, now: datetime) -> bool:
    if not earlier or earlier[-1].withdrawn_at:
        return True
    return _verification_response(earlier[-1], now).stage is Stage.REFUSED


def _respond(
    request: StoredRequest, stage: Stage, *, reason: str = "", expected_by: datetime | None = None
) -> EngineResponse:
    return EngineResponse(
        stage,
        number=request.number,
        engine=request.engine,
        reference=request.reference,
        reason=reason,
        expected_by=expected_by,
    )


def _verification_response(request: StoredRequest, now: datetime) -> EngineResponse:
    outcome = get_verification_outcome(request)
    if now < outcome.answered_at:
        expected_by = request.requested_at + days(PARAMETERS.verification_days[1])
        return _respond(request, Stage.RECEIVED, expected_by=expected_by)
    if outcome.is_refused:
        reason = f"{ENGINE_NAMES[request.engine]} could not confirm that your business may use this number."
        return _respond(request, Stage.REFUSED, reason=reason)
    return _respond(request, Stage.DONE)


def _removal_response(
    request: StoredRequest, first_seen: datetime, removals: Sequence[StoredRequest], now: datetime
) -> EngineResponse:
    if request.withdrawn_at:
        return _respond(request, Stage.WITHDRAWN)
    outcome = get_removal_outcome(request)
    expected_by = request.requested_at + days(PARAMETERS.remediation_days[1])
    if now < outcome.review_started_at:
        return _respond(request, Stage.RECEIVED, expected_by=expected_by)
    if not label_period_at(request.requested_at, request.number, request.engine, first_seen, removals):
        return _respond(request, Stage.DONE, reason="There is no label.")
    name = ENGINE_NAMES[request.engine]
    if now >= outcome.answered_at:
        if outcome.removed:
            return _respond(request, Stage.DONE)
        reason = f"{name} keeps the label: complaints and call patterns bear it out."
        return _respond(request, Stage.REFUSED, reason=reason)
    if outcome.disputed_at and now >= outcome.disputed_at:
        reason = f"{name} disputes the request and asks the carriers."
        return _respond(request, Stage.DISPUTED, reason=reason, expected_by=request.requested_at + days(7))
    return _respond(request, Stage.IN_REVIEW, expected_by=expected_by)


def _observation(
    number: str, engine: str, first_seen: datetime, removals: Sequence[StoredRequest], now: datetime
) -> Observation:
    if period := label_period_at(now, number, engine, first_seen, removals):
        raw_response = {"spam_risk": "high", "spam_category": period.label}
        return Observation(number, engine, Verdict.LABELLED, period.label, raw_response=raw_response)
    return Observation(number, engine, Verdict.CLEAN, raw_response={"spam_risk": "low"})
