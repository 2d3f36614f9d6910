import pytest

from portal.audit import Context
from reputation.bulk_actions.actions import create_bulk_action
from reputation.models import PhoneNumber
from tests.factories import CampaignFactory, PhoneNumberFactory


@pytest.fixture
def campaign(enrolled_account):
    return CampaignFactory(account=enrolled_account)


@pytest.fixture
def numbers(enrolled_account, campaign):
    return PhoneNumberFactory.create_batch(6, account=enrolled_account, campaign=campaign)


@pytest.fixture
def open_bulk_action(enrolled_account, actor, now):
    """Return a function that creates a bulk action for these, or all, numbers of the account."""

    def open_for(numbers=None, action="enable", **chosen):
        queryset = PhoneNumber.objects.for_account(enrolled_account)
        if numbers is not None:
            queryset = queryset.filter(pk__in=[number.pk for number in numbers])
        return create_bulk_action(
            account=enrolled_account, context=Context(actor, now), action=action, numbers=queryset, **chosen
        )

    return open_for
