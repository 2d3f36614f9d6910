"""Whose turn it is: numbers that are equally near take turns in the order of their digits."""

from __future__ import annotations

import random
import threading

from reputation.matching.tiers import Tier

# The number of each tier of a campaign that had its turn last, in this process.
_last_shown: dict[tuple[int, str], str] = {}


_rotation_lock = threading.Lock()


# So many tiers are remembered; then all begin anew, from places drawn by chance.
MAX_REMEMBERED_TIERS = 200_000


def _rotated_ranges(campaign_id: int, tier: Tier) -> list[tuple[str, str]]:
    """The tier's ranges, beginning behind the number that had its turn last, and once round."""
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
    at = next((place for place, (_, high) in enumerate(tier.ranges) if last <= high), 0)
    low, high = tier.ranges[at]
    # A digit more is behind the number itself and before all that follow.
    return [(max(low, f"{last}0"), high), *tier.ranges[at + 1 :], *tier.ranges[: at + 1]]


def end_turn(campaign_id: int, tier: Tier, e164: str) -> None:
    """The number had its turn: the next call goes to the one behind it."""
    with _rotation_lock:
        _last_shown[campaign_id, tier.name] = e164
