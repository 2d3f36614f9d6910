"""The provider `desk`: the account's own people ask for the review of labels, at desks without an API.

The requests are in reputation/desks/. It observes what lists of engines show (reputation/engine_lists/). Nobody is
called, so the provider has no operations. It registers no numbers: where no other provider does, *Enable* turns a
number on at once.
"""

from __future__ import annotations

from typing import ClassVar

from reputation.providers.protocol import ConnectionSettings, EngineInfo, Limits, Prices, Role


class DeskProvider:
    name: ClassVar[str] = "desk"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.REMEDIATE, Role.OBSERVE})
    by_people: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits()
    prices: ClassVar[Prices] = Prices()

    def __init__(self, connection: ConnectionSettings) -> None:
        """There is nothing to connect to."""

    @classmethod
    def engines(cls) -> list[EngineInfo]:
        """Those whose labels people see on telephones. Which desk reviews them is in the table of desks."""
        return [
            EngineInfo("hiya", "Hiya"),
            EngineInfo("first-orion", "First Orion"),
            EngineInfo("tns", "TNS"),
            EngineInfo("unknown", "Unknown engine"),
        ]
