"""Requests to the portal's API, each repeated with its Idempotency-Key until the portal answers."""

from __future__ import annotations

import secrets
import threading
from typing import Any

import httpx

TIMEOUT_SECONDS = 15
PAUSE_SECONDS = 0.5


class Stopped(Exception):
    """The load ended before the portal answered: whether the request was done is not known."""


class ApiClient:
    def __init__(self, url: str, token: str, stopping: threading.Event) -> None:
        self.stopping = stopping
        self.http = httpx.Client(
            base_url=f"{url}/api/v1/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The portal's own answer: failures of the network, 409 for a key in progress, and 5xx are asked again."""
        headers = {"Idempotency-Key": secrets.token_hex(12)} if method != "GET" else {}
        while True:
            try:
                answer = self.http.request(method, path, headers=headers, **options)
                if answer.status_code < 500 and not _is_in_progress(answer):
                    return answer
            except httpx.HTTPError:
                pass
            if self.stopping.wait(PAUSE_SECONDS):
                raise Stopped

    def try_once(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """The answer, or None if there is none."""
        try:
            return self.http.request(method, path, **options)
        except httpx.HTTPError:
            return None

    def wait_for_state(self, path: str, states: set[str]) -> str:
        """Ask until the object has one of the states, and return it."""
        while True:
            answer = self.request("GET", path)
            if answer.status_code == 200 and answer.json()["state"] in states:
                return answer.json()["state"]
            if self.stopping.wait(PAUSE_SECONDS):
                raise Stopped

    def close(self) -> None:
        self.http.close()


def _is_in_progress(answer: httpx.Response) -> bool:
    return answer.status_code == 409 and answer.json().get("code") == "idempotency_under_way"
