"""What the pages of registrations read from addresses and forms: a filter, chosen numbers, and typed ones."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from django.http import QueryDict

from portal.db.in_list import in_list
from portal.db.keyset import parse_ids
from portal.models import Account
from portal.phone.numbers import InvalidPhoneNumber
from reputation.desks.registration_lists import STATE_CHOICES, RegistrationFilter
from reputation.imports.number_cells import parse_cell
from reputation.models import Engine, PhoneNumber
from reputation.models.numbers import PhoneNumberQuerySet

MAX_SEARCH = 2_000
# Problems of one text that a message names.
MAX_NAMED = 10
# The fields that carry a choice of numbers from page to page.
CHOICE_FIELDS = ("number", "all", "engine", "state", "q")


def read_filter(params: QueryDict, engines: Sequence[Engine]) -> RegistrationFilter:
    """Unknown values filter nothing."""
    engine = next((engine for engine in engines if engine.slug == params.get("engine")), None)
    state = params.get("state", "")
    is_known = engine is not None and state in dict(STATE_CHOICES)
    return RegistrationFilter(engine, state if is_known else "", params.get("q", "").strip()[:MAX_SEARCH])


def choose_numbers(account: Account, params: QueryDict, engines: Sequence[Engine]) -> PhoneNumberQuerySet:
    """The ticked numbers, or all that match the filter."""
    if params.get("all"):
        return read_filter(params, engines).apply(account)
    ids = parse_ids(params.getlist("number"))
    return PhoneNumber.objects.for_account(account).filter(pk__in=in_list(ids))


def read_typed_numbers(account: Account, text: str) -> tuple[list[int], list[str]]:
    """The ids of the account's numbers in the text, removed ones included, and a sentence for each bad line."""
    lines: dict[str, int] = {}
    problems = []
    for place, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            lines |= {number.e164: place for number in parse_cell(line.strip()) if number.e164 not in lines}
        except InvalidPhoneNumber as error:
            problems.append(f"Line {place}, “{line.strip()[:40]}”: {error}")
    known = PhoneNumber.objects.filter(account=account, e164__in=in_list(lines)).values_list("e164", "pk")
    ids = dict(known) if lines else {}
    problems += [f"Line {place}: {e164} is not in this account." for e164, place in lines.items() if e164 not in ids]
    return list(ids.values()), _shorten(problems)


def _shorten(problems: list[str]) -> list[str]:
    more = len(problems) - MAX_NAMED
    return [*problems[:MAX_NAMED], f"{more:,} more lines like these."] if more > 0 else problems


def get_digest(ids: Sequence[int]) -> str:
    """Tells whether the numbers are still those that a page showed."""
    return sha256(",".join(map(str, sorted(ids))).encode()).hexdigest()[:16]
