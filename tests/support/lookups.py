"""Numbers that are due for a look-up, the look-up of all of them, and the connection that it goes over."""

from datetime import datetime, timedelta

from django.utils import timezone

from portal.models import Account
from reputation.models import Connection, PhoneNumber
from reputation.monitoring import lookups
from tests.factories import MonitoredNumberFactory


def create_due_numbers(account: Account, count: int, **values: object) -> list[PhoneNumber]:
    """Create monitored numbers that have been due for an hour."""
    due = {"next_action_at": timezone.now() - timedelta(hours=1)}
    return [MonitoredNumberFactory(account=account, **due, **values) for _ in range(count)]


def look_up_all(now: datetime) -> int:
    """Run sweeps until no number is due, and return how many numbers were looked up."""
    done = 0
    while looked_up := lookups.look_up_due(now):
        done += looked_up
    return done


def get_connection(provider: str = "vendor") -> Connection:
    """Return the operator's connection to a provider."""
    return Connection.objects.get(provider=provider, account=None)
