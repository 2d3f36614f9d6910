"""Which engine labels the calls that a carrier's telephones show: the table's first rows, and look-ups in it.

Sources disagree, so each row has a source and a date, and operators may correct it. The portal adds rows only for
carriers that have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from reputation.models import CarrierEngine, Engine
from reputation.providers.protocol import EngineInfo


@dataclass(frozen=True)
class KnownEngine:
    """An engine that exists whether a provider speaks for it or not, and whose calls it is said to label."""

    slug: str
    name: str
    # Carrier and make of the telephone. Empty: any.
    serves: tuple[tuple[str, str], ...]
    source: str
    read_on: date = date(2026, 11, 26)


KNOWN_ENGINES = (
    KnownEngine(
        "hiya",
        "Hiya",
        (("AT&T", ""), ("", "Samsung")),
        "Redress form of AT&T (att.com/reviewmycalllabel), which leads to Hiya; help pages of other vendors, 2025-26. "
        "Not confirmed by AT&T, Samsung or Hiya.",
    ),
    KnownEngine(
        "first-orion",
        "First Orion",
        (("T-Mobile", ""), ("Metro by T-Mobile", "")),
        "Redress form of T-Mobile (callreporting.t-mobile.com), which leads to First Orion; help pages of other "
        "vendors, 2025-26. Not confirmed by T-Mobile or First Orion.",
    ),
    KnownEngine(
        "tns",
        "TNS",
        (("Verizon", ""), ("U.S. Cellular", "")),
        "Redress form of Verizon (voicespamfeedback.com), which leads to TNS; help pages of other vendors, 2025-26. "
        "Not confirmed by Verizon, U.S. Cellular or TNS.",
    ),
)


def create_known_engines() -> None:
    """Creates those of KNOWN_ENGINES that do not exist, out of use, with their rows of the table.

    Rows are written with their engine only, so one that an operator deleted does not return.
    """
    slugs = [known.slug for known in KNOWN_ENGINES]
    existing = set(Engine.objects.filter(slug__in=slugs).values_list("slug", flat=True))
    missing = [known for known in KNOWN_ENGINES if known.slug not in existing]
    if not missing:
        return
    Engine.objects.bulk_create(
        [Engine(slug=known.slug, name=known.name, in_use=False) for known in missing], ignore_conflicts=True
    )
    ids = dict(Engine.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    CarrierEngine.objects.bulk_create(
        [
            CarrierEngine(
                carrier=carrier, device=device, engine_id=ids[known.slug], source=known.source, read_on=known.read_on
            )
            for known in missing
            for carrier, device in known.serves
        ],
        ignore_conflicts=True,
    )


def add_declared_carriers(declared: Sequence[tuple[str, EngineInfo]], engine_ids: Mapping[str, int]) -> None:
    """Adds the carriers that providers declare for their engines, if the table has nothing about the carrier."""
    if not any(info.carriers for _, info in declared):
        return
    known = {_normalize(carrier) for carrier in CarrierEngine.objects.values_list("carrier", flat=True)}
    rows = []
    for provider, info in declared:
        for carrier in info.carriers:
            if _normalize(carrier) not in known:
                known.add(_normalize(carrier))
                source = f"Declared by provider {provider}."
                rows.append(
                    CarrierEngine(
                        carrier=carrier[:60],
                        engine_id=engine_ids[info.slug],
                        source=source,
                        read_on=timezone.now().date(),
                    )
                )
    if rows:
        CarrierEngine.objects.bulk_create(rows, ignore_conflicts=True)


def find_engine(carrier: str, device: str = "") -> Engine | None:
    """The engine that labels the calls shown by this carrier's telephones of this make; None if the table has none.

    The first row that fits: carrier and make, the carrier, the make. A carrier's network labels on any telephone, so
    its row comes before that of the make. Case, spaces and punctuation do not count. One query.
    """
    wanted = (_normalize(carrier), _normalize(device))
    rows = {
        (_normalize(row.carrier), _normalize(row.device)): row.engine
        for row in CarrierEngine.objects.select_related("engine")
    }
    keys = [wanted, (wanted[0], ""), ("", wanted[1])]
    return next((rows[key] for key in keys if any(key) and key in rows), None)


@dataclass(frozen=True)
class CarrierNetworks:
    """Which carriers have labels of their own: the table's engines of each carrier, by normalised name.

    Carriers that one engine serves count as one network, because both show its labels. A carrier that the table does
    not name is not known: it may use the network of any other.
    """

    engines: Mapping[str, frozenset[int]]

    def is_known(self, carrier: str) -> bool:
        return _normalize(carrier) in self.engines

    def is_one_carrier(self, carriers: Iterable[str]) -> bool:
        """Whether all are the same carrier, in any spelling. An empty name is none."""
        names = {_normalize(carrier) for carrier in carriers}
        return len(names) == 1 and "" not in names

    def are_different(self, carrier: str, other: str) -> bool:
        """Whether both are known, and no engine serves both."""
        one, two = (self.engines.get(_normalize(name), frozenset()) for name in (carrier, other))
        return bool(one and two) and not one & two

    def is_served_by(self, carrier: str, engine_id: int) -> bool:
        return engine_id in self.engines.get(_normalize(carrier), ())


def read_networks() -> CarrierNetworks:
    """The table as it is now; one query. Rows for a make of telephone only name no carrier."""
    engines: dict[str, set[int]] = {}
    for carrier, engine_id in CarrierEngine.objects.values_list("carrier", "engine"):
        if name := _normalize(carrier):
            engines.setdefault(name, set()).add(engine_id)
    return CarrierNetworks({name: frozenset(ids) for name, ids in engines.items()})


def _normalize(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))
