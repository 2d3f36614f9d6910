"""A portal that violates no invariant: numbers in each state, a case, a request to a desk, and all that goes with them.

It is made by the functions of the portal, and by factories where no other row depends on how a row came to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.core.files.uploadedfile import SimpleUploadedFile

from enrollment.decisions import decide
from enrollment.models import Application
from portal.audit import Context
from portal.models import Account, User, WebhookEndpoint
from portal.phone.numbers import parse_number
from reputation import phone_numbers
from reputation.bulk_actions import actions
from reputation.imports import pipeline
from reputation.models import BulkAction, Campaign, Case, DeskRequest, NumberImport, PhoneNumber, TestCall, TestRound
from reputation.monitoring import lookups, verification
from reputation.providers.protocol import Stage
from reputation.remediation import sweep
from tests.factories import (
    AccountFactory,
    ApplicationFactory,
    CampaignFactory,
    DeskRequestFactory,
    EngineFactory,
    MemberFactory,
    TelephoneFactory,
    UserFactory,
    WebhookEndpointFactory,
)
from tests.support.provider import FakeVendor

HOUR = timedelta(hours=1)


@dataclass
class SoundPortal:
    account: Account
    other_account: Account
    campaign: Campaign
    clean: PhoneNumber
    tagged: PhoneNumber
    cleared: PhoneNumber
    verifying: PhoneNumber
    off: PhoneNumber
    removed: PhoneNumber
    endpoint: WebhookEndpoint
    number_import: NumberImport
    bulk_action: BulkAction
    request: DeskRequest
    test_call: TestCall
    application: Application

    @property
    def case(self) -> Case:
        """The unfinished case."""
        return Case.objects.get(number=self.tagged)


def create_sound_portal(provider: FakeVendor, account: Account, context: Context) -> SoundPortal:
    now = context.now
    Application.objects.filter(account=account).update(revision=0)
    endpoint = WebhookEndpointFactory(account=account, created_at=now - HOUR)
    campaign = CampaignFactory(account=account)
    clean, tagged, cleared, verifying, removed = (_add(f"+1206555013{digit}", campaign, context) for digit in range(5))
    off = _add("+12065550140", None, context)
    bulk_action = _enable([clean, tagged, cleared, removed], account, context)
    verification.verify_due(now)
    _label_and_clear(provider, tagged, cleared, context)
    phone_numbers.remove([removed.pk], context=context)
    verification.withdraw_due(now)
    provider.answers["verify"] = {"stage": Stage.RECEIVED}
    _enable([verifying], account, context)
    verification.verify_due(now)
    case = Case.objects.get(number=tagged)
    return SoundPortal(
        account=account,
        other_account=AccountFactory(),
        campaign=campaign,
        clean=clean,
        tagged=tagged,
        cleared=cleared,
        verifying=verifying,
        off=off,
        removed=removed,
        endpoint=endpoint,
        number_import=_import(account, context),
        bulk_action=bulk_action,
        request=DeskRequestFactory(case=case, engine=EngineFactory(slug="alpha")),
        test_call=_plan_call(clean, context),
        application=_decide_application(context),
    )


def _add(e164: str, campaign: Campaign | None, context: Context) -> PhoneNumber:
    account = Account.objects.get(name="Cascade Solar LLC")
    return phone_numbers.add(account=account, parsed=parse_number(e164), campaign=campaign, context=context).number


def _enable(numbers: list[PhoneNumber], account: Account, context: Context) -> BulkAction:
    selected = PhoneNumber.objects.for_account(account).filter(pk__in=[number.pk for number in numbers])
    action = actions.create_bulk_action(account=account, context=context, action="enable", numbers=selected)
    actions.confirm(action, context=context)
    return action


def _label_and_clear(provider: FakeVendor, tagged: PhoneNumber, cleared: PhoneNumber, context: Context) -> None:
    """Both engines label both numbers. Of one, neither does any more."""
    for number in (tagged, cleared):
        provider.labels |= {(number.e164, "alpha"): "Spam Likely", (number.e164, "beta"): "Scam Likely"}
    lookups.look_up_due(context.now)
    sweep.advance_due(context.now)
    later = context.now + timedelta(minutes=1)
    del provider.labels[cleared.e164, "alpha"], provider.labels[cleared.e164, "beta"]
    PhoneNumber.objects.filter(pk=cleared.pk).request_lookup(later)
    lookups.look_up_due(later)


def _import(account: Account, context: Context) -> NumberImport:
    upload = SimpleUploadedFile("numbers.csv", b"number\n206 555 0150\n206 555 0151\n")
    batch = pipeline.receive(account=account, upload=upload, context=context)
    pipeline.confirm(batch, context=context)
    return batch


def _plan_call(number: PhoneNumber, context: Context) -> TestCall:
    account = number.account
    round_ = TestRound.objects.create(account=account, minutes=30, created_at=context.now)
    return TestCall.objects.create(
        account=account,
        round=round_,
        number=number,
        telephone=TelephoneFactory(account=account),
        position=1,
        reason=TestCall.Reason.RANDOM,
        day=context.now.date(),
    )


def _decide_application(context: Context) -> Application:
    application = ApplicationFactory(state=Application.State.SUBMITTED)
    MemberFactory(account=application.account)
    reviewer = Context(type(context.actor)(UserFactory(staff_role=User.StaffRole.REVIEWER), "admin"), context.now)
    decide({application.pk: application.revision}, to=Application.State.APPROVED, context=reviewer)
    return application
