"""Cases: opened by a tag, submitted, reviewed, disputed, cleared, failed or cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from portal.audit import Actor


def cancel(number_ids: Sequence[int], *, actor: Actor, now: datetime, reason: str) -> None:
    """Cancels the unfinished cases of these numbers; the sweep then tells the engines."""
