"""An account whose people ask for removals: the provider desk, desks, and steps of requests."""

from datetime import UTC, datetime

import pytest

from portal.audit import Context
from reputation.desks import letters, replies
from reputation.desks.known_desks import create_known_desks
from reputation.models import Desk, DeskRequest, Engine, ShippedDesk
from reputation.remediation import opening
from tests.factories import DeskFactory, MonitoredNumberFactory, TagFactory


@pytest.fixture
def now() -> datetime:
    """A Tuesday, in the morning in New York."""
    return datetime(2026, 12, 1, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def only_own_desks(db) -> None:
    """There are no desks but those that a test creates, or the shipped ones if it uses them."""
    Desk.objects.all().delete()


@pytest.fixture
def shipped_desks(only_own_desks) -> None:
    ShippedDesk.objects.all().delete()
    create_known_desks()


@pytest.fixture(autouse=True)
def desk_provider(switch_providers):
    switch_providers("handset", "desk")


@pytest.fixture
def hiya() -> Engine:
    return Engine.objects.get(slug="hiya")


@pytest.fixture
def desk(hiya):
    return DeskFactory(slug="hiya", name="Hiya", engines=[hiya])


@pytest.fixture
def open_request(account, hiya, desk, now):
    """Labels a number and opens its case; returns its request."""

    def make(number=None, engine=hiya, at=now, **tag) -> DeskRequest:
        number = number or MonitoredNumberFactory(account=account)
        TagFactory(number=number, engine=engine, detected_at=at, last_seen_at=at, **tag)
        opening.open_cases([number.pk], now=at)
        return DeskRequest.objects.filter(number=number).latest("pk")

    return make


@pytest.fixture
def context(actor, now) -> Context:
    return Context(actor, now)


@pytest.fixture
def send(account, actor):
    def send_at(requests, at, **more):
        fields = {"text": "Please review +12065550100.", "attested_by": "Ada Bright"} | more
        draft = letters.LetterDraft(requests[0].desk_id, **fields)
        return letters.send(account, [request.pk for request in requests], draft, context=Context(actor, at))

    return send_at


@pytest.fixture
def reply(account, actor):
    def record(requests, state, at, *, text="We looked at it.", **more):
        return replies.record_reply(
            account,
            [request.pk for request in requests],
            state=state,
            text=text,
            received_at=at,
            context=Context(actor, at),
            **more,
        )

    return record
