"""Which desk reviews a label."""

import pytest

from reputation.desks.choosing import choose_desks
from reputation.models import Check, Desk, Engine
from tests.factories import DeskFactory, TagFactory

Kind = Desk.Kind


@pytest.fixture
def desks(hiya, desk):
    """Desks of a carrier, of an engine, for blocks, and the registry, which serves the engine as well."""
    return {
        "hiya": desk,
        "at&t": DeskFactory(kind=Kind.CARRIER, carrier="AT&T", engines=[hiya]),
        "registry": DeskFactory(kind=Kind.REGISTRY, registers=True, reviews=False, engines=[hiya]),
        "block": DeskFactory(kind=Kind.BLOCK, engines=[hiya]),
    }


def choose(**tag):
    tag = TagFactory(**tag)
    return choose_desks([tag]).get(tag.pk)


def test_desk_of_the_network_comes_before_that_of_the_engine(desks, hiya):
    assert choose(engine=hiya, carrier="at & t") == desks["at&t"]


def test_label_on_another_network_goes_to_its_engine(desks, hiya):
    assert choose(engine=hiya, carrier="Prairie Wireless") == desks["hiya"]
    assert choose(engine=hiya) == desks["hiya"]


def test_label_on_a_brand_of_a_network_goes_to_the_desk_of_the_network(desks, hiya):
    assert choose(engine=hiya, carrier="Cricket") == desks["at&t"]


def test_label_of_an_unknown_engine_goes_to_the_desk_of_its_network(desks):
    unknown = Engine.objects.get(slug="unknown")
    assert choose(engine=unknown, carrier="AT&T") == desks["at&t"]
    assert choose(engine=unknown) is None


@pytest.mark.usefixtures("shipped_desks")
def test_registry_reviews_no_label(hiya):
    Desk.objects.exclude(kind=Kind.REGISTRY).delete()
    assert choose(engine=hiya) is None


def test_label_of_an_engine_without_a_desk_goes_nowhere(desks):
    assert choose(engine=Engine.objects.get(slug="tns")) is None


@pytest.mark.parametrize("evidence", [Check.Evidence.NETWORK_BLOCK, Check.Evidence.HANDSET])
def test_block_goes_to_the_desk_for_blocks(desks, hiya, evidence):
    assert choose(engine=hiya, carrier="AT&T", evidence=evidence, label="") == desks["block"]


@pytest.mark.usefixtures("shipped_desks")
def test_block_on_a_network_without_a_desk_for_blocks_goes_to_that_for_all():
    blocked = {"evidence": Check.Evidence.HANDSET, "label": "", "engine": Engine.objects.get(slug="first-orion")}
    assert choose(carrier="T-Mobile", **blocked).slug == "block-redress"


def test_label_seen_on_a_telephone_is_no_block(desks, hiya):
    assert choose(engine=hiya, evidence=Check.Evidence.HANDSET, severity="spam") == desks["hiya"]


def test_desk_out_of_use_is_left_out(desks, hiya):
    desks["hiya"].in_use = desks["at&t"].in_use = False
    Desk.objects.bulk_update(desks.values(), ["in_use"])
    assert choose(engine=hiya, carrier="AT&T") is None


def test_number_of_queries_does_not_depend_on_that_of_the_labels(desks, hiya, django_assert_num_queries):
    tags = [TagFactory(engine=hiya) for _ in range(5)]
    with django_assert_num_queries(2):
        assert len(choose_desks(tags)) == 5
