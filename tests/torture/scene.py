"""What a fault works on: the running portal, its accounts, and the random numbers of the run."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.torture.accounts import ApiAccount
from tests.torture.installation import Installation


@dataclass
class Scene:
    """`notes` are what the fault hit, for the record of the run, such as the work in progress."""

    portal: Installation
    account: ApiAccount
    random: random.Random
    notes: list[str] = field(default_factory=list)
