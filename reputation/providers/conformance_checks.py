"""The checks of the conformance suite: what a well-formed answer is, and that nothing uses the network."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from django.utils import timezone

from reputation.providers.protocol import EngineResponse, Observation, Stage, Verdict


def require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def check_observation(answer: Observation, engines: set[str]) -> None:
    require(isinstance(answer, Observation), f"look_up answers {answer!r} instead of an Observation.")
    require(answer.engine in engines or not answer.engine, f"look_up answers for the unknown engine {answer.engine}.")
    require(isinstance(answer.verdict, Verdict), f"{answer.verdict!r} is no Verdict.")
    has_label = bool(answer.label or answer.severity)
    require(not (has_label and answer.verdict is Verdict.CLEAN), f"A clean answer has the label {answer.label!r}.")
    _check_times(answer.observed_at, answer.expires_at)
    is_past = answer.observed_at is None or answer.observed_at <= timezone.now()
    require(is_past, f"observed_at is in the future: {answer.observed_at}.")
    _check_cost(answer.cost)
    try:
        json.dumps(answer.raw_response)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"raw_response is not made of plain JSON values: {error}.") from error


def check_response(answer: EngineResponse, operation: str, engines: set[str]) -> None:
    require(isinstance(answer, EngineResponse), f"{operation} answers {answer!r} instead of an EngineResponse.")
    require(isinstance(answer.stage, Stage), f"{answer.stage!r} is no Stage.")
    if operation == "verify":
        require(answer.engine in engines, f"verify answers for the unknown engine {answer.engine!r}.")
    wait_until = answer.wait.until if answer.wait else None
    _check_times(answer.expected_by, wait_until)
    _check_cost(answer.cost)


def _check_times(*times: datetime | None) -> None:
    naive = [at for at in times if at and timezone.is_naive(at)]
    require(not naive, f"A time has no time zone: {naive}.")


def _check_cost(cost: Decimal) -> None:
    require(isinstance(cost, Decimal) and cost >= 0, f"The cost is no Decimal from 0 on: {cost!r}.")


@contextmanager
def watch_network() -> Iterator[list[str]]:
    """The names of the calls that would have used the network. They fail."""
    calls: list[str] = []

    def refuse(name: str) -> Any:
        def fail(*args: object, **kwargs: object) -> None:
            calls.append(f"socket.{name}")
            raise OSError("No network call is allowed here.")

        return fail

    with (
        patch.object(socket.socket, "connect", refuse("connect")),
        patch.object(socket.socket, "connect_ex", refuse("connect_ex")),
        patch.object(socket, "getaddrinfo", refuse("getaddrinfo")),
    ):
        try:
            yield calls
        except OSError:
            if not calls:
                raise
