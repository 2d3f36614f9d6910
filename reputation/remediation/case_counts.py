"""How many cases of an account are under way, and who works on them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q

from portal.models import Account
from reputation.models import Case, DeskRequest


@dataclass(frozen=True)
class CaseCounts:
    """Unfinished cases. `at_desks` are those with an open request to a desk, whether or not a provider asks as well."""

    unsent: int
    by_providers: int
    at_desks: int

    @property
    def begun(self) -> int:
        """Those of which a request was sent. Their numbers have the spam status *in remediation*."""
        return self.by_providers + self.at_desks


def count_unfinished(account: Account) -> CaseCounts:
    """One query."""
    is_unsent = Q(state=Case.State.OPEN)
    at_desk = Q(Exists(DeskRequest.objects.open().filter(case=OuterRef("pk"))))
    cases = Case.objects.for_account(account).unfinished()
    return CaseCounts(
        **cases.aggregate(
            unsent=Count("pk", filter=is_unsent),
            by_providers=Count("pk", filter=~is_unsent & ~at_desk),
            at_desks=Count("pk", filter=~is_unsent & at_desk),
        )
    )
