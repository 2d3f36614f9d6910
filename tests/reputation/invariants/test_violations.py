"""Each invariant is found violated, and no other one, once a row is changed behind the portal's back.

Where it has a repair, one repair makes the portal sound again, and a second one changes nothing.
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.models import WebhookDelivery
from reputation.invariants.all import INVARIANTS
from reputation.models import BulkAction
from tests.factories import WebhookEndpointFactory
from tests.reputation.invariants.breaking import BREAKS, add_mail
from tests.support.invariants import get_violated

pytestmark = pytest.mark.django_db

REPAIRABLE = {invariant.name for invariant in INVARIANTS if invariant.repair}


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def test_the_sound_portal_violates_nothing(portal):
    assert get_violated() == []


def test_each_invariant_is_broken_here():
    assert [invariant.name for invariant in INVARIANTS if invariant.name not in BREAKS] == []


@pytest.mark.parametrize("name", BREAKS)
def test_a_violation_is_found_and_repaired(name, portal, repair_all):
    BREAKS[name](portal, timezone.now())

    assert get_violated() == [name]
    repaired = repair_all()
    if name not in REPAIRABLE:
        assert repaired == {}
        assert get_violated() == [name]
    else:
        assert repaired.keys() == {name}
        assert get_violated() == []
        assert repair_all() == {}


def test_a_missing_delivery_is_made_up_for_endpoints_that_were_subscribed_to_the_event(portal, repair_all):
    later = WebhookEndpointFactory(account=portal.account, created_at=timezone.now() + timedelta(hours=1))
    deliveries = WebhookDelivery.objects.order_by("message", "endpoint")
    before = list(deliveries.values_list("message", "endpoint"))
    deliveries[0].delete()

    assert repair_all() == {"deliveries": 1}
    assert list(deliveries.values_list("message", "endpoint")) == before
    assert not later.deliveries.exists()


def test_a_half_claim_of_a_mail_is_found(portal):
    add_mail(timezone.now(), lease_token="left")
    assert get_violated() == ["claims"]


def test_an_action_that_nobody_is_asked_about_does_not_wait_for_a_confirmation(portal):
    values = {"account": portal.account, "action": "enable", "created_at": timezone.now(), "state": "shown"}
    BulkAction.objects.create(**values)
    assert get_violated() == []
    BulkAction.objects.create(**values, apply_immediately=True)
    assert get_violated() == ["bulk_action_ends"]
