"""The provider `handset`: what people see on telephones, in test calls and as reports (reputation/test_calls/).

It observes. Nobody is asked, so it has no operations: each result of a call is an observation over the operator's
connection. It speaks for the engines that are said to label the calls of carriers, and for one that is not known.
"""

from __future__ import annotations

from typing import ClassVar

from reputation.providers.protocol import ConnectionSettings, EngineInfo, Evidence, Limits, Prices, Role


class HandsetProvider:
    name: ClassVar[str] = "handset"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.OBSERVE})
    limits: ClassVar[Limits] = Limits()
    prices: ClassVar[Prices] = Prices()

    def __init__(self, connection: ConnectionSettings) -> None:
        """There is nothing to connect to."""

    @classmethod
    def engines(cls) -> list[EngineInfo]:
        """Without carriers: monitoring/carriers.py says which engine serves whom, and operators correct it."""
        return [
            EngineInfo("hiya", "Hiya", evidence=Evidence.HANDSET),
            EngineInfo("first-orion", "First Orion", evidence=Evidence.HANDSET),
            EngineInfo("tns", "TNS", evidence=Evidence.HANDSET),
            EngineInfo("unknown", "Unknown engine", evidence=Evidence.HANDSET),
        ]
