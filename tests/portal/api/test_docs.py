"""docs/api.md is correct: its addresses are operations, and its example bodies are accepted."""

import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile

from portal.api.problem_types import PROBLEM_TYPES
from reputation.models import LabelPhoto, TestCall
from reputation.monitoring import engines
from reputation.providers import registry
from tests.factories import CampaignFactory, PhoneNumberFactory
from tests.support.urls import all_api_operations, create_test_call

API_DOC = (Path(settings.BASE_DIR) / "docs/api.md").read_text()
CURL_COMMANDS = re.findall(r'curl (?:-X (\w+) )?"\$API(/[^"?]*)[^"]*"([^\n]*)', API_DOC.replace("\\\n", " "))


def documented_requests() -> list[tuple[str, str, dict | None]]:
    """Method, path and body of each curl command."""
    found = []
    for method, path, rest in CURL_COMMANDS:
        body = re.search(r"-d '(.*)'", rest)
        sends = body or "-F file" in rest
        found.append((method or ("POST" if sends else "GET"), path, json.loads(body[1]) if body else None))
    return found


def test_every_curl_command_is_an_operation():
    known = {(one.method, re.sub(r"{\w+}", "17", one.path.removeprefix("/api/v1"))) for one in all_api_operations()}
    asked = {(method, path) for method, path, _ in documented_requests()}
    assert len(asked) > 5
    assert asked <= known


@pytest.mark.django_db
def test_every_example_body_is_accepted(api_client, account, settings):
    settings.PROVIDERS = ["handset"]
    registry._load_providers.cache_clear()
    engines.sync_engines()
    CampaignFactory(account=account, pk=12)
    PhoneNumberFactory(account=account)
    LabelPhoto.objects.create(pk=17, account=account, file=ContentFile(b"photo", name="photo.jpg"))
    TestCall.objects.filter(pk=create_test_call(account).pk).update(id=17, lease_token="TOKEN")
    bodies = [(path, body) for _, path, body in documented_requests() if body]
    assert bodies
    for path, body in bodies:
        answer = api_client.post(f"/api/v1{path}", json.dumps(body), content_type="application/json")
        assert answer.status_code in (200, 201), answer.content


def test_documented_statuses_are_those_of_problems():
    named = {int(status) for status in re.findall(r"\((4\d\d)\)", API_DOC)}
    assert named == {409, 412, 422}
    assert named <= {kind.status for kind in PROBLEM_TYPES.values()}
