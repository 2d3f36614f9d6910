"""Rotation: equally near numbers are shown in turn, in the order of their digits.

Each process remembers the last number it showed for each tier of a campaign. The next call starts behind that number.
"""

from __future__ import annotations

import random
import threading

from reputation.matching.tiers import Tier

# When this many tiers are remembered, all are forgotten and start again at random numbers. Bounds the memory.
MAX_REMEMBERED_TIERS = 200_000

# The number shown last, in E.164, by campaign id and tier name.
_last_shown: dict[tuple[int, str], str] = {}
_rotation_lock = threading.Lock()


def rotated_ranges(campaign_id: int, tier: Tier) -> list[tuple[str, str]]:
    """Return the tier's ranges, starting behind the number shown last and wrapping around.

    The range that contains this number comes twice: its rest first, all of it last. A tier without a last number starts
    at a random one, so that processes do not all start with the same number.
    """
    if not tier.ranges:
        return []
    last = _last_shown.get((campaign_id, tier.name))
    if last is None:
        low, high = random.choice(tier.ranges)
        last = str(random.randrange(int(low), int(high) + 1)).join(("+", ""))
        with _rotation_lock:
            if len(_last_shown) >= MAX_REMEMBERED_TIERS:
                _last_shown.clear()
            last = _last_shown.setdefault((campaign_id, tier.name), last)
    start = next((position for position, (_, high) in enumerate(tier.ranges) if last <= high), 0)
    low, high = tier.ranges[start]
    # With one more digit, the lower bound sorts behind the last number and before all others behind it.
    return [(max(low, f"{last}0"), high), *tier.ranges[start + 1 :], *tier.ranges[: start + 1]]


def set_last_shown(campaign_id: int, tier: Tier, e164: str) -> None:
    """Remember that a call showed this number: the next call of the tier starts behind it."""
    with _rotation_lock:
        _last_shown[campaign_id, tier.name] = e164
