"""A full disk ends no import: it waits, and goes on when there is room."""

import pytest
from django.db import connection
from django.utils import timezone

from portal.jobs.claims import LEASE_DURATION
from reputation.imports import pipeline
from reputation.models import NumberImport, PhoneNumber
from reputation.tasks.imports import advance_import
from tests.reputation.imports.import_data import csv_text

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = 9_000
State = NumberImport.State


@pytest.fixture
def full_database():
    """Let the database take no page more, as on a full disk: SQLite then raises what it raises there."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has no limit that tests could set. make torture fills its disk.")

    def set_limit(pages: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
            cursor.execute(f"PRAGMA max_page_count = {pages}")

    yield lambda: set_limit(1)  # which means as many as there are
    set_limit(4_000_000_000)


def run_task(batch: NumberImport) -> NumberImport:
    """Run the task as soon as the import may be taken again."""
    NumberImport.objects.update(lease_until=None)
    advance_import(batch.pk)
    batch.refresh_from_db()
    return batch


def test_an_import_waits_while_the_disk_is_full(create_import, full_database, caplog):
    batch = create_import(csv_text(COUNT))
    full_database()
    for _ in range(pipeline.MAX_ATTEMPTS + 2):
        run_task(batch)
        assert batch.state in (State.RECEIVED, State.READING)
    assert batch.attempts <= 1, "an outage counts as no attempt"
    assert batch.lease_token == ""
    assert batch.lease_until > timezone.now() + LEASE_DURATION / 2, "it rests before the next attempt"
    lines = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(lines) <= 1, "the outage is logged once, if it was not before"
    assert not any(record.exc_info for record in lines)


def test_it_goes_on_when_there_is_room_again(create_import, full_database):
    batch = create_import(csv_text(COUNT))
    full_database()
    run_task(batch)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA max_page_count = 4000000000")
    while run_task(batch).is_in_progress:
        pass
    assert (batch.state, batch.will_add, PhoneNumber.objects.count()) == (State.READY, COUNT, 0)
