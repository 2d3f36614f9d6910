"""Assigning numbers to campaigns, and removing default caller IDs."""

from __future__ import annotations

import pytest

from portal.audit import Context
from portal.models import AuditEvent
from reputation import campaigns
from reputation.models import Campaign
from tests.factories import CampaignFactory, PhoneNumberFactory
from tests.reputation.views.campaign_pages import audit_events

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(account) -> Campaign:
    return CampaignFactory(account=account, name="Spring renewals")


def test_removed_default_number_is_cleared_with_an_audit_event(as_admin, account, campaign, actor, now):
    number = PhoneNumberFactory(account=account)
    campaigns.set_default_number(campaign, number_id=number.pk, expected_id=None, context=Context(actor, now))
    campaigns.clear_default_numbers([number.pk], context=Context(actor, now))
    campaign.refresh_from_db()
    assert campaign.default_number is None
    assert audit_events(campaign)[-1] == ("campaign.default", number.e164, "")


def test_assign_moves_numbers_of_the_account_with_an_audit_event_for_each(account, campaign, actor, now):
    other = CampaignFactory(account=account, name="Winter")
    moved = PhoneNumberFactory(account=account, campaign=other)
    already = PhoneNumberFactory(account=account, campaign=campaign)
    foreign = PhoneNumberFactory()
    ids = [moved.pk, already.pk, foreign.pk]
    assert campaigns.assign(ids, campaign=campaign, context=Context(actor, now)) == [moved.pk]
    event = AuditEvent.objects.get(code="number.campaign")
    assert (event.subject_id, event.before, event.after) == (moved.pk, "Winter", "Spring renewals")
    foreign.refresh_from_db()
    assert foreign.campaign is None


def test_unassign_removes_numbers_from_their_campaign(account, campaign, actor, now):
    number = PhoneNumberFactory(account=account, campaign=campaign)
    assert campaigns.unassign([number.pk], account_id=account.pk, context=Context(actor, now)) == [number.pk]
    number.refresh_from_db()
    assert number.campaign is None
