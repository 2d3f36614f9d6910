"""All URLs of the portal, read from its URL patterns, with an object for each URL that needs one.

Tests that go through all URLs cover new ones automatically. They fail for a URL whose object they cannot create, and
say what to add here.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from portal.accounts import api_keys
from portal.accounts.roles import API_SCOPES
from portal.audit import Actor, Context
from portal.models import Account, ApiKey, Invitation, WebhookDelivery
from portal.webhooks import endpoints
from reputation.bulk_actions import actions
from reputation.desks import registrations
from reputation.desks.registrations import RegistrationDraft
from reputation.imports import pipeline
from reputation.models import (
    BulkAction,
    Case,
    Desk,
    DeskLetter,
    DeskRequest,
    Engine,
    EngineList,
    LabelPhoto,
    LabelReport,
    NumberImport,
    PhoneNumber,
    TestCall,
    Tester,
    TestRound,
)
from reputation.test_calls import rounds, testers
from reputation.views.api_reference import openapi_document
from tests.factories import (
    CampaignFactory,
    InvitationFactory,
    MemberFactory,
    PhoneNumberFactory,
    TelephoneFactory,
    WebhookEndpointFactory,
)
from tests.support.desks import create_desk, create_request
from tests.support.second_factors import add_passkey

TOKEN = "0123456789abcdef"


@dataclass(frozen=True)
class Url:
    name: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return self.name

    def of(self, account: Account) -> str:
        """The path, for a new object of the account if the URL has an id."""
        if not self.arguments:
            return reverse(self.name)
        prefixes = [name for name in OBJECT_FACTORIES if self.name == name or self.name.startswith(f"{name}-")]
        if self.arguments != ("pk",) or not prefixes:
            pytest.fail(
                f"The tests of all URLs cannot create an object for {self.name} {list(self.arguments)}. Add to "
                f"tests/support/urls.py: OBJECT_FACTORIES['{self.name.split('-')[0]}'], a function of an account."
            )
        return reverse(self.name, args=[OBJECT_FACTORIES[max(prefixes, key=len)](account).pk])


def create_api_key(account: Account, *scopes: str, **fields: object) -> tuple[ApiKey, str]:
    """A new key of the account with these scopes (default: all), and its token."""
    now = timezone.now()
    arguments = {"name": "Dialer", "scopes": scopes or tuple(API_SCOPES), "expires_at": None} | fields
    return api_keys.create_api_key(account=account, context=Context.system(now), **arguments)


def create_invitation_of_member(account: Account) -> Invitation:
    """Another account invites a member of this one, or a stranger if it has none."""
    member = account.members.first()
    return InvitationFactory(email=member.user.email) if member else InvitationFactory()


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


def create_registration_letter(account: Account) -> DeskLetter:
    """A letter to the registry about a new number."""
    return registrations.send(
        account,
        Desk.objects.get(slug="free-caller-registry"),
        [PhoneNumberFactory(account=account).pk],
        RegistrationDraft("Company: Example", "numbers.csv", "phone number\n", "Ada Park", "numbers@example.com"),
        context=Context(Actor(user=MemberFactory(account=account).user, via="web"), timezone.now()),
    )


def create_engine_list(account: Account) -> EngineList:
    now = timezone.now()
    problems = {"problems": [[3, "This is text, not a phone number."]], "problem_count": 1}
    unknown = {"unknown_numbers": [[2, "+12062000199"]], "unknown_count": 1, "unknown_grades": {"B": 1}}
    return EngineList.objects.create(
        account=account,
        engine=Engine.objects.get(slug="hiya"),
        shown_at=now,
        read_at=now,
        counts={"listed": 1, "unknown": 1},
        **problems,
        **unknown,
    )


def create_webhook_delivery(account: Account) -> WebhookDelivery:
    actor = Actor(user=MemberFactory(account=account).user, via="web")
    return endpoints.send_test_event(WebhookEndpointFactory(account=account), context=Context(actor, timezone.now()))


def create_round(account: Account, count: int = 2) -> TestRound:
    """A round with so many calls at most, each to another number and all to one new telephone."""
    TelephoneFactory(account=account)
    PhoneNumberFactory.create_batch(count, account=account)
    context = Context(Actor(user=MemberFactory(account=account).user, via="web"), timezone.now())
    return rounds.create_round(account, 2 * count, context=context)


def create_tester(account: Account) -> tuple[Tester, str]:
    """A tester of a new telephone, and the token of the link."""
    return testers.invite_tester(TelephoneFactory(account=account), "Anna", context=Context.system(timezone.now()))


def create_desk_with_request(account: Account) -> Desk:
    """A desk to which only this account has a request."""
    desk = create_desk(slug=uuid.uuid4().hex)
    create_request(account, desk, now=timezone.now())
    return desk


def create_letter(account: Account) -> DeskLetter:
    """A letter with a file, that was sent for one request."""
    now = timezone.now()
    desk = create_desk_with_request(account)
    letter = DeskLetter.objects.create(
        account=account,
        desk=desk,
        text="Please review.",
        file_name="numbers.csv",
        file_content="number\n2065550143\n",
        attested_by="Dana Reyes",
        sent_at=now,
    )
    DeskRequest.objects.filter(desk=desk).update(letter=letter, state=DeskRequest.State.SENT, sent_at=now)
    return letter


def create_label_report(account: Account) -> LabelReport:
    """An open report of a label."""
    now = timezone.now()
    number = PhoneNumberFactory(account=account)
    return LabelReport.objects.create(account=account, number=number, label="Spam", reported_at=now, state_since=now)


def create_test_call(account: Account) -> TestCall:
    """A call of a new round, taken by a program whose token is TOKEN, and followed by a call that is free."""
    now = timezone.now()
    test_round = TestRound.objects.create(account=account, minutes=9, created_at=now)
    taken, _free = TestCall.objects.bulk_create(
        TestCall(
            account=account,
            round=test_round,
            number=PhoneNumberFactory(account=account),
            telephone=TelephoneFactory(account=account),
            position=position,
            reason="unseen",
            day=now.date(),
            lease_token=token,
            lease_until=now + timedelta(minutes=5) if token else None,
        )
        for position, token in ((1, TOKEN), (2, ""))
    )
    return taken


def create_label_photo(account: Account) -> LabelPhoto:
    """A photo with a file, which holds no picture."""
    return LabelPhoto.objects.create(account=account, file=ContentFile(b"photo", name="photo.jpg"))


# By prefix of the URL name, or by name of an id in the API: a function that creates the object for an account.


def create_session(account: Account) -> UserSession:
    """A session of the account's first member."""
    member = account.members.order_by("pk").first() or MemberFactory(account=account)
    client = Client()
    client.force_login(member.user)
    return UserSession.objects.create(user=member.user, ip="203.0.113.9", session_key=client.session.session_key)


def create_passkey(account: Account) -> Authenticator:
    """A passkey of the account's first member."""
    member = account.members.order_by("pk").first() or MemberFactory(account=account)
    return add_passkey(member.user)


OBJECT_FACTORIES: dict[str, Callable[[Account], Model]] = {
    "api-key": lambda account: create_api_key(account)[0],
    "bulk-action": create_bulk_action,
    "bulk_action": create_bulk_action,
    "campaign": lambda account: CampaignFactory(account=account),
    "case": create_case,
    "desk": create_desk_with_request,
    "desk-letter": create_letter,
    "desk-request": lambda account: DeskRequest.objects.get(desk=create_desk_with_request(account)),
    "desk-hiya-list": create_engine_list,
    "desk-registration-letter": create_registration_letter,
    "import": create_import,
    "invitation": lambda account: InvitationFactory(account=account),
    **dict.fromkeys(("invitation-accept", "invitation-decline"), create_invitation_of_member),
    "test_call": lambda account: create_test_call(account),
    "test_round": lambda account: create_test_call(account).round,
    "label-photo": create_label_photo,
    "label-report": create_label_report,
    "label_report": create_label_report,
    "session-end": create_session,
    "mfa_edit_webauthn": create_passkey,
    "mfa_remove_webauthn": create_passkey,
    "member": lambda account: MemberFactory(account=account),
    "number": lambda account: PhoneNumberFactory(account=account),
    "phone-number": lambda account: PhoneNumberFactory(account=account),
    "telephone": lambda account: TelephoneFactory(account=account),
    "test-round": create_round,
    "test-tester": lambda account: create_tester(account)[0],
    "webhook": lambda account: WebhookEndpointFactory(account=account),
    "webhook-delivery": create_webhook_delivery,
    "webhook-redeliver": create_webhook_delivery,
}


def all_page_urls() -> list[Url]:
    """The URLs of the portal's pages, without Django admin and the API (see `all_api_operations`)."""
    return list(_walk_patterns(get_resolver().url_patterns))


def _walk_patterns(patterns: Iterable) -> Iterator[Url]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            if str(pattern.pattern) == "api/v1/match":  # an API operation that bypasses Django Ninja
                continue
            yield Url(pattern.name or str(pattern.pattern), tuple(pattern.pattern.converters))
        elif pattern.app_name not in ("admin", "ninja"):
            yield from _walk_patterns(pattern.url_patterns)


@dataclass(frozen=True)
class ApiOperation:
    """An operation of the API."""

    id: str
    method: str
    path: str
    scope: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return self.id

    def of(self, account: Account) -> str:
        """The path, with the ids of new objects of the account."""
        path = self.path
        for name in self.arguments:
            path = path.replace(f"{{{name}}}", str(OBJECT_FACTORIES[name.removesuffix("_id")](account).pk))
        return path

    def send(self, client: Client, path: str) -> HttpResponse:
        if self.id == "import_numbers":
            return client.post(path, {"file": SimpleUploadedFile("numbers.csv", b"number\n(206) 255-0143\n")})
        if self.id == "add_label_photo":
            return client.post(path, {"file": SimpleUploadedFile("label.png", b"no picture")})
        body = REQUEST_BODIES.get(self.id)
        return client.generic(
            self.method, path, json.dumps(body) if body else "", content_type="application/json" if body else ""
        )


# By operation: a body without which the request gets 415 or 422.
REQUEST_BODIES: dict[str, dict[str, object]] = {
    "add_number": {"number": "+12065550143"},
    "change_number": {"label": "Changed"},
    "add_campaign": {"name": "Renewals"},
    "change_campaign": {"is_paused": True},
    "choose_columns": {"columns": {"1": "number"}},
    "note_ticket": {"reference": "48213"},
    "ask_again": {"what_changed": "At most 40 calls a day."},
    "report_label": {"number": "+12065550143", "label": "Scam Likely"},
    "create_test_round": {"minutes": 30},
    "record_test_call": {"token": TOKEN, "result": "no_label"},
    "undo_test_call": {"token": TOKEN},
    "give_back_test_call": {"token": TOKEN},
    "release_numbers": {"filter": {}, "reason": "The carrier removed the label."},
    **{name: {"filter": {}} for name in ("enable_numbers", "disable_numbers", "assign_numbers", "unassign_numbers")},
}


def all_api_operations() -> list[ApiOperation]:
    """All operations in the OpenAPI document."""
    return [
        ApiOperation(
            operation["operationId"], method.upper(), path, operation["x-scope"], tuple(re.findall(r"{(\w+)}", path))
        )
        for path, operations in openapi_document()["paths"].items()
        for method, operation in operations.items()
    ]
