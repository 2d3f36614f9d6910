import pytest

from reputation.models import PhoneNumber
from reputation.monitoring import lookups
from tests.factories import MonitoredNumberFactory
from tests.support.provider import FakeVendor


@pytest.fixture
def tagged_number(provider: FakeVendor, account, now) -> PhoneNumber:
    """A monitored number that Alpha labels, looked up now."""
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    provider.labels[number.e164, "alpha"] = "Spam Likely"
    lookups.look_up_due(now)
    return number
