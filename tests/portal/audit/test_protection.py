"""SQLite refuses to alter or delete events and batches. What the portal itself does goes on."""

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Model

from portal import audit
from portal.audit import Context, protection
from portal.audit.chain import link_remaining
from portal.audit.verification import Verification
from portal.models import AuditBatch, AuditEvent
from tests.factories import PhoneNumberFactory

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has rights instead"),
]
REFUSED = "The audit trail is never changed"


@pytest.fixture
def event(account, actor, now) -> AuditEvent:
    number = PhoneNumberFactory(account=account)
    audit.record_event(account=account, context=Context(actor, now), code="number.changed", subject=number)
    return AuditEvent.objects.get()


@pytest.mark.parametrize("model", [AuditEvent, AuditBatch])
@pytest.mark.parametrize("is_linked", [True, False])
def test_rows_are_neither_altered_nor_deleted(event, model: type[Model], is_linked):
    if is_linked:
        link_remaining()
    field = "reason" if model is AuditEvent else "content_hash"
    for statement in (f"UPDATE {{}} SET {field} = 'x'", "DELETE FROM {}"):
        with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement.format(model._meta.db_table))
    assert list(Verification().run()) == []


def test_account_with_events_is_not_deleted(event, account):
    with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic():
        account.delete()


def test_batch_is_linked_once(event):
    assert link_remaining() == 1
    with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic():
        AuditBatch.objects.update(position=F("position") + 1)


def test_migration_installs_triggers_that_are_missing(event):
    protection.remove_triggers()
    AuditEvent.objects.update(reason="altered")
    call_command("migrate", verbosity=0)
    with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic():
        AuditEvent.objects.update(reason="altered again")


@pytest.mark.django_db(transaction=True)
def test_tables_are_altered_by_migrations(event):
    """A migration that fills a column of the events is undone and done again."""
    call_command("migrate", "portal", "0013", verbosity=0)
    call_command("migrate", verbosity=0)
    with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic():
        AuditEvent.objects.update(reason="altered")
