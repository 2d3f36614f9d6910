"""Benchmark data: a large account and a hundred small ones. One number in five is monitored, one in fifty tagged."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db import transaction
from django.db.models import F, Q, Value

from enrollment.models import Application
from portal.accounts.api_keys import create_api_key
from portal.accounts.licensing import Product
from portal.audit import Context
from portal.db.bulk import insert_from, insert_rows
from portal.models import Account, Licence, Member, User
from portal.phone.current_plan import get_numbering_plan
from portal.phone.numbers import InvalidPhoneNumber, parse_number
from reputation.models import Campaign, Case, Check, Engine, EngineRole, PhoneNumber, Registration, Tag
from reputation.models.numbers import PhoneNumberQuerySet
from reputation.monitoring import lookups
from reputation.service_clock import days

# Sizes of the large account's campaigns, as far as it has enough numbers. A fifth of its numbers has no campaign.
CAMPAIGN_SIZES = (10, 1_000, 10_000, 100_000)
SMALL_ACCOUNTS = 100
# How many files the large account imported, each with numbers of all area codes. An import stores its numbers sorted.
IMPORT_FILES = 10
# A sweep claims consecutive numbers, of which one in five is monitored.
LOOKUP_GROUP_SIZE = 5 * lookups.CHUNK
CHUNK = 20_000
ACCOUNT_NAME = "Large account"
ADMIN_EMAIL = "admin@bench.example.com"

Status = PhoneNumber.SpamStatus
# The statuses of a hundred monitored numbers.
STATUSES = [Status.TAGGED] * 1 + [Status.IN_REMEDIATION] * 8 + [Status.FAILED] * 1 + [Status.UNKNOWN] * 2
STATUSES += [Status.CLEAN] * (100 - len(STATUSES))
CASE_STATES = {
    Status.TAGGED: Case.State.OPEN,
    Status.IN_REMEDIATION: Case.State.IN_REVIEW,
    Status.FAILED: Case.State.FAILED,
}


@dataclass(frozen=True)
class Dataset:
    """The large account, its admin, and its campaigns by size."""

    account: Account
    user: User
    campaigns: dict[int, Campaign]


def load_dataset() -> Dataset:
    """Load what `create_dataset` created in the connected database."""
    account = Account.objects.get(name=ACCOUNT_NAME)
    campaigns = Campaign.objects.filter(account=account, name__startswith="Size ")
    return Dataset(
        account=account,
        user=User.objects.get(email=ADMIN_EMAIL),
        campaigns={int(campaign.name.removeprefix("Size ")): campaign for campaign in campaigns},
    )


def create_token(account: Account, *scopes: str, now: datetime) -> str:
    """Create an API key and return its token."""
    return create_api_key(
        account=account, name="Benchmark", scopes=scopes, expires_at=None, context=Context.system(now)
    )[1]


def create_dataset(*, numbers: int, now: datetime, seed: int = 1) -> None:
    """Fill an empty database with the same data in every run. A small account gets 50 to 200 numbers."""
    chance = random.Random(seed)
    large = _create_account(ACCOUNT_NAME, now)
    user = User.objects.create(email=ADMIN_EMAIL, name="Bench Admin")
    Member.objects.create(account=large, user=user, role=Member.Role.OWNER)
    sizes = [size for size in CAMPAIGN_SIZES if size <= numbers // 2]
    campaigns = {size: Campaign.objects.create(account=large, name=f"Size {size}") for size in sizes}
    rest = Campaign.objects.create(account=large, name="The rest")
    members: list[int | None] = [campaign.pk for size, campaign in campaigns.items() for _ in range(size)]
    left = numbers - len(members)
    members += [None] * (numbers // 5) + [rest.pk] * (left - numbers // 5)
    chance.shuffle(members)
    e164s = generate_numbers(numbers, chance)
    _insert_numbers(
        large,
        [e164 for file in range(IMPORT_FILES) for e164 in sorted(e164s[file::IMPORT_FILES])],
        members,
        chance,
        now,
    )
    for number in range(SMALL_ACCOUNTS):
        account = _create_account(f"Small account {number}", now)
        count = chance.randrange(50, 200)
        _insert_numbers(account, sorted(generate_numbers(count, chance)), [None] * count, chance, now)
    _insert_engine_rows(now)


def _create_account(name: str, now: datetime) -> Account:
    """Create an enrolled account with a licence for numbers in campaigns, and a million seats for others."""
    account = Account.objects.create(name=name)
    Application.objects.create(
        account=account, state=Application.State.APPROVED, legal_name=name, revision=1, submitted_at=now
    )
    for product, seats in ((Product.CONTACT_CENTER_ELITE, 1), (Product.MONITORING_SKU, 1_000_000)):
        Licence.objects.create(account=account, product=product, seats=seats)
    return account


def _insert_numbers(
    account: Account, e164s: list[str], members: list[int | None], chance: random.Random, now: datetime
) -> None:
    """Insert numbers: one in five is monitored, and one in a hundred of the others is being verified. Numbers that were
    looked up together have the same time."""
    states = get_numbering_plan().state_by_area_code
    looks = [now - days(chance.random()) for _ in range(0, len(e164s), LOOKUP_GROUP_SIZE)]
    rows = (
        {
            "account_id": account.pk,
            "e164": e164,
            "region": "US",
            "kind": "geographic",
            "area_code": e164[2:5],
            "label": f"{states[e164[2:5]]} {chance.choice(('outbound', 'support', 'billing'))} {place % 977}",
            "source": "byoc" if chance.random() < 0.3 else "native",
            "campaign_id": campaign,
            "added_at": now,
            "capability_since": now,
            **_random_status_fields(chance, now, looks[place // LOOKUP_GROUP_SIZE]),
        }
        for place, (e164, campaign) in enumerate(zip(e164s, members, strict=True))
    )
    while chunk := list(islice(rows, CHUNK)):
        with transaction.atomic():
            insert_rows(PhoneNumber, chunk)


def _random_status_fields(chance: random.Random, now: datetime, looked_at: datetime) -> dict[str, object]:
    if chance.random() >= 0.2:
        capability = "verifying" if chance.random() < 0.01 else "off"
        nothing: dict[str, object] = dict.fromkeys(("tagged_since", "checked_at", "fresh_until", "next_action_at"))
        return {"capability": capability, "spam_status": Status.NOT_MONITORED.value, "ever_checked": False, **nothing}
    status = chance.choice(STATUSES)
    checked = looked_at if status != Status.UNKNOWN else None
    return {
        "capability": "on",
        "spam_status": status.value,
        "tagged_since": now - days(1 + chance.random() * 5) if status in PhoneNumber.TAGGED else None,
        "checked_at": checked,
        "ever_checked": bool(checked),
        # One in fifty answers has expired.
        "fresh_until": checked and checked + days(2 if chance.random() < 0.98 else 0),
        "next_action_at": now + days(30),
    }


def _insert_engine_rows(now: datetime) -> None:
    """Insert registrations and current checks, and an active tag with its case for each tagged number."""
    roles = EngineRole.objects.filter(engine__in_use=True).order_by("engine", "provider")
    on = PhoneNumber.objects.filter(capability="on")
    tagged = on.tagged()
    for role in roles.filter(role=EngineRole.Role.REGISTER):
        _insert_registrations(on, role, now)
    looking_up = list(roles.filter(role=EngineRole.Role.LOOK_UP))
    labelling = next(role for role in looking_up if role.evidence == Check.Evidence.ENGINE_DATA)
    for role in looking_up:
        labelled = tagged if role == labelling else tagged.none()
        _insert_checks(labelled, role, Check.Verdict.LABELLED, "Spam Likely")
        without_label = on.filter(checked_at__isnull=False).exclude(pk__in=labelled.values("pk"))
        _insert_checks(without_label, role, Check.Verdict.CLEAN, "")
    for status, state in CASE_STATES.items():
        _insert_cases(tagged.filter(spam_status=status), state, now)
    insert_from(
        Tag,
        Case.objects.filter(~Q(number__tagged_since=None)),
        account_id="account_id",
        number_id="number_id",
        engine_id=Value(labelling.engine_id),
        case_id="pk",
        carrier=Value(""),
        label=Value("Spam Likely"),
        severity=Value("spam"),
        evidence=Value(labelling.evidence),
        detected_at=F("number__tagged_since"),
        last_seen_at=F("number__tagged_since"),
        end_reason=Value(""),
        raw_response=Value({}),
    )


def _insert_registrations(numbers: PhoneNumberQuerySet, role: EngineRole, now: datetime) -> None:
    insert_from(
        Registration,
        numbers,
        account_id="account_id",
        number_id="pk",
        engine_id=Value(role.engine_id),
        state=Value(Registration.State.ACCEPTED.value),
        reference="e164",
        reason=Value(""),
        answered_at=Value(now - days(30)),
        lease_token=Value(""),
        attempts=Value(0),
    )
    Engine.objects.filter(pk=role.engine_id).update(backfill_cursor=None)


def _insert_checks(numbers: PhoneNumberQuerySet, role: EngineRole, verdict: Check.Verdict, label: str) -> None:
    # Complaints never show that a number is clean.
    without_label = Check.Effect.NONE if role.evidence == Check.Evidence.COMPLAINTS else Check.Effect.CLEARS
    insert_from(
        Check,
        numbers,
        account_id="account_id",
        number_id="pk",
        engine_id=Value(role.engine_id),
        provider=Value(role.provider),
        carrier=Value(""),
        verdict=Value(verdict.value),
        label=Value(label),
        severity=Value("spam" if label else ""),
        evidence=Value(role.evidence),
        effect=Value((Check.Effect.TAGS if label else without_label).value),
        first_at="checked_at",
        last_at="checked_at",
        received_at="checked_at",
        looks=Value(1),
        valid_until="fresh_until",
        raw_response=Value({}),
        is_current=Value(True),
    )


def _insert_cases(numbers: PhoneNumberQuerySet, state: Case.State, now: datetime) -> None:
    has_failed = state == Case.State.FAILED
    insert_from(
        Case,
        numbers,
        account_id="account_id",
        number_id="pk",
        state=Value(state.value),
        state_since="tagged_since",
        opened_at="tagged_since",
        closed_at=Value(now if has_failed else None),
        deadline_at=Value(now + days(30)),
        outcome=Value(""),
        ticket_reference=Value(""),
        next_action_at=Value(None if has_failed else now + days(30)),
        lease_token=Value(""),
        attempts=Value(0),
    )


def get_called_numbers(campaign: Campaign, count: int, seed: int = 2) -> list[str]:
    """Numbers to call, in area codes in which the campaign has caller IDs, but in other exchanges."""
    shown = PhoneNumber.objects.in_campaign(campaign).exclude(spam_status__in=PhoneNumber.TAGGED)
    exchanges = {e164[:8] for e164 in shown.values_list("e164", flat=True)}
    areas = sorted({exchange[:5] for exchange in exchanges})
    chance = random.Random(seed)
    called: list[str] = []
    while len(called) < count:
        e164 = f"{chance.choice(areas)}{_random_subscriber(chance)}"
        if e164[:8] not in exchanges and _is_valid_number(e164):
            called.append(e164)
    return called


def _is_valid_number(e164: str) -> bool:
    try:
        return bool(parse_number(e164))
    except InvalidPhoneNumber:
        return False


def generate_numbers(count: int, chance: random.Random) -> list[str]:
    """Distinct numbers in random order."""
    plan = get_numbering_plan()
    codes = [code for code in plan.state_by_area_code if plan.area_codes[code].region == "US" and _is_in_service(code)]
    found: dict[str, None] = {}
    while len(found) < count:
        found[f"+1{chance.choice(codes)}{_random_subscriber(chance)}"] = None
    return list(found)


def _is_in_service(area_code: str) -> bool:
    return _is_valid_number(f"+1{area_code}2000000")


_EXCHANGES = [number for number in range(200, 1000) if number % 100 != 11 and number != 555]


def _random_subscriber(chance: random.Random) -> str:
    """Seven digits. The exchange is not a service code (N11)."""
    return f"{chance.choice(_EXCHANGES)}{chance.randrange(10_000):04}"
