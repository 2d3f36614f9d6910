"""Sources: the look-ups and networks that can show labels, and which numbers all of them call clean.

A network counts for an account once one of its telephones there is proven. A new proof takes effect on a number with
the next observation of it.
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
    """The ids of the numbers that every source set up for their account calls clean now; four queries.

    None of an account without a source that can show labels.
    """
    sources = EngineRole.objects.filter(
        role=EngineRole.Role.LOOK_UP, engine__in_use=True, evidence__in=REQUIRED_EVIDENCE
    )
    by_provider = Counter(sources.order_by().values_list("provider", flat=True))
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
    networks = proving.filter(account__in=accounts).order_by().values_list("account", "carrier").distinct()
    added.update(account for account, _carrier in networks)
    current = Check.objects.filter(number__in=in_list(ids), is_current=True, engine__in_use=True)
    of_look_ups = Q(carrier="", evidence__in=REQUIRED_EVIDENCE, provider__in=by_provider)
    of_networks = Q(evidence=Check.Evidence.HANDSET) & Exists(
        proving.filter(account=OuterRef("account"), carrier=OuterRef("carrier"))
    )
    clean = current.filter(of_look_ups | of_networks, effect=Check.Effect.CLEARS).order_by()
    needed = Case(
        *(When(account=account, then=Value(required + more)) for account, more in added.items() if more),
        default=Value(required or _NEVER),
        output_field=IntegerField(),
    )
    answered = clean.values("number", "account").annotate(answers=Count("pk")).filter(answers__gte=needed)
    return list(answered.values_list("number", flat=True))
