"""Sources: the look-ups and networks that can show labels, and which numbers all of them call clean.

A network counts for an account once one of its telephones there is proven. A new proof takes effect on a number with
the next observation of it. A list of an engine that somebody brought counts for the numbers on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, Value, When

from portal.db.in_list import in_list
from reputation.models import Check, Connection, EngineRole, PhoneNumber, Telephone

# What a source that has to call a number clean is based on. Complaints never show that a number is clean.
REQUIRED_EVIDENCE = (Check.Evidence.ENGINE_DATA, Check.Evidence.APP_LIST)
_NEVER = 1_000_000


def get_clean_numbers(ids: Sequence[int], *, now: datetime) -> list[int]:
    """The ids of the numbers that every source set up for their account calls clean now; five queries at most.

    None of an account without a source that can show labels.
    """
    sources = EngineRole.objects.filter(
        role__in=(EngineRole.Role.LOOK_UP, EngineRole.Role.OBSERVE),
        engine__in_use=True,
        evidence__in=REQUIRED_EVIDENCE,
    )
    roles = list(sources.order_by().values_list("provider", "role"))
    by_provider = Counter(provider for provider, role in roles if role == EngineRole.Role.LOOK_UP)
    of_lists = {provider for provider, role in roles if role == EngineRole.Role.OBSERVE}
    connections = list(Connection.objects.active().order_by().values_list("provider", "account_id"))
    of_operator = {provider for provider, account in connections if account is None}
    required = sum(by_provider[provider] for provider in of_operator)
    # Accounts whose own connections add sources.
    added: Counter[int] = Counter()
    for provider, account in connections:
        if account is not None and provider not in of_operator:
            added[account] += by_provider[provider]
    proving = Telephone.objects.proving_absence(now)
    accounts = PhoneNumber.objects.filter(pk__in=in_list(ids)).values("account")
    networks = proving.filter(account__in=accounts).order_by().values_list("account", "network").distinct()
    added.update(account for account, _network in networks)
    current = Check.objects.filter(number__in=in_list(ids), is_current=True, engine__in_use=True)
    of_look_ups = Q(carrier="", evidence__in=REQUIRED_EVIDENCE, provider__in=by_provider)
    of_networks = Q(evidence=Check.Evidence.HANDSET) & Exists(
        proving.filter(account=OuterRef("account"), network=OuterRef("carrier"))
    )
    clean = current.filter(of_look_ups | of_networks, effect=Check.Effect.CLEARS).order_by()
    needed = Case(
        *(When(account=account, then=Value(required + more)) for account, more in added.items() if more),
        default=Value(required or _NEVER),
        output_field=IntegerField(),
    )
    answered = clean.values("number", "account").annotate(answers=Count("pk")).filter(answers__gte=needed)
    numbers = set(answered.values_list("number", flat=True))
    # Where there are other sources, all of those have to call the number clean.
    if of_lists and not required:
        listed = current.filter(carrier="", provider__in=of_lists, effect=Check.Effect.CLEARS).order_by()
        numbers.update(pk for pk, account in listed.values_list("number", "account") if not added[account])
    return list(numbers)
