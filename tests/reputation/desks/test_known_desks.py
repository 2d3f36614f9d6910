"""The shipped desks are dated data with source and certainty, written once."""

from datetime import date

import pytest

from reputation.desks.known_desks import KNOWN_DESKS, create_known_desks
from reputation.models import Desk, ShippedDesk
from reputation.post_migrate import set_up_database

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shipped_desks")]


def test_shipped_desks_have_source_date_and_certainty():
    desks = list(Desk.objects.all())
    assert {desk.slug for desk in desks} == {known.slug for known in KNOWN_DESKS}
    assert {desk.read_on for desk in desks} == {date(2026, 11, 27)}
    assert all(desk.source for desk in desks)
    assert not any(desk.is_verified for desk in desks), "no form was opened"


def test_registry_registers_for_three_engines():
    registry = Desk.objects.get(slug="free-caller-registry")
    assert registry.registers
    assert {engine.slug for engine in registry.engines.all()} == {"first-orion", "hiya", "tns"}


@pytest.mark.parametrize(
    ("slug", "days"),
    [
        ("free-caller-registry", 10),
        ("hiya", 7),
        ("first-orion", 10),
        ("t-mobile", 10),
        ("tns", 20),
        ("verizon", 20),
        ("block-redress", 2),
    ],
)
def test_desk_is_silent_after_its_business_days(slug, days):
    assert Desk.objects.get(slug=slug).answer_days == days


def test_t_mobile_takes_one_number_at_a_time_and_ten_a_day():
    desk = Desk.objects.get(carrier="T-Mobile")
    assert (desk.form, desk.daily_limit) == ("one_by_one", 10)


@pytest.mark.parametrize("slug", ["transunion", "nomorobo", "youmail", "robokiller", "truecaller"])
def test_desk_to_which_nothing_can_be_sent_is_not_in_use(slug):
    assert not Desk.objects.get(slug=slug).in_use


def test_edits_and_deletions_of_an_operator_last(django_assert_num_queries):
    Desk.objects.filter(slug="hiya").update(address="https://example.com/", answer_days=3)
    Desk.objects.filter(slug="tns").delete()
    with django_assert_num_queries(1):
        create_known_desks()
    hiya = Desk.objects.get(slug="hiya")
    assert (hiya.address, hiya.answer_days) == ("https://example.com/", 3)
    assert not Desk.objects.filter(slug="tns").exists()


def test_desk_that_an_operator_had_added_before_is_kept():
    ShippedDesk.objects.filter(slug="verizon").delete()
    Desk.objects.filter(slug="verizon").update(notes="Ours")
    Desk.objects.get(slug="verizon").engines.clear()
    create_known_desks()
    assert Desk.objects.get(slug="verizon").notes == "Ours"
    assert not Desk.objects.get(slug="verizon").engines.exists()


def test_desks_are_written_after_a_migration():
    Desk.objects.all().delete()
    ShippedDesk.objects.all().delete()
    set_up_database()
    assert Desk.objects.count() == len(KNOWN_DESKS)
    assert {engine.slug for engine in Desk.objects.get(slug="att").engines.all()} == {"hiya"}
