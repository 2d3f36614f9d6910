"""The accounts of the tortured portal: one under load, and one whose number is changed to see whether work passes."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from enrollment.decisions import decide
from enrollment.models import Application
from portal.accounts.api_keys import create_api_key
from portal.audit import Actor, Context
from portal.models import Account, Product, User
from reputation.models import PhoneNumber
from tests.factories import (
    AccountFactory,
    ApplicationFactory,
    CampaignFactory,
    LicenceFactory,
    MemberFactory,
    PhoneNumberFactory,
    UserFactory,
    WebhookEndpointFactory,
)

SCOPES = ("read", "write", "match", "report")
SEATS = 1_000_000
PROBE_NUMBER = "+12065550100"
LOADED_NUMBERS = 400


@dataclass(frozen=True)
class ApiAccount:
    account: Account
    token: str
    campaign_id: int


def create_account(name: str, hook: str) -> ApiAccount:
    """An enrolled account with seats, a campaign, a key, and an endpoint that receives everything."""
    account = AccountFactory(name=name)
    MemberFactory(account=account)
    _approve(ApplicationFactory(account=account, state=Application.State.SUBMITTED))
    for product in (Product.CONTACT_CENTER_ELITE, Product.MONITORING_SKU):
        LicenceFactory(account=account, product=product, seats=SEATS)
    WebhookEndpointFactory(account=account, url=hook)
    context = Context.system(timezone.now())
    _key, token = create_api_key(account=account, name="torture", scopes=SCOPES, expires_at=None, context=context)
    return ApiAccount(account, token, CampaignFactory(account=account, name="Torture").pk)


def _approve(application: Application) -> None:
    reviewer = Actor(UserFactory(staff_role=User.StaffRole.REVIEWER), "admin")
    decide(
        {application.pk: application.revision},
        to=Application.State.APPROVED,
        context=Context(reviewer, timezone.now()),
    )


def list_e164(start: int, count: int) -> list[str]:
    """So many numbers in Seattle and Tacoma that can exist, from `start` on."""
    numbers = []
    for place in range(start, start + count):
        area = ("206", "253")[place % 2]
        numbers.append(f"+1{area}{2_000_000 + place // 2}")
    return numbers


def add_probe_number(probe: ApiAccount) -> PhoneNumber:
    return PhoneNumberFactory(account=probe.account, e164=PROBE_NUMBER)
