"""The table of carriers says which engine labels whose calls, with source and date."""

from datetime import date

import pytest
from django.utils import timezone

from reputation.models import CarrierEngine, Engine
from reputation.monitoring import carriers, engines
from reputation.providers.protocol import EngineInfo

pytestmark = pytest.mark.django_db


def test_table_is_seeded_with_source_and_date_and_its_engines_are_out_of_use():
    rows = CarrierEngine.objects.filter(engine__slug__in=("hiya", "first-orion", "tns")).select_related("engine")
    assert {(row.carrier, row.device, row.engine.slug) for row in rows} == {
        ("AT&T", "", "hiya"),
        ("", "Samsung", "hiya"),
        ("T-Mobile", "", "first-orion"),
        ("Metro by T-Mobile", "", "first-orion"),
        ("Verizon", "", "tns"),
        ("U.S. Cellular", "", "tns"),
    }
    assert {row.read_on for row in rows} == {date(2026, 11, 26)}
    assert all("Not confirmed" in row.source for row in rows)
    assert not any(row.engine.in_use for row in rows)


def test_seeded_engine_is_in_use_once_a_provider_declares_it(provider):
    provider.cards.append(EngineInfo("hiya", "Hiya"))
    engines.sync_engines()
    assert Engine.objects.get(slug="hiya").in_use


@pytest.mark.parametrize(
    ("carrier", "device", "slug"),
    [
        ("AT&T", "", "hiya"),
        ("t-mobile", "Samsung", "first-orion"),
        ("UScellular", "Pixel", "tns"),
        ("Example Mobile", "samsung", "hiya"),
        ("", "Samsung", "hiya"),
        ("Example Mobile", "", None),
        ("", "", None),
    ],
)
def test_engine_is_found_by_carrier_then_by_make(django_assert_num_queries, carrier, device, slug):
    with django_assert_num_queries(1):
        engine = carriers.find_engine(carrier, device)
    assert (engine and engine.slug) == slug


def test_row_for_carrier_and_make_comes_first():
    tns = Engine.objects.get(slug="tns")
    CarrierEngine.objects.create(
        carrier="T-Mobile", device="Samsung", engine=tns, source="A test", read_on=timezone.now()
    )
    assert carriers.find_engine("T-Mobile", "Samsung") == tns
    assert carriers.find_engine("T-Mobile").slug == "first-orion"


def test_carriers_of_a_provider_are_added_only_where_the_table_has_none(provider):
    provider.cards[0] = EngineInfo("alpha", "Alpha", ("AT&T", "Example Mobile"))
    engines.sync_engines()
    row = CarrierEngine.objects.get(engine__slug="alpha")
    assert (row.carrier, row.source) == ("Example Mobile", "Declared by provider vendor.")
    assert row.read_on == timezone.now().date()
    assert carriers.find_engine("AT&T").slug == "hiya"


def test_rows_corrected_or_deleted_by_an_operator_stay_so(provider):
    CarrierEngine.objects.filter(carrier="AT&T").update(engine=Engine.objects.get(slug="tns"), source="Seen myself")
    CarrierEngine.objects.filter(carrier="Verizon").delete()
    engines.sync_engines()
    assert CarrierEngine.objects.get(carrier="AT&T").source == "Seen myself"
    assert carriers.find_engine("Verizon") is None
