"""A provider with all roles that asks the stand-in of a vendor over HTTP."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import httpx

from reputation.providers.protocol import (
    ConnectionSettings,
    EngineInfo,
    EngineResponse,
    Limits,
    Observation,
    Prices,
    ProviderUnavailable,
    Role,
    Stage,
    SubmitRequest,
    Verdict,
)

ENGINE = "alpha"
TIMEOUT_SECONDS = 4.0


class TortureVendor:
    name = "torture"
    roles = frozenset({Role.LOOK_UP, Role.REGISTER, Role.REMEDIATE})
    limits = Limits(verify=200, look_up=200, submit=50, poll=50, withdraw=50, timeout=TIMEOUT_SECONDS)
    prices = Prices()

    def __init__(self, connection: ConnectionSettings) -> None:
        self.address = os.environ["TORTURE_VENDOR"]

    @classmethod
    def engines(cls) -> list[EngineInfo]:
        return [EngineInfo(ENGINE, "Alpha", carriers=("Example Mobile",))]

    def look_up(self, numbers: Sequence[str]) -> list[Observation]:
        return [
            Observation(
                result["number"],
                ENGINE,
                Verdict.LABELLED if result["labelled"] else Verdict.CLEAN,
                label="Scam Likely" if result["labelled"] else "",
            )
            for result in self._post("look_up", list(numbers))
        ]

    def verify(self, numbers: Sequence[str]) -> list[EngineResponse]:
        return self._responses("verify", list(numbers))

    def submit(self, requests: Sequence[SubmitRequest]) -> list[EngineResponse]:
        wanted = [{"key": request.idempotency_key, "number": request.number} for request in requests]
        return self._responses("submit", wanted)

    def poll(self, references: Sequence[str]) -> list[EngineResponse]:
        return self._responses("poll", list(references))

    def withdraw(self, references: Sequence[str]) -> list[EngineResponse]:
        return self._responses("withdraw", list(references))

    def _responses(self, operation: str, items: list[Any]) -> list[EngineResponse]:
        return [
            EngineResponse(
                Stage(result["stage"]),
                idempotency_key=result.get("key", ""),
                number=result.get("number", ""),
                engine=ENGINE,
                reference=result["reference"],
            )
            for result in self._post(operation, items)
        ]

    def _post(self, operation: str, items: list[Any]) -> list[dict[str, Any]]:
        try:
            answer = httpx.post(f"{self.address}/{operation}", json=items, timeout=TIMEOUT_SECONDS, trust_env=False)
            answer.raise_for_status()
            return answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderUnavailable(f"The vendor did not answer: {error}") from error
