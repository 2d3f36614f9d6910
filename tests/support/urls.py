"""All addresses of the portal, taken from its URL patterns, and an object for each address that names one.

Tests that walk them cover a new address by themselves; one whose object they cannot make says what to add here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from portal.accounts import api_keys
from portal.audit import Actor, Context
from portal.models import Account, ApiKey, WebhookDelivery
from portal.webhooks import endpoints
from reputation.bulk_actions import actions
from reputation.imports import pipeline
from reputation.models import BulkAction, Case, NumberImport, PhoneNumber
from reputation.views.api_reference import openapi_document
from tests.factories import CampaignFactory, MemberFactory, PhoneNumberFactory, WebhookEndpointFactory


@dataclass(frozen=True)
class Url:
    name: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return self.name

    def of(self, account: Account) -> str:
        """The address about an object of the account."""
        if not self.arguments:
            return reverse(self.name)
        beginnings = [name for name in OBJECT_FACTORIES if self.name == name or self.name.startswith(f"{name}-")]
        if self.arguments != ("pk",) or not beginnings:
            pytest.fail(
                f"The tests that walk all addresses do not know what {self.name} {list(self.arguments)} is about. "
                f"Add to tests/support/urls.py: OBJECTS['{self.name.split('-')[0]}'], a function that makes one for an "
                "account."
            )
        return reverse(self.name, args=[OBJECT_FACTORIES[max(beginnings, key=len)](account).pk])


def create_api_key(account: Account, *scopes: str, **fields: object) -> tuple[ApiKey, str]:
    """A key of the account with these scopes (none named: all), and its token."""
    now = timezone.now()
    asked = {"name": "Dialer", "scopes": scopes or tuple(api_keys.SCOPES), "expires_at": None} | fields
    return api_keys.create_api_key(account=account, context=Context.system(now), **asked)


def create_case(account: Account, state: str = Case.State.OPEN, **fields: object) -> Case:
    now = timezone.now()
    number = PhoneNumberFactory(
        account=account, capability=PhoneNumber.Capability.ON, spam_status=PhoneNumber.SpamStatus.TAGGED
    )
    times = {"opened_at": now, "state_since": now, "deadline_at": now + timedelta(days=7)}
    return Case.objects.create(account=account, number=number, state=state, **times | fields)


def create_bulk_action(account: Account, action: str = BulkAction.Action.ENABLE) -> BulkAction:
    PhoneNumberFactory(account=account)
    return actions.create_bulk_action(
        account=account,
        context=Context(Actor(user=MemberFactory(account=account).user, via="web"), timezone.now()),
        action=action,
        numbers=PhoneNumber.objects.for_account(account),
    )


def create_import(account: Account) -> NumberImport:
    return pipeline.receive(
        account=account,
        upload=SimpleUploadedFile("numbers.csv", b"number\n(206) 255-0143\nno number\n"),
        context=Context(Actor(user=MemberFactory(account=account).user, via="web"), timezone.now()),
    )


def create_webhook_delivery(account: Account) -> WebhookDelivery:
    actor = Actor(user=MemberFactory(account=account).user, via="web")
    return endpoints.send_test_event(WebhookEndpointFactory(account=account), context=Context(actor, timezone.now()))


# By the beginning of the URL's name: what makes the object that its `pk` names, for an account.
OBJECT_FACTORIES: dict[str, Callable[[Account], Model]] = {
    "api-key": lambda account: create_api_key(account)[0],
    "campaign": lambda account: CampaignFactory(account=account),
    "case": create_case,
    "confirmation": create_bulk_action,
    "import": create_import,
    "member": lambda account: MemberFactory(account=account),
    "number": lambda account: PhoneNumberFactory(account=account),
    "phone-number": lambda account: PhoneNumberFactory(account=account),
    "webhook": lambda account: WebhookEndpointFactory(account=account),
    "webhook-delivery": create_webhook_delivery,
}

# What a POST must say to be about something; without it some addresses answer 404 to everybody.
POST_DATA: dict[str, dict[str, str]] = {
    "campaign-change": {"change": "pause"},
    "confirm": {"action": "enable"},
    "webhook-change": {"change": "pause"},
}


def all_page_urls() -> list[Url]:
    """Those of the portal's pages; Django admin guards its own, and the API's are `every_operation`."""
    return list(_walk_patterns(get_resolver().url_patterns))


def _walk_patterns(patterns: Iterable) -> Iterator[Url]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            if str(pattern.pattern) == "api/v1/match":  # an operation that goes round the API library
                continue
            yield Url(pattern.name or str(pattern.pattern), tuple(pattern.pattern.converters))
        elif pattern.app_name not in ("admin", "ninja"):
            yield from _walk_patterns(pattern.url_patterns)


@dataclass(frozen=True)
class ApiOperation:
    """An operation of the API: where and how, and what a request of it must hold to be about something."""

    id: str
    method: str
    path: str
    scope: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return self.id

    def of(self, account: Account) -> str:
        """The address about an object of the account."""
        path = self.path
        for name in self.arguments:
            path = path.replace(f"{{{name}}}", str(OBJECT_FACTORIES[name.removesuffix("_id")](account).pk))
        return path

    def send(self, client: Client, path: str) -> HttpResponse:
        if self.id == "import_numbers":
            return client.post(path, {"file": SimpleUploadedFile("numbers.csv", b"number\n(206) 255-0143\n")})
        body = REQUEST_BODIES.get(self.id)
        return client.generic(
            self.method, path, json.dumps(body) if body else "", content_type="application/json" if body else ""
        )


# By operation: the body without which it answers 415 or 422 to everybody.
REQUEST_BODIES: dict[str, dict[str, object]] = {
    "add_number": {"number": "+12065550143"},
    "change_number": {"label": "Changed"},
    "add_campaign": {"name": "Renewals"},
    "change_campaign": {"is_paused": True},
    "note_ticket": {"reference": "48213"},
    **{name: {"filter": {}} for name in ("enable_numbers", "disable_numbers", "assign_numbers", "unassign_numbers")},
}


def all_api_operations() -> list[ApiOperation]:
    """All operations of the API, taken from its document."""
    return [
        ApiOperation(one["operationId"], method.upper(), path, one["x-scope"], tuple(re.findall(r"{(\w+)}", path)))
        for path, of_path in openapi_document()["paths"].items()
        for method, one in of_path.items()
    ]
