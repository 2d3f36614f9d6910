"""Creates the demo's data: two accounts, and the people who can sign in.

Cascade Solar is enrolled and has numbers in every state. Harbor Dental is new, so that a visitor can enroll it. All
data is created by the portal's own functions, with times in the past.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from random import Random

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction

from enrollment import decisions, drafts, lifecycle
from enrollment.forms import build_forms
from enrollment.models import Application, Transition
from enrollment.questions import QUESTIONS, Answer
from enrollment.snapshot import take_snapshot
from portal.accounts import api_keys
from portal.audit import Actor, Context
from portal.demo.data import DemoData, DemoLogin
from portal.jobs.runner import enqueue
from portal.models import Account, Licence, Member, User, today_of
from portal.phone.numbers import US_REGIONS, parse_number
from reputation import campaigns, schedules
from reputation.demo.dataset import (
    ANSWERS,
    BUSINESS,
    CALL_HISTORY_DAYS,
    CALLS_PER_DAY,
    CASCADE,
    DEFAULT_CALLER_IDS,
    HARBOR,
    HISTORY_DAYS,
    HISTORY_STEP_DAYS,
    LICENCES,
    MONITORED_LABELS,
    NUMBER_RANGES,
    PASSWORD,
    PEOPLE,
    UNMONITORED_LABELS,
)
from reputation.demo.test_calls import create_test_calls
from reputation.matching.tiers import Basis
from reputation.models import Campaign, CampaignCalls, NumberCalls, PhoneNumber
from reputation.monitoring import capability, lookups, verification
from reputation.providers.registry import get_providers
from reputation.providers.simulated import SimulatedProvider
from reputation.remediation import sweep
from reputation.service_clock import days


def seed(*, now: datetime) -> DemoData:
    """Creates the demo's data if it is missing, and starts the tasks; returns the logins and the dialer's API key."""
    with transaction.atomic():
        if not User.objects.filter(email=PEOPLE[0].email).exists():
            accounts = _create_accounts(now)
            users = _create_users(accounts, now)
            _enroll_account(accounts[CASCADE], users, now)
            _create_numbers(accounts[CASCADE], Context(Actor(user=users[PEOPLE[0].email], via="command"), now))
            create_test_calls(accounts[CASCADE], users[PEOPLE[0].email], now)
            _create_calls(accounts[CASCADE], now)
            campaigns.create(
                account=accounts[HARBOR],
                name="Recall calls",
                automatic_matching=True,
                context=Context(Actor(user=users["hana@harbordental.example"], via="command"), now - days(6)),
            )
    # The scheduler would start them half a minute later.
    for entry in schedules.get_entries():
        if entry.minutes == 1:
            enqueue(entry.func)
    return DemoData(
        logins=[
            DemoLogin(person.email, PASSWORD, person.description, start_path="/admin/" if person.staff_role else "")
            for person in PEOPLE
        ],
        api_key=_get_or_create_api_key(Account.objects.get(name=CASCADE), now),
        api_key_purpose=f"for a dialer of {CASCADE}",
    )


def _get_or_create_api_key(account: Account, now: datetime) -> str:
    """The token of a key with the scopes match and read.

    The database stores only its hash, so a file keeps the token for the next start.
    """
    token_file = settings.DATA_DIR / "demo-api-key"
    token = token_file.read_text().strip() if token_file.exists() else ""
    try:
        api_keys.authenticate(f"Bearer {token}", scope="match", now=now)
    except api_keys.AuthenticationError:
        _key, token = api_keys.create_api_key(
            account=account,
            name="Example dialer",
            scopes=("match", "read"),
            context=Context(Actor(user=None, via="command"), now),
        )
        token_file.touch(mode=0o600)
        token_file.write_text(f"{token}\n")
    return token


def _create_accounts(now: datetime) -> dict[str, Account]:
    zones = {CASCADE: "America/Los_Angeles", HARBOR: "America/New_York"}
    accounts = {
        name: Account.objects.create(name=name, time_zone=zone, created_at=now - days(60))
        for name, zone in zones.items()
    }
    for name, licences in LICENCES.items():
        today = today_of(accounts[name], now)
        Licence.objects.bulk_create(
            Licence(
                account=accounts[name],
                product=product,
                seats=seats,
                # Licences are valid by calendar days, not by the service's clock.
                valid_from=today.fromordinal(today.toordinal() + begins),
                valid_until=today.fromordinal(today.toordinal() + ends),
                # Owners were told long ago of those that have expired.
                warned_days=0 if ends < 0 else None,
                warned_for=today.fromordinal(today.toordinal() + ends) if ends < 0 else None,
            )
            for product, seats, begins, ends in licences
        )
    return accounts


def _create_users(accounts: dict[str, Account], now: datetime) -> dict[str, User]:
    users = {}
    password = make_password(PASSWORD)
    for person in PEOPLE:
        user = User.objects.create(
            email=person.email,
            password=password,
            name=person.name,
            staff_role=person.staff_role,
            date_joined=now - days(60),
        )
        Member.objects.bulk_create(
            Member(account=accounts[account], user=user, role=role, joined_at=now - days(60), digest_sent_at=now)
            for account, role in person.roles.items()
        )
        users[person.email] = user
    return users


def _enroll_account(account: Account, users: dict[str, User], now: datetime) -> None:
    applicant = Actor(user=users["dana@cascadesolar.example"], via="command")
    answers = {}
    for question in QUESTIONS:
        answer, note = ANSWERS.get(question.id, (Answer.YES, ""))
        answers[question.id] = {"answer": str(answer), "note": note, "wording": question.wording}
    application = drafts.save(account, business=BUSINESS, answers=answers, context=Context(applicant, now - days(40)))
    business, practices = build_forms(application, check=True)
    if not (business.is_valid() and practices.is_valid()):
        raise ValueError(f"The demo's application is not complete: {business.errors} {practices.errors}")
    sent = lifecycle.submit(
        application,
        edit_count=application.edit_count,
        snapshot=take_snapshot(business, practices, signed_by="Dana Whitfield"),
        context=Context(applicant, now - days(39)),
    )
    decisions.decide(
        {sent.pk: sent.revision},
        to=Application.State.APPROVED,
        context=Context(Actor(user=users["riley@portal.example"], via="command"), now - days(37)),
        reason="Invoices for the Portland and Oakland numbers seen.",
    )
    # Mark the mails as sent, so that the demo's terminal does not start with old mails.
    Transition.objects.filter(application=sent).update(mail_due_at=None, mailed_at=now - days(37))


def _create_numbers(account: Account, context: Context) -> None:
    campaign_by_name = {
        name: campaigns.create(
            account=account, name=name, automatic_matching=True, context=Context(context.actor, context.now - days(30))
        )
        for name in DEFAULT_CALLER_IDS
    }
    PhoneNumber.objects.bulk_create(_build_numbers(account, campaign_by_name, context.now))
    numbers = PhoneNumber.objects.for_account(account)
    for name, e164 in DEFAULT_CALLER_IDS.items():
        campaigns.set_default_number(
            campaign_by_name[name],
            number_id=numbers.get(e164=e164).pk,
            expected_id=None,
            context=Context(context.actor, context.now - days(30)),
        )
    labels = dict(numbers.values_list("pk", "label"))
    monitored = [pk for pk, label in labels.items() if label.startswith(MONITORED_LABELS)]
    _simulate_history(monitored, context)
    just_enabled = [
        pk for pk, label in labels.items() if not label.startswith((*MONITORED_LABELS, *UNMONITORED_LABELS))
    ]
    capability.enable(just_enabled, context=context)


def _simulate_history(ids: Sequence[int], context: Context) -> None:
    """Runs the sweeps for each step of the past days, so that pages show a history. Needs the simulated engines."""
    if SimulatedProvider.name not in get_providers():
        return
    moment = context.now - days(HISTORY_DAYS)
    capability.enable(ids, context=Context(context.actor, moment))
    with _override_clock(lambda: moment):
        while moment < context.now:
            for step in (verification.verify_due, lookups.look_up_due, sweep.advance_due):
                step(moment)
            moment += days(HISTORY_STEP_DAYS)


def _create_calls(account: Account, now: datetime) -> None:
    """Creates the daily totals of calls for CALL_HISTORY_DAYS. Calls are counted by calendar day."""
    today = today_of(account, now)
    numbers = PhoneNumber.objects.for_account(account).filter(region__in=US_REGIONS).order_by("pk")
    campaign_calls: list[CampaignCalls] = []
    number_calls: list[NumberCalls] = []
    for campaign in Campaign.objects.for_account(account).select_related("default_number").order_by("pk"):
        own = list(numbers.in_campaign(campaign))
        default_e164 = campaign.default_number.e164 if campaign.default_number else ""
        for days_ago in range(CALL_HISTORY_DAYS):
            day = today - timedelta(days=days_ago)
            kinds = _split_calls_by_basis(campaign, day, days_ago)
            campaign_calls += [
                CampaignCalls(
                    account=account,
                    campaign=campaign,
                    day=day,
                    basis=basis,
                    skipped_tagged=tagged,
                    default_e164=default_e164 if basis == Basis.DEFAULT else "",
                    calls=n,
                )
                for (basis, tagged), n in kinds.items()
            ]
            # Equally near numbers take turns; tagged ones are skipped.
            turns = [number.pk for number in own if days_ago > 1 or not number.is_tagged]
            local = sum(n for (basis, _), n in kinds.items() if basis != Basis.DEFAULT)
            shown = Counter({pk: local // len(turns) + (place < local % len(turns)) for place, pk in enumerate(turns)})
            shown[campaign.default_number_id] += sum(kinds.values()) - local
            number_calls += [NumberCalls(account=account, number_id=pk, day=day, calls=n) for pk, n in shown.items()]
    CampaignCalls.objects.bulk_create(campaign_calls)
    NumberCalls.objects.bulk_create(number_calls)


def _split_calls_by_basis(campaign: Campaign, day: date, days_ago: int) -> dict[tuple[Basis, bool], int]:
    """The calls of a day by basis and by whether tagged numbers were skipped."""
    chance = Random(f"{campaign.name} {days_ago}")
    calls = int(chance.uniform(0.9, 1.1) * CALLS_PER_DAY[campaign.name] * (0.25 if day.weekday() > 4 else 1))
    calls = calls * 2 // 5 if days_ago == 0 else calls
    kinds = {
        (Basis.DEFAULT, True): int(calls * chance.uniform(0.01, 0.02) * max(1, 5 - days_ago)),
        (Basis.DEFAULT, False): int(calls * chance.uniform(0.02, 0.03)),
        (Basis.EXCHANGE, False): int(calls * chance.uniform(0.02, 0.04)),
        (Basis.STATE, True): int(calls * chance.uniform(0.04, 0.06)),
        (Basis.STATE, False): int(calls * chance.uniform(0.2, 0.25)),
    }
    return kinds | {(Basis.AREA_CODE, False): calls - sum(kinds.values())}


@contextmanager
def _override_clock(clock: Callable[[], datetime]) -> Iterator[None]:
    """Sets the clock of every instance of the simulated provider."""
    original = SimulatedProvider.__dict__["clock"]
    SimulatedProvider.clock = staticmethod(clock)
    try:
        yield
    finally:
        SimulatedProvider.clock = original


def _build_numbers(account: Account, campaign_by_name: dict[str, Campaign], now: datetime) -> Iterator[PhoneNumber]:
    for numbers in NUMBER_RANGES:
        first = parse_number(numbers.first)
        for index in range(numbers.count):
            e164 = f"+{int(first.e164) + index}"
            is_byoc = index >= numbers.count - numbers.byoc_count
            yield PhoneNumber(
                account=account,
                e164=e164,
                region=first.region,
                kind=first.kind,
                area_code=first.area_code,
                label=f"{numbers.label} {index + 1}" if numbers.count > 1 else numbers.label,
                source=PhoneNumber.Source.BYOC if is_byoc else PhoneNumber.Source.NATIVE,
                campaign=campaign_by_name.get(numbers.campaign),
                added_at=now - days(30),
            )
