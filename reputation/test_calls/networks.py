"""Networks that people may mean: common ones, those of the table of carriers, and those of the account's telephones."""

from __future__ import annotations

from portal.models import Account
from reputation.models import CarrierEngine, Telephone

COMMON_NETWORKS = (
    "AT&T",
    "T-Mobile",
    "Verizon",
    "U.S. Cellular",
    "Metro by T-Mobile",
    "Cricket",
    "Visible",
    "Mint Mobile",
)


def get_known_networks(account: Account) -> list[str]:
    """The networks by name, each once; two queries."""
    listed = CarrierEngine.objects.exclude(carrier="").values_list("carrier", flat=True)
    own = Telephone.objects.for_account(account).in_use().values_list("carrier", flat=True)
    return sorted({name.casefold(): name for name in (*COMMON_NETWORKS, *own, *listed)}.values(), key=str.casefold)
