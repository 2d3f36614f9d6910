"""Which engine labels the calls that a carrier's telephones show: the table's first rows, and look-ups in it.

Sources disagree, so each row has a source and a date, and operators may correct it. The portal adds rows only for
carriers that have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from portal.phone.networks import get_network_key, normalize_name
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
    known = {normalize_name(carrier) for carrier in CarrierEngine.objects.values_list("carrier", flat=True)}
    rows = []
    for provider, info in declared:
        for carrier in info.carriers:
            if normalize_name(carrier) not in known:
                known.add(normalize_name(carrier))
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
    its row comes before that of the make. A carrier without rows has those of its network. One query.
    """
    table = sorted(CarrierEngine.objects.select_related("engine"), key=_has_name_of_network)
    rows = {(normalize_name(row.carrier), normalize_name(row.device)): row.engine for row in table}
    of_networks = {(get_network_key(row.carrier), normalize_name(row.device)): row.engine for row in table}
    name, network, make = normalize_name(carrier), get_network_key(carrier), normalize_name(device)
    found = [
        *(rows.get(key) for key in ((name, make), (name, "")) if name),
        *(of_networks.get(key) for key in ((network, make), (network, "")) if name),
        rows.get(("", make)) if make else None,
    ]
    return next(filter(None, found), None)


def _has_name_of_network(row: CarrierEngine) -> bool:
    """Whether the row is of a network itself, which counts for its brands, rather than of one of them."""
    return normalize_name(row.carrier) == get_network_key(row.carrier)


@dataclass(frozen=True)
class CarrierNetworks:
    """Which carriers have labels of their own: the table's engines of each carrier, by normalised name.

    Carriers that one engine serves count as one network, because both show its labels. A carrier that the table does
    not name is not known: it may use the network of any other.
    """

    engines: Mapping[str, frozenset[int]]

    def is_known(self, carrier: str) -> bool:
        return normalize_name(carrier) in self.engines

    def is_one_carrier(self, carriers: Iterable[str]) -> bool:
        """Whether all are the same carrier, in any spelling. An empty name is none."""
        names = {normalize_name(carrier) for carrier in carriers}
        return len(names) == 1 and "" not in names

    def are_different(self, carrier: str, other: str) -> bool:
        """Whether both are known, and no engine serves both."""
        one, two = (self.engines.get(normalize_name(name), frozenset()) for name in (carrier, other))
        return bool(one and two) and not one & two

    def is_served_by(self, carrier: str, engine_id: int) -> bool:
        return engine_id in self.engines.get(normalize_name(carrier), ())


def read_networks() -> CarrierNetworks:
    """The table as it is now; one query. Rows for a make of telephone only name no carrier."""
    engines: dict[str, set[int]] = {}
    for carrier, engine_id in CarrierEngine.objects.values_list("carrier", "engine"):
        if name := normalize_name(carrier):
            engines.setdefault(name, set()).add(engine_id)
    return CarrierNetworks({name: frozenset(ids) for name, ids in engines.items()})
