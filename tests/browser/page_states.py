"""Every page of the portal, in each state in which it looks different.

A new URL gets one state automatically, with an object that tests/support/urls.py creates. Pages that look different
in different states are listed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from enrollment.models import Application
from portal.accounts import api_keys
from portal.accounts.licensing import Product
from portal.audit import Actor, Context
from portal.authentication.second_factors import has_second_factor
from portal.environment import BASE_DIR
from portal.models import Account, ApiKey, Member, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from portal.webhooks import endpoints
from reputation.bulk_actions import actions
from reputation.bulk_actions.selection import get_selectable_numbers
from reputation.demo.dataset import ANSWERS, BUSINESS, CASCADE
from reputation.imports import pipeline
from reputation.models import BulkAction, Campaign, Case, NumberImport, PhoneNumber, TestCall
from reputation.monitoring import capability
from reputation.test_calls import results, rounds
from reputation.test_calls.testers import invite_tester
from reputation.views.call_station import ACTIONS
from tests.factories import (
    AccountFactory,
    InvitationFactory,
    LicenceFactory,
    MemberFactory,
    PhoneNumberFactory,
    TelephoneFactory,
    UserFactory,
    WebhookEndpointFactory,
)
from tests.support.second_factors import add_app
from tests.support.urls import (
    Url,
    all_page_urls,
    create_api_key,
    create_case,
    create_label_photo,
    create_label_report,
    create_round,
    create_test_call,
    create_tester,
)

Action = BulkAction.Action
SAMPLE_NUMBERS = BASE_DIR / "docs" / "sample-numbers.csv"


@dataclass(frozen=True)
class PageState:
    """A page as one person sees it. `member` is None for a visitor who is not signed in. A state that differs little
    from another is not `looked_at_closely`."""

    name: str
    address: str
    member: Member | None
    looked_at_closely: bool = True


def page_states() -> Iterator[PageState]:
    """Yield all page states. The demo data must exist."""
    account = Account.objects.get(name=CASCADE)
    owner = account.members.filter(role=Member.Role.OWNER).get()
    viewer = account.members.filter(role=Member.Role.VIEWER).get()
    empty = MemberFactory(account=AccountFactory(name="Nothing Yet Inc."), role=Member.Role.OWNER)
    for url in all_page_urls():
        if url.name in PUBLIC_PAGES:
            yield PageState(url.name, PUBLIC_PAGES[url.name](url), None)
        elif url.name in STATE_BUILDERS:
            for name, address, member in STATE_BUILDERS[url.name](url, account, owner):
                yield PageState(f"{url.name}: {name}", address, member)
        else:
            yield PageState(url.name, url.of(account), owner)
        if not url.arguments and url.name not in PUBLIC_PAGES:
            yield PageState(f"{url.name}: nothing there yet", reverse(url.name), empty, looked_at_closely=False)
            yield PageState(f"{url.name}: as a viewer", reverse(url.name), viewer, looked_at_closely=False)
    yield PageState("a page that does not exist", "/no-such-page/", owner)


StateRow = tuple[str, str, Member | None]


def _numbers(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    present = PhoneNumber.objects.for_account(account)
    for status, enabled in present.order_by().values_list("spam_status", "capability").distinct():
        number = present.filter(spam_status=status, capability=enabled).first()
        yield f"{status}, {enabled}", reverse(url.name, args=[number.pk]), owner
    yield "abroad", reverse(url.name, args=[present.exclude(region="US").first().pk]), owner
    report, call = create_label_report(account), create_test_call(account)
    values = {"number": report.number, "state": "counted", "result": "label", "label": "Spam"}
    TestCall.objects.filter(pk=call.pk).update(**values, answered_at=timezone.now(), photo=create_label_photo(account))
    yield "with a test call and a report", reverse(url.name, args=[report.number_id]), owner


def _cases(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    for state in Case.State:
        case = Case.objects.for_account(account).filter(state=state).first() or create_case(account, state)
        yield str(state), reverse(url.name, args=[case.pk]), owner


def _campaigns(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    tagged = Campaign.objects.for_account(account).filter(default_number__in=PhoneNumber.objects.tagged()).first()
    yield "tagged default", reverse(url.name, args=[tagged.pk]), owner
    paused, _ = Campaign.objects.get_or_create(account=account, name="Paused", is_paused=True, automatic_matching=False)
    yield "paused, without numbers", reverse(url.name, args=[paused.pk]), owner


def _campaign_pages(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    for name, address, member in _campaigns(url, account, owner):
        yield name, address, member
        yield f"{name}, tried", f"{address}?call=2063550199", member


def _bulk_actions(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    def opened(action: str) -> BulkAction:
        campaign = Campaign.objects.for_account(account).first() if "assign" in action else None
        return actions.create_bulk_action(
            account=account,
            context=Context(actor, timezone.now()),
            action=action,
            numbers=get_selectable_numbers(action, account, campaign),
            campaign=campaign,
        )

    actor = Actor(user=owner.user, via="web")
    for action in Action:
        yield f"{action}, shown", reverse(url.name, args=[opened(action).pk]), owner
    under_way = opened(Action.DISABLE)
    BulkAction.objects.filter(pk=under_way.pk).update(state=BulkAction.State.APPLYING, total_count=40, applied_count=13)
    yield "under way", reverse(url.name, args=[under_way.pk]), owner
    prepared = opened(Action.DISABLE)
    preparing = {"state": BulkAction.State.PREPARING, "expected_count": 90_000, "selected_count": 20_000}
    BulkAction.objects.filter(pk=prepared.pk).update(**preparing)
    yield "being prepared", reverse(url.name, args=[prepared.pk]), owner
    stopped = {"state": BulkAction.State.DONE, "is_stopped": True, "total_count": 40, "applied_count": 13}
    BulkAction.objects.filter(pk=prepared.pk).update(**stopped)
    yield "stopped", reverse(url.name, args=[prepared.pk]), owner
    done = opened(Action.ASSIGN)
    actions.confirm(done, context=Context(actor, timezone.now()))
    yield "done", reverse(url.name, args=[done.pk]), owner


def _imports(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    actor, state = Actor(user=owner.user, via="web"), NumberImport.State

    def received() -> NumberImport:
        file = SimpleUploadedFile("sample-numbers.csv", SAMPLE_NUMBERS.read_bytes())
        return pipeline.receive(account=account, upload=file, context=Context(actor, timezone.now()))

    shown = received()
    yield "ready", reverse(url.name, args=[shown.pk]), owner
    for way, fields in {
        state.READING: {"byte_offset": shown.size // 3},
        state.APPLYING: {"added": shown.will_add // 3, "confirmed_at": timezone.now()},
        state.STOPPED: {"added": shown.will_add // 3, "confirmed_at": timezone.now(), "ended_at": timezone.now()},
        state.FAILED: {"reason": "The file ends within a quoted cell.", "ended_at": timezone.now()},
        state.CANCELLED: {"ended_at": timezone.now()},
    }.items():
        other = received()
        NumberImport.objects.filter(pk=other.pk).update(state=way, **fields)
        yield str(way), reverse(url.name, args=[other.pk]), owner
    pipeline.confirm(shown, context=Context(actor, timezone.now()))
    yield "done", reverse(url.name, args=[shown.pk]), owner


def _enrollments(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    for state in Application.State:
        yield str(state), reverse(url.name), _member_with_application(state)


def _member_with_application(state: str) -> Member:
    name = f"{Application.State(state).label} Inc."
    if member := Member.objects.filter(account__name=name).first():
        return member
    member = MemberFactory(account=AccountFactory(name=name), role=Member.Role.OWNER)
    LicenceFactory(account=member.account, product=Product.MONITORING_SKU, seats=5)
    Application.objects.create(
        account=member.account,
        state=state,
        business=BUSINESS,
        answers={name: {"answer": answer, "note": note, "wording": "1"} for name, (answer, note) in ANSWERS.items()},
        reason="" if state in (Application.State.DRAFT, Application.State.SUBMITTED) else "The EIN names another firm.",
    )
    return member


def _endpoint_with_deliveries(account: Account, owner: Member) -> WebhookEndpoint:
    """Create an endpoint with a delivered, a failed and a pending delivery."""
    actor, now = Actor(user=owner.user, via="web"), timezone.now()
    endpoint = WebhookEndpointFactory(account=account, url=f"https://receiver.example.com/{'long-path/' * 12}")
    number = PhoneNumberFactory(account=account)
    capability.enable([number.pk], context=Context(actor, now))
    endpoints.send_test_event(endpoint, context=Context(actor, now))
    endpoints.send_test_event(endpoint, context=Context(actor, now))
    answers = {"delivered": (200, "Answered 200 OK."), "failed": (None, "No answer within 15 seconds.")}
    deliveries = WebhookDelivery.objects.filter(endpoint=endpoint).order_by("pk")
    for delivery, (state, (status, said)) in zip(deliveries, answers.items(), strict=False):
        WebhookAttempt.objects.create(
            delivery=delivery, at=now, status_code=status, summary=said, duration_ms=1234, response_body="x" * 300
        )
        WebhookDelivery.objects.filter(pk=delivery.pk).update(
            state=state, attempts=1, last_summary=said, ended_at=now, next_action_at=None
        )
    return endpoint


def _webhooks(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    endpoint = _endpoint_with_deliveries(account, owner)
    admin = account.members.filter(role=Member.Role.ADMIN).first()
    row = WebhookEndpoint.objects.filter(pk=endpoint.pk)
    row.update(previous_secret=endpoint.secret, previous_secret_expires_at=timezone.now() + timedelta(hours=20))
    yield "active, secret replaced", reverse(url.name, args=[endpoint.pk]), owner
    yield "as an admin", reverse(url.name, args=[endpoint.pk]), admin
    failing = _endpoint_with_deliveries(account, owner)
    soon = timezone.now() + timedelta(hours=1)
    WebhookEndpoint.objects.filter(pk=failing.pk).update(
        consecutive_failures=3,
        failing_since=timezone.now(),
        backoff_until=soon,
        last_summary="No answer within 15 seconds.",
    )
    yield "failing", reverse(url.name, args=[failing.pk]), owner
    paused = _endpoint_with_deliveries(account, owner)
    endpoints.pause_unreachable(
        paused, reason=endpoints.RECEIVER_GONE, context=Context(Actor(user=None, via="task"), timezone.now())
    )
    yield "paused", reverse(url.name, args=[paused.pk]), owner


def _webhook_deliveries(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    for delivery in WebhookDelivery.objects.filter(endpoint=_endpoint_with_deliveries(account, owner)):
        yield str(delivery.state), reverse(url.name, args=[delivery.pk]), owner


def _api_keys(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    actor, now = Actor(user=owner.user, via="web"), timezone.now()
    create_api_key(account, "match", name="Dialer in Seattle", expires_at=now + timedelta(days=90))
    create_api_key(account, name="Reports", expires_at=now - timedelta(days=1))
    revoked, _ = create_api_key(account, "read", "write", name="The former CRM")
    api_keys.revoke_api_key(revoked, context=Context(actor, now))
    ApiKey.objects.filter(pk=revoked.pk).update(last_used_at=now)
    stopped, _ = create_api_key(account, "report", name="Agents", allowed_networks="203.0.113.0/24 2001:db8::/32")
    ApiKey.objects.filter(pk=stopped.pk).update(created_by=UserFactory(name="Pat Long-gone"))
    yield "some that work", reverse(url.name), owner


def _test_rounds(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    """The round of a member who has a call, with results of each kind, and the same round once it has ended."""
    test_round = create_round(account, len(TestCall.Result) + 3)
    caller, now = rounds.Caller(user=owner.user), timezone.now()
    yield "no call taken", reverse(url.name, args=[test_round.pk]), owner
    for result in TestCall.Result:
        call = rounds.take_call(account, caller=caller, now=now, test_round=test_round)
        results.record_result(call, result, now=now, label="Scam Likely", name="Cascade Solar")
    yield "after a call that did not arrive", reverse(url.name, args=[test_round.pk]), owner
    rounds.take_call(account, caller=caller, now=now, test_round=test_round)
    yield "a call taken", reverse(url.name, args=[test_round.pk]), owner
    rounds.end_round(test_round, context=Context(Actor(user=owner.user, via="web"), now))
    yield "ended", reverse(url.name, args=[test_round.pk]), owner


def _telephones(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    settings_known = {"android_caller_id": True, "android_filter": True, "samsung_smart_call": True}
    for name, fields in {
        "proven": {},
        "not proven": {"proven_until": None},
        "prepaid, set up in part": {
            "plan": "prepaid",
            "system": "android",
            "make": "Samsung",
            "protection": settings_known,
        },
    }.items():
        telephone = TelephoneFactory(account=account, name=f"Telephone that is {name}", **fields)
        invite_tester(telephone, "Anna", context=Context.system(timezone.now()))
        yield name, reverse(url.name, args=[telephone.pk]), owner


def _tester_pages(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    tester, token = create_tester(account)
    address, now = reverse(url.name, args=[token]), timezone.now()
    yield "without a call", address, None
    if url.name != "tester":
        return
    create_round(account, 12)
    caller = rounds.Caller(tester=tester)
    if call := rounds.take_call(account, caller=caller, now=now):
        results.record_result(call, TestCall.Result.NOT_ARRIVED, now=now)
    rounds.take_call(account, caller=caller, now=now)
    yield "with a call", address, None
    yield "the link does not exist", reverse(url.name, args=["no-such-token"]), None


def _second_factors(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    if not has_second_factor(owner.user):
        add_app(owner.user)
    yield "with an app", reverse(url.name), owner


# By URL name: a function that yields (state, address, member).
def _members(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    InvitationFactory(account=account, role=Member.Role.ADMIN)
    yield "somebody is invited", reverse(url.name), owner


def _invitations(url: Url, account: Account, owner: Member) -> Iterator[StateRow]:
    inviting = MemberFactory(account=AccountFactory(name="Harbor Roofing"), role=Member.Role.OWNER)
    InvitationFactory(account=inviting.account, email=owner.user.email, invited_by=inviting.user)
    yield "invited", reverse(url.name), owner


STATE_BUILDERS: dict[str, Callable[[Url, Account, Member], Iterator[StateRow]]] = {
    "api-keys": _api_keys,
    "number": _numbers,
    "case": _cases,
    "case-ticket": _cases,
    "case-ask-again": _cases,
    "case-ticket-mail": _cases,
    "case-retire": _cases,
    "campaign": _campaign_pages,
    "campaign-assign": _campaigns,
    "campaign-default": _campaigns,
    "bulk-action": _bulk_actions,
    "import": _imports,
    "invitations": _invitations,
    "members": _members,
    "services-details": _enrollments,
    "telephone": _telephones,
    "test-round": _test_rounds,
    "tester": _tester_pages,
    **dict.fromkeys((f"tester-{name}" for name in ACTIONS), _tester_pages),
    **dict.fromkeys(("mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_download_recovery_codes"), _second_factors),
    "webhook": _webhooks,
    "webhook-delivery": _webhook_deliveries,
    **dict.fromkeys(
        (
            "enrollment",
            "enrollment-business",
            "enrollment-practices",
            "enrollment-check",
            "enrollment-reply",
            "enrollment-withdraw",
        ),
        _enrollments,
    ),
}

PUBLIC_PAGES: dict[str, Callable[[Url], str]] = {
    "account_login": lambda url: reverse("account_login"),
    "account_logout": lambda url: reverse("account_logout"),
    "account_reset_password": lambda url: reverse("account_reset_password"),
    "account_reset_password_done": lambda url: reverse("account_reset_password_done"),
    "account_inactive": lambda url: reverse("account_inactive"),
    "mfa_authenticate": lambda url: reverse("mfa_authenticate"),
    "mfa_login_webauthn": lambda url: reverse("mfa_login_webauthn"),
    "openid_connect_callback": lambda url: reverse("openid_connect_callback"),
    "openid_connect_login": lambda url: reverse("openid_connect_login"),
    "set-password": lambda url: f"{reverse('set-password')}#reset.no-such-token",
    "set-password-outdated": lambda url: reverse("set-password-outdated", args=["MQ", "no-such-token"]),
}
