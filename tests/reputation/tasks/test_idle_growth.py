"""An idle portal does not grow: after 180 service days the tables have as many rows as after 20."""

from datetime import timedelta

import pytest
import time_machine
from django.apps import apps
from django.db import connection
from django.utils import timezone
from django.utils.module_loading import import_string

from portal.jobs import runner
from reputation.models import Check, PhoneNumber
from reputation.schedules import SCHEDULES
from tests.factories import CampaignFactory, MonitoredNumberFactory, PhoneNumberFactory

DAY = timedelta(seconds=20)


@pytest.fixture
def fast_clock(settings, monkeypatch):
    settings.SERVICE_DAY = DAY
    monkeypatch.setattr(runner, "PAUSE_SECONDS", 0)


def count_rows() -> dict[str, int]:
    """Return the number of rows of each table, including tables of other packages."""
    tables = [model._meta.db_table for model in apps.get_models(include_auto_created=True)]
    with connection.cursor() as cursor:
        counts = {}
        for table in tables:
            cursor.execute(f'SELECT COUNT(*) FROM "{table}"')
            counts[table] = cursor.fetchone()[0]
    return counts


def test_180_service_days_add_no_rows_while_observations_stay_the_same(enrolled_account, provider, fast_clock):
    campaign = CampaignFactory(account=enrolled_account)
    numbers = [
        MonitoredNumberFactory(account=enrolled_account, campaign=campaign, next_action_at=timezone.now())
        for _ in range(5)
    ]
    numbers += [PhoneNumberFactory(account=enrolled_account) for _ in range(5)]
    begun = timezone.now()
    seen = {}
    with time_machine.travel(begun, tick=False) as clock:
        for day in range(180):
            for entry in SCHEDULES:
                if entry.minutes == 1 or day % (entry.minutes * 60 // DAY.seconds) == 0:
                    import_string(entry.func)()
            seen[day] = count_rows()
            clock.shift(DAY)
    looks = Check.objects.values_list("looks", flat=True)
    assert min(looks) > 150
    assert PhoneNumber.objects.filter(spam_status="clean").count() == 5
    assert seen[179] == seen[20]
