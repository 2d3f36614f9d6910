"""Steps on the pages of test calls."""

from __future__ import annotations

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from reputation.models import TestCall, TestRound


def post_action(client: Client, test_round: TestRound, action: str, **data: object) -> HttpResponse:
    """Send a form of the page of a round, as a browser without JavaScript does."""
    return client.post(reverse(f"test-round-{action}", args=[test_round.pk]), data, follow=True)


def take(client: Client, test_round: TestRound, **data: object) -> TestCall:
    """Take the next call, and return it as the page shows it."""
    return post_action(client, test_round, "take", **data).context["call"]


def form_of(call: TestCall, **data: object) -> dict[str, object]:
    return {"call": call.pk, "token": call.lease_token, **data}
