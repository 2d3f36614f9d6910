"""PostgreSQL is killed under a running portal: nothing answers 500, and all work is done once it is back."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from django.conf import settings

from tests.portal.webhooks.receiver import Receiver, run_receiver
from tests.support.production import ProductionPortal, production_portal
from tests.support.stopped_postgresql import StoppedPostgresql, stopped_postgresql
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(
    not settings.DATABASES["default"]["ENGINE"].endswith("postgresql"), reason="PostgreSQL is a server, which can stop"
)

COUNT = 40_000
ENABLED = 500
OUTAGE_SECONDS = 20
# Leases of 90 seconds and more, or a queue that waits for ten minutes, are far above it, and a busy machine far below.
BOUND = 60
SET_UP = """
import json, sys
from django.test import Client
from portal.models import Member
from reputation.models import PhoneNumber
from tests.factories import CampaignFactory
from tests.torture.accounts import create_account
url, count, enabled = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
made = create_account("Cascade Solar LLC", url)
fields = {"account": made.account, "region": "US", "kind": "geographic", "area_code": "206"}
numbers = [PhoneNumber(e164=f"+1206{2_000_000 + n}", **fields) for n in range(count)]
ids = [row.pk for row in PhoneNumber.objects.bulk_create(numbers, batch_size=2_000)]
visitor = Client()
visitor.force_login(Member.objects.get(account=made.account).user)
print(json.dumps({
    "token": made.token,
    "campaign": CampaignFactory(account=made.account, name="Autumn").pk,
    "enabled": ids[:enabled],
    "cookies": {name: cookie.value for name, cookie in visitor.cookies.items()},
}))
"""
COUNT_EVENTS = """
import json
from portal.models import WebhookDelivery, WebhookMessage
from reputation.models import PhoneNumber
print(json.dumps({
    "events": [message.event_id for message in WebhookMessage.objects.all()],
    "undelivered": WebhookDelivery.objects.exclude(state=WebhookDelivery.State.DELIVERED).count(),
    "numbers": PhoneNumber.objects.count(),
}))
"""


@dataclass
class Scene:
    """`made` is what SET_UP prints. `api` and `page` ask the portal as a client and as the owner."""

    server: StoppedPostgresql
    portal: ProductionPortal
    receiver: Receiver
    made: dict

    def api(self, method: str, path: str, **options: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.made['token']}"}
        return httpx.request(method, f"{self.portal.url}/api/v1/{path}", headers=headers, timeout=BOUND, **options)

    def page(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.portal.url}{path}", cookies=self.made["cookies"], timeout=BOUND)

    def read_log(self, name: str) -> str:
        return (self.portal.folder / f"{name}.log").read_text()


@pytest.fixture
def scene(tmp_path) -> Iterator[Scene]:
    receiver_is_near = {"WEBHOOK_PRIVATE_ADDRESSES": "1", "WEBHOOK_PLAIN_HTTP": "1"}
    environment = receiver_is_near | {"API_RATE_LIMIT": "0", "WORKERS": "2"}
    with stopped_postgresql() as server, run_receiver() as receiver:
        environment["DATABASE_URL"] = server.url
        with production_portal(tmp_path / "portal", **environment) as portal:
            made = portal.manage(receiver.url, str(COUNT), str(ENABLED), code=SET_UP)
            yield Scene(server, portal, receiver, json.loads(made.splitlines()[-1]))


def begin_work(scene: Scene) -> tuple[str, str]:
    """Begin webhooks, an import and a bulk action; return the paths of the latter two once all are under way."""
    lines = "".join(f"+1253{2_000_000 + n}\n" for n in range(COUNT))
    file = ("numbers.csv", f"number\n{lines}".encode(), "text/csv")
    imported = f"imports/{scene.api('POST', 'imports', files={'file': file}).json()['id']}"
    wait_until(lambda: scene.api("GET", imported).json()["state"] == "ready", seconds=2 * BOUND)
    assigned = scene.api("POST", f"campaigns/{scene.made['campaign']}/assign", json={"filter": {}})
    assert assigned.status_code == 202
    assert scene.api("POST", f"{imported}/confirm").status_code == 202
    assert scene.api("POST", "numbers/enable", json={"ids": scene.made["enabled"]}).status_code == 200
    wait_until(lambda: scene.api("GET", imported).json()["added"], seconds=BOUND)
    return imported, f"bulk-actions/{assigned.json()['id']}"


def check_answers(scene: Scene, *, seconds: float) -> None:
    """Ask pages and the API for so long. Each answer says plainly that the database cannot be used."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        page = scene.page("/number-management/number-reputation/")
        assert (page.status_code, "Retry-After" in page.headers) == (503, True)
        assert "The portal's database cannot be used at the moment" in page.text.replace("&#x27;", "'")
        for answer in (scene.api("GET", "numbers"), scene.api("POST", "match", json={"campaign_id": 1})):
            assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
            assert answer.json()["code"] == "unavailable"
            assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGKILL], ids=["immediate", "killed"])
def test_work_goes_on_once_postgresql_is_back(scene, number):
    imported, assigned = begin_work(scene)
    scene.server.stop(number)
    check_answers(scene, seconds=OUTAGE_SECONDS)
    wait_until(lambda: "All work waits, and nothing is lost" in scene.read_log("worker"), seconds=BOUND)
    scene.server.start()
    wait_until(lambda: scene.page("/number-management/number-reputation/").status_code == 200, seconds=BOUND)
    state = scene.api("GET", imported).json()
    assert state["state"] == "applying", "the import was done before PostgreSQL was stopped"
    wait_until(lambda: scene.api("GET", imported).json()["added"] > state["added"], seconds=BOUND)
    wait_until(lambda: scene.api("GET", imported).json()["state"] == "done", seconds=2 * BOUND)
    wait_until(lambda: scene.api("GET", assigned).json()["state"] == "done", seconds=2 * BOUND)
    assert scene.api("GET", imported).json()["added"] == COUNT
    check_that_nothing_is_lost(scene)


def check_that_nothing_is_lost(scene: Scene) -> None:
    def count() -> dict:
        return json.loads(scene.portal.manage(code=COUNT_EVENTS).splitlines()[-1])

    wait_until(lambda: count()["undelivered"] == 0, seconds=2 * BOUND)
    found = count()
    assert len(found["events"]) >= ENABLED
    assert {request.event_id for request in scene.receiver.accepted} >= set(found["events"])
    assert found["numbers"] == 2 * COUNT
    scene.portal.manage("check_invariants")
    assert '" 500 ' not in scene.read_log("web")
