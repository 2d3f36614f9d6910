"""Which desk reviews a label: that of the network which shows it, else that of the engine.

A registry reviews none: registering a number removes no label. So no desk can be asked about a label of which neither
network nor engine is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from portal.phone.networks import get_network_key
from reputation.models import Check, Desk, Tag

# The engine of labels of which nobody knows who put them on.
UNKNOWN_ENGINE = "unknown"
FIND_NETWORK = (
    "Your turn: find out which network shows the label. Nobody knows which engine put it on, so no desk can be asked. "
    "Make a test call on each network, or report the label again with its network."
)
Kind = Desk.Kind


def choose_desks(tags: Iterable[Tag]) -> dict[int, Desk]:
    """The desk of each of these tags by the tag's id, without those that no desk in use reviews. Two queries.

    A block goes to a desk for blocks: that of its network or engine, else one for the blocks of any network.
    """
    desks = list(Desk.objects.filter(in_use=True).prefetch_related("engines").order_by("kind", "pk"))
    reviewing = [desk for desk in desks if desk.reviews and desk.kind != Kind.REGISTRY]
    for_labels = [desk for desk in reviewing if desk.kind != Kind.BLOCK]
    for_blocks = [desk for desk in reviewing if desk.kind == Kind.BLOCK]
    for_any_block = [desk for desk in for_blocks if not desk.carrier and not desk.engines.all()]
    chosen = {}
    for tag in tags:
        fitting = [
            *([*_find_fitting(tag, for_blocks), *for_any_block] if _is_block(tag) else ()),
            *_find_fitting(tag, for_labels),
        ]
        if fitting:
            chosen[tag.pk] = fitting[0]
    return chosen


def _is_block(tag: Tag) -> bool:
    seen_on_telephone = tag.evidence == Check.Evidence.HANDSET
    return tag.evidence == Check.Evidence.NETWORK_BLOCK or (seen_on_telephone and not tag.severity)


def _find_fitting(tag: Tag, desks: Sequence[Desk]) -> list[Desk]:
    """The desks of the tag's network, then those of its engine for every network."""
    network = get_network_key(tag.carrier)
    of_carrier = [desk for desk in desks if network and get_network_key(desk.carrier) == network]
    of_engine = [
        desk for desk in desks if not desk.carrier and any(engine.pk == tag.engine_id for engine in desk.engines.all())
    ]
    return of_carrier + of_engine
