"""Networks that people may mean: common ones, those of the table of carriers, and those of the account's telephones.

A call, its observation and the tag that follows have the network of the telephone, and a report the one that it means:
`find_network` is the one place that decides which one that is.
"""

from __future__ import annotations

from difflib import get_close_matches

from portal.models import Account
from portal.phone.networks import NAMES, get_network, normalize_name
from reputation.models import CarrierEngine, LabelReport, Telephone
from reputation.monitoring.carriers import find_engine

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


def find_network(account: Account, name: str) -> str:
    """The network that the account means by this name; empty for an empty name.

    One that is not known (portal/phone/networks.py) keeps the spelling that the account used first. Two queries then.
    """
    network = get_network(name)
    if network in NAMES or not network:
        return network
    for model in (Telephone, LabelReport):
        own = model._base_manager.filter(account=account).order_by("pk").values_list("network", flat=True)
        for spelling in dict.fromkeys(own):
            if normalize_name(spelling) == normalize_name(network):
                return spelling
    return network


def explain_unknown_network(telephone: Telephone) -> str:
    """What follows if the table of carriers has no engine for the telephone's network; empty if it has one.

    One query for a known network, four at most.
    """
    if find_engine(telephone.carrier):
        return ""
    by_make = find_engine("", telephone.make) if telephone.make else None
    counts_for = f"{by_make.name}, for its make" if by_make else "an unknown engine, so it is not known whom to ask"
    sentence = (
        f"It is not known which engine labels calls on {telephone.carrier}. Labels that this telephone shows count for "
        f"{counts_for}."
    )
    others = {name.casefold(): name for name in get_known_networks(telephone.account)}
    others.pop(telephone.carrier.casefold(), None)
    close = get_close_matches(telephone.carrier.casefold(), others, n=1, cutoff=0.7)
    return f"{sentence} If you mean {others[close[0]]}, edit the telephone." if close else sentence
