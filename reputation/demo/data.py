"""The demo's data: two businesses and the people to sign in as.

Cascade Solar is enrolled and has numbers of every kind; Harbor Dental is new, for walking the whole way oneself.
Everything is made by the functions that the portal itself uses, with moments moved into the past.

The numbers end in 555-01xx, which the North American Numbering Plan keeps for fiction: nobody's number is called spam.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import transaction

from enrollment import drafts, lifecycle
from enrollment.forms import build_forms
from enrollment.models import Transition
from enrollment.questions import QUESTIONS, Answer
from enrollment.snapshot import take_snapshot
from portal.accounts import api_keys
from portal.accounts.licensing import Product
from portal.audit import Actor, Context
from portal.demo.data import DemoData, DemoLogin
from portal.jobs.runner import enqueue
from portal.models import Account, Licence, Member, User, today_of
from portal.phone.numbers import US_REGIONS, parse_number
from reputation import campaigns, schedules
from reputation.matching.tiers import Basis
from reputation.models import Campaign, CampaignCalls, NumberCalls, PhoneNumber
from reputation.monitoring import capability, lookups, verification
from reputation.providers.registry import get_providers
from reputation.providers.simulated import SimulatedProvider
from reputation.remediation import sweep
from reputation.service_clock import days

PASSWORD = "demo-portal-2026"
CASCADE, HARBOR = "Cascade Solar LLC", "Harbor Dental Group"


@dataclass(frozen=True)
class Person:
    email: str
    name: str
    who: str
    roles: dict[str, str]
    is_reviewer: bool = False


PEOPLE = (
    Person("dana@cascadesolar.example", "Dana Whitfield", f"owner of {CASCADE}", {CASCADE: Member.Role.OWNER}),
    Person("vic@cascadesolar.example", "Vic Romero", f"viewer of {CASCADE}", {CASCADE: Member.Role.VIEWER}),
    Person(
        "hana@harbordental.example",
        "Hana Okafor",
        f"admin of {HARBOR}, which is not enrolled yet",
        {HARBOR: Member.Role.ADMIN},
    ),
    Person(
        "alex@portal.example",
        "Alex Lindqvist",
        "admin of both, to switch between at the top",
        {CASCADE: Member.Role.ADMIN, HARBOR: Member.Role.ADMIN},
    ),
    Person("riley@portal.example", "Riley Chen", "reviewer", {}, is_reviewer=True),
)

# Product, seats, and from and until in days counted from today.
LICENCES = {
    CASCADE: (
        (Product.CONTACT_CENTER_ELITE, 25, -200, 165),
        (Product.PHONE_PRO, 12, -200, 165),
        (Product.MONITORING_SKU, 5, -200, 165),
        (Product.AUTO_DIALER, 10, -560, -196),
    ),
    HARBOR: ((Product.CONTACT_CENTER_PREMIUM, 40, -20, 345), (Product.MONITORING_SKU, 20, -20, 345)),
}


@dataclass(frozen=True)
class NumberRange:
    """Numbers with one label, counted up: `first` with its area code, `byoc` of them brought along."""

    campaign: str
    label: str
    first: str
    count: int
    byoc: int = 0


SPRING, SURVEYS, BATTERY = "Spring renewals", "Bay Area surveys", "Battery upgrades"
NUMBER_RANGES = (
    NumberRange(SPRING, "Seattle outbound", "206 555 0141", 6, byoc=2),
    NumberRange(SPRING, "Bellevue outbound", "425 555 0110", 3),
    NumberRange(SPRING, "Portland outbound", "503 555 0162", 4, byoc=4),
    NumberRange(SPRING, "Boise outbound", "208 555 0124", 2),
    NumberRange(SPRING, "Phoenix outbound", "602 555 0131", 4),
    NumberRange(SPRING, "Denver outbound", "303 555 0155", 3, byoc=1),
    NumberRange(SPRING, "Austin outbound", "512 555 0102", 3),
    NumberRange(SURVEYS, "San Francisco panel", "415 555 0117", 5),
    NumberRange(SURVEYS, "Oakland panel", "510 555 0170", 4, byoc=4),
    NumberRange(SURVEYS, "San Jose panel", "408 555 0134", 3),
    NumberRange(BATTERY, "Sacramento", "916 555 0148", 3),
    NumberRange(BATTERY, "Los Angeles", "213 555 0183", 3, byoc=3),
    NumberRange(BATTERY, "San Diego", "619 555 0106", 3),
    NumberRange(BATTERY, "Las Vegas", "702 555 0195", 2),
    NumberRange(BATTERY, "Vancouver", "604 555 0121", 1),
    NumberRange("", "Front desk Seattle", "206 555 0100", 1),
    NumberRange("", "Support line", "800 555 0199", 1),
    NumberRange("", "Spokane office", "509 555 0150", 2),
    NumberRange("", "Tacoma office", "253 555 0137", 2, byoc=2),
    NumberRange("", "Honolulu office", "808 555 0113", 1),
    NumberRange("", "San Juan office", "787 555 0126", 1),
    NumberRange("", "Toronto supplier desk", "416 555 0144", 1, byoc=1),
    NumberRange("", "Kingston project", "876 555 0109", 1, byoc=1),
)
DEFAULT_CALLER_IDS = {SPRING: "+12065550141", SURVEYS: "+14155550118", BATTERY: "+19165550148"}
# Left off, so that there is something to enable at once.
UNMONITORED_LABELS = (
    "Austin outbound",
    "Las Vegas",
    "Vancouver",
    "Tacoma office",
    "Honolulu office",
    "San Juan office",
    "Toronto supplier desk",
    "Kingston project",
)
# Watched for some days when the demo begins, so that there is a history to look at. The others are being verified.
MONITORED_LABELS = (
    "Seattle outbound",
    "Bellevue outbound",
    "Portland outbound",
    "Denver outbound",
    "San Francisco panel",
    "Oakland panel",
    "Front desk",
    "Support line",
)
HISTORY_DAYS = 20
HISTORY_STEP_DAYS = 1 / 2
# What the dialer asked for, about, in the days before and today.
CALL_HISTORY_DAYS = 20
CALLS_PER_DAY = {SPRING: 1_400, SURVEYS: 640, BATTERY: 360}

BUSINESS = {
    "legal_name": "Cascade Solar LLC",
    "trade_name": "Cascade Solar",
    "business_type": "llc",
    "industry": "energy",
    "ein": "91-2345678",
    "duns": "",
    "employees": "51-200",
    "website": "https://www.cascadesolar.example",
    "street": "1200 Fifth Avenue, Suite 600",
    "city": "Seattle",
    "state": "WA",
    "zip_code": "98101",
    "use_case": "telemarketing",
    "use_case_details": "We call customers whose service contract ends within 90 days, and households that asked for "
    "an offer on our website in the last 60 days.",
    "on_behalf": "own",
    "calls_per_day": "2400",
    "number_count": "45",
    "phone_company": "Our contact center's own numbers; Lumen for those we brought along",
    "complaints": "Whoever complains to an agent is put on our do-not-call list during the call. A supervisor calls "
    "back within two business days.",
    "contact_name": "Dana Whitfield",
    "contact_title": "Head of Customer Operations",
    "contact_phone": "206 555 0100",
    "contact_email": "dana@cascadesolar.example",
}
# Every other question is answered Yes.
ANSWERS = {
    "recorded_or_ai_voice_rules": (Answer.NOT_APPLICABLE, "We use no recorded messages and no AI voice."),
    "reassigned_number_check": (Answer.NO, "From January we check the Reassigned Numbers Database every month."),
}


def seed(*, now: datetime) -> DemoData:
    """Makes the demo's data if it is not there, has the tasks begin at once, and returns who can sign in, and the
    key that the example dialer calls with."""
    with transaction.atomic():
        if not User.objects.filter(email=PEOPLE[0].email).exists():
            accounts = _create_accounts(now)
            users = _create_users(accounts, now)
            _enroll_account(accounts[CASCADE], users, now)
            _create_numbers(accounts[CASCADE], Context(Actor(user=users[PEOPLE[0].email], via="command"), now))
            _create_calls(accounts[CASCADE], now)
            campaigns.create(
                account=accounts[HARBOR],
                name="Recall calls",
                automatic_matching=True,
                context=Context(Actor(user=users["hana@harbordental.example"], via="command"), now - days(6)),
            )
    # Rather than at the scheduler's first look, half a minute after the start.
    for entry in schedules.get_entries():
        if entry.minutes == 1:
            enqueue(entry.func)
    return DemoData(
        sign_ins=[
            DemoLogin(person.email, PASSWORD, person.who, path="/admin/" if person.is_reviewer else "")
            for person in PEOPLE
        ],
        api_key=_get_or_create_api_key(Account.objects.get(name=CASCADE), now),
        api_key_is_for=f"for a dialer of {CASCADE}",
    )


def _get_or_create_api_key(account: Account, now: datetime) -> str:
    """The token of a key that may match and read. The database has only its hash, so a file beside it keeps it from
    one start to the next."""
    kept = settings.DATA_DIR / "demo-api-key"
    token = kept.read_text().strip() if kept.exists() else ""
    try:
        api_keys.authenticate(f"Bearer {token}", scope="match", now=now)
    except api_keys.AuthenticationError:
        made = {"name": "Example dialer", "scopes": ("match", "read"), "expires_at": None}
        _key, token = api_keys.create_api_key(
            account=account, context=Context(Actor(user=None, via="command"), now), **made
        )
        kept.touch(mode=0o600)
        kept.write_text(f"{token}\n")
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
                # Licences count in calendar days, however quick the service's clock is.
                valid_from=today.fromordinal(today.toordinal() + begins),
                valid_until=today.fromordinal(today.toordinal() + ends),
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
            is_staff=person.is_reviewer,
            # The demo's reviewer edits licences and members as well, which in production an administrator does.
            is_superuser=person.is_reviewer,
            date_joined=now - days(60),
        )
        if person.is_reviewer:
            user.groups.set(Group.objects.filter(name="Reviewers"))
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
        edits=application.edits,
        snapshot=take_snapshot(business, practices, signed_by="Dana Whitfield"),
        context=Context(applicant, now - days(39)),
    )
    lifecycle.approve(
        sent,
        context=Context(Actor(user=users["riley@portal.example"], via="command"), now - days(37)),
        reason="Invoices for the Portland and Oakland numbers seen.",
    )
    # Told long ago: the terminal of the demo begins without mails of the past.
    Transition.objects.filter(application=sent).update(mail_due_at=None, mailed_at=now - days(37))


def _create_numbers(account: Account, context: Context) -> None:
    of_name = {
        name: campaigns.create(
            account=account, name=name, automatic_matching=True, context=Context(context.actor, context.now - days(30))
        )
        for name in DEFAULT_CALLER_IDS
    }
    PhoneNumber.objects.bulk_create(_build_numbers(account, of_name, context.now))
    numbers = PhoneNumber.objects.for_account(account)
    for name, e164 in DEFAULT_CALLER_IDS.items():
        campaigns.set_default_number(
            of_name[name],
            number=numbers.get(e164=e164).pk,
            shown=None,
            context=Context(context.actor, context.now - days(30)),
        )
    labels = dict(numbers.values_list("pk", "label"))
    watched = [pk for pk, label in labels.items() if label.startswith(MONITORED_LABELS)]
    _simulate_history(watched, context)
    just_enabled = [
        pk for pk, label in labels.items() if not label.startswith((*MONITORED_LABELS, *UNMONITORED_LABELS))
    ]
    capability.enable(just_enabled, context=context)


def _simulate_history(ids: Sequence[int], context: Context) -> None:
    """Lets the service work for these numbers through the days that lie behind, so that pages have a history. Only the
    simulated engines can be asked in the past."""
    simulated = get_providers().get(SimulatedProvider.name)
    if not isinstance(simulated, SimulatedProvider):
        return
    moment = context.now - days(HISTORY_DAYS)
    capability.enable(ids, context=Context(context.actor, moment))
    with _override_clock(simulated, lambda: moment):
        while moment < context.now:
            for step in (verification.verify_due, lookups.look_up_due, sweep.advance_due):
                step(moment)
            moment += days(HISTORY_STEP_DAYS)


def _create_calls(account: Account, now: datetime) -> None:
    """What the dialer would have asked for in CALLED_DAYS, as sums. Calls are counted in calendar days, however quick
    the service's clock is."""
    today = today_of(account, now)
    numbers = PhoneNumber.objects.for_account(account).filter(region__in=US_REGIONS).order_by("pk")
    of_campaigns, of_numbers = [], []
    for campaign in Campaign.objects.for_account(account).order_by("pk"):
        own = list(numbers.in_campaign(campaign))
        for before in range(CALL_HISTORY_DAYS):
            day = today - timedelta(days=before)
            kinds = _split_calls_by_basis(campaign, day, before)
            of_campaigns += [
                CampaignCalls(account=account, campaign=campaign, day=day, basis=basis, skipped_tagged=tagged, calls=n)
                for (basis, tagged), n in kinds.items()
            ]
            # Equals take turns, and whoever is tagged has none.
            turns = [number.pk for number in own if before > 1 or not number.is_tagged]
            local = sum(n for (basis, _), n in kinds.items() if basis != Basis.DEFAULT)
            shown = Counter({pk: local // len(turns) + (place < local % len(turns)) for place, pk in enumerate(turns)})
            shown[campaign.default_number_id] += sum(kinds.values()) - local
            of_numbers += [NumberCalls(account=account, number_id=pk, day=day, calls=n) for pk, n in shown.items()]
    CampaignCalls.objects.bulk_create(of_campaigns)
    NumberCalls.objects.bulk_create(of_numbers)


def _split_calls_by_basis(campaign: Campaign, day: date, before: int) -> dict[tuple[str, bool], int]:
    """How many calls of a day showed what, and whether for a tag: fewer at weekends, and more by default of late."""
    chance = Random(f"{campaign.name} {before}")
    calls = int(chance.uniform(0.9, 1.1) * CALLS_PER_DAY[campaign.name] * (0.25 if day.weekday() > 4 else 1))
    calls = calls * 2 // 5 if before == 0 else calls
    kinds = {
        (Basis.DEFAULT, True): int(calls * chance.uniform(0.01, 0.02) * max(1, 5 - before)),
        (Basis.DEFAULT, False): int(calls * chance.uniform(0.02, 0.03)),
        (Basis.EXCHANGE, False): int(calls * chance.uniform(0.02, 0.04)),
        (Basis.STATE, True): int(calls * chance.uniform(0.04, 0.06)),
        (Basis.STATE, False): int(calls * chance.uniform(0.2, 0.25)),
    }
    return kinds | {(Basis.AREA_CODE, False): calls - sum(kinds.values())}


@contextmanager
def _override_clock(simulated: SimulatedProvider, clock: Callable[[], datetime]) -> Iterator[None]:
    former, simulated.clock = simulated.clock, clock
    try:
        yield
    finally:
        simulated.clock = former


def _build_numbers(account: Account, of_name: dict[str, Campaign], now: datetime) -> Iterator[PhoneNumber]:
    for numbers in NUMBER_RANGES:
        first = parse_number(numbers.first)
        for index in range(numbers.count):
            e164 = f"+{int(first.e164) + index}"
            yield PhoneNumber(
                account=account,
                e164=e164,
                region=first.region,
                kind=first.kind,
                area_code=first.area_code,
                label=f"{numbers.label} {index + 1}" if numbers.count > 1 else numbers.label,
                source=PhoneNumber.Source.BYOC if index >= numbers.count - numbers.byoc else PhoneNumber.Source.NATIVE,
                campaign=of_name.get(numbers.campaign),
                added_at=now - days(30),
            )
