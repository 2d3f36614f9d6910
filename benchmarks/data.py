"""An account with a table full of numbers, of which campaigns of several sizes call from some; 2 % are tagged."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from portal.api_keys import make
from portal.area_codes import states
from portal.audit import SYSTEM
from portal.inserting import insert_rows
from portal.models import Account
from portal.numbers import NotANumber, parse
from reputation.models import Campaign, PhoneNumber

TAGGED_SHARE = 0.02
CHUNK = 20_000


@dataclass(frozen=True)
class Data:
    """`campaigns` by their size; `token` of a key that may match."""

    account: Account
    campaigns: dict[int, Campaign]
    token: str


def fill(*, numbers: int, campaigns: tuple[int, ...], now: datetime, seed: int = 1) -> Data:
    """Makes so many numbers, spread over all area codes of the United States, the same at every run."""
    chance = random.Random(seed)
    account = Account.objects.create(name="Benchmark")
    made = {size: Campaign.objects.create(account=account, name=f"{size:,} numbers") for size in campaigns}
    members = [campaign.pk for size, campaign in made.items() for _ in range(size)]
    members += [None] * (numbers - len(members))
    chance.shuffle(members)
    rows = (
        {
            "account_id": account.pk,
            "e164": e164,
            "region": "US",
            "kind": "geographic",
            "area_code": e164[2:5],
            "campaign_id": campaign,
            "spam_status": "tagged" if chance.random() < TAGGED_SHARE else "clean",
        }
        for e164, campaign in zip(_some_numbers(numbers, chance), members, strict=True)
    )
    for chunk in _chunks(rows):
        _insert(chunk, now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    _key, token = make(account=account, name="Benchmark", scopes=["match"], expires_at=None, actor=SYSTEM, now=now)
    return Data(account, made, token)


def called_near(campaign: Campaign, count: int, seed: int = 2) -> list[str]:
    """Numbers to call in area codes that the campaign has numbers to show in, and in no exchange that it has."""
    shown = PhoneNumber.objects.in_campaign(campaign).exclude(spam_status__in=PhoneNumber.TAGGED)
    exchanges = {e164[:8] for e164 in shown.values_list("e164", flat=True)}
    areas = sorted({exchange[:5] for exchange in exchanges})
    chance = random.Random(seed)
    called: list[str] = []
    while len(called) < count:
        e164 = f"{chance.choice(areas)}{_subscriber(chance)}"
        if e164[:8] not in exchanges and _can_be_called(e164):
            called.append(e164)
    return called


def _can_be_called(e164: str) -> bool:
    try:
        return bool(parse(e164))
    except NotANumber:
        return False


def _some_numbers(count: int, chance: random.Random) -> list[str]:
    """Each once, ascending."""
    codes = [code for code in sorted(states()) if code not in ("340", "670", "671", "684")]
    found: set[str] = set()
    while len(found) < count:
        found.add(f"+1{chance.choice(codes)}{_subscriber(chance)}")
    return sorted(found)


def _subscriber(chance: random.Random) -> str:
    """Seven digits whose exchange is none of the service codes (N11)."""
    exchange = chance.choice([number for number in range(200, 1000) if number % 100 != 11 and number != 555])
    return f"{exchange}{chance.randrange(10_000):04}"


def _chunks(rows: Iterator[dict]) -> Iterator[list[dict]]:
    chunk: list[dict] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _insert(rows: list[dict], now: datetime) -> None:
    with transaction.atomic():
        insert_rows(PhoneNumber, [{**row, "added_at": now, "capability_since": now} for row in rows])
