"""Two people, or a person and a worker, at the same moment: one result, no invariant violated, and both are told."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections, transaction
from django.utils import timezone

from enrollment.models import Application
from portal.accounts.licensing import Product
from portal.audit import SYSTEM, Context
from portal.models import AuditEvent, Member, User
from reputation.bulk_actions.actions import create_bulk_action
from reputation.imports import pipeline
from reputation.models import BulkAction, PhoneNumber
from reputation.monitoring.coverage import lock_account
from tests.factories import (
    AccountFactory,
    ApplicationFactory,
    LicenceFactory,
    MemberFactory,
    PhoneNumberFactory,
    UserFactory,
)
from tests.reputation.races.race import race
from tests.support.invariants import get_violated

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path / "uploads"
    # For the processes.
    monkeypatch.setenv("DATA_DIR", str(settings.DATA_DIR))


@pytest.fixture
def enrolled():
    account = AccountFactory()
    ApplicationFactory(account=account, revision=0)
    LicenceFactory(account=account, product=Product.PHONE_PRO)
    return account


def enable(account, numbers):
    selected = PhoneNumber.objects.filter(pk__in=[number.pk for number in numbers])
    return create_bulk_action(
        account=account, context=Context(SYSTEM, timezone.now()), action="enable", numbers=selected
    )


def test_last_seat_goes_to_one_of_two_who_enable_a_number_each(enrolled, tmp_path):
    LicenceFactory(account=enrolled, product=Product.MONITORING_SKU, seats=1)
    windows = [enable(enrolled, [PhoneNumberFactory(account=enrolled)]) for _ in range(2)]

    assert race(tmp_path, *(("confirm_bulk_action", window.pk) for window in windows)) == ["confirmed"] * 2

    done = BulkAction.objects.order_by("applied_count").values_list("state", "applied_count", "skipped_count")
    assert list(done) == [("done", 0, 1), ("done", 1, 0)]
    assert PhoneNumber.objects.monitored().count() == 1
    assert get_violated() == []


def test_window_that_is_confirmed_twice_is_applied_once(enrolled, tmp_path):
    LicenceFactory(account=enrolled, product=Product.MONITORING_SKU, seats=20)
    window = enable(enrolled, [PhoneNumberFactory(account=enrolled) for _ in range(20)])

    told = race(tmp_path, ("confirm_bulk_action", window.pk), ("confirm_bulk_action", window.pk))

    assert sorted(told) == ["confirmed", "confirmed before"]
    window.refresh_from_db()
    assert (window.state, window.applied_count, window.skipped_count) == ("done", 20, 0)
    assert AuditEvent.objects.filter(code="capability.verifying").count() == 20
    assert get_violated() == []


def test_application_is_either_approved_or_withdrawn(tmp_path):
    application = ApplicationFactory(state=Application.State.DRAFT)
    Application.objects.update(state=Application.State.SUBMITTED, revision=1)
    reviewer = UserFactory(staff_role=User.StaffRole.REVIEWER)

    told = race(tmp_path, ("approve", application.pk, reviewer.pk), ("withdraw", application.pk))

    application.refresh_from_db()
    if application.state == Application.State.APPROVED:
        assert told[0] == "approved"
        assert "A reviewer decided it before: approved. Nothing was withdrawn." in told[1]
    else:
        assert application.state == Application.State.DRAFT
        assert told[1] == "withdrawn"
        assert told[0] not in ("", "approved")
        assert "Error" not in told[0]
    assert get_violated() == []


def test_file_that_is_imported_twice_at_once_adds_its_numbers_once(enrolled, tmp_path):
    lines = "".join(f"+1206555{number:04}\n" for number in range(100, 200))
    batches = []
    for _ in range(2):
        upload = SimpleUploadedFile("numbers.csv", f"number\n{lines}".encode())
        batches.append(pipeline.receive(account=enrolled, upload=upload, context=Context(SYSTEM, timezone.now())))

    told = race(tmp_path, *(("confirm_import", batch.pk) for batch in batches))

    assert told == ["confirmed"] * 2
    for batch in batches:
        batch.refresh_from_db()
    results = [(batch.state, batch.added, batch.skipped) for batch in batches]
    assert sorted(results) == [
        ("done", 0, 100),
        ("done", 100, 0),
    ]
    assert PhoneNumber.objects.count() == AuditEvent.objects.filter(code="number.added").count() == 100
    assert get_violated() == []


def test_of_two_owners_who_demote_each_other_one_stays(tmp_path):
    account = AccountFactory()
    first, second = (MemberFactory(account=account, role=Member.Role.OWNER) for _ in range(2))

    told = race(tmp_path, ("demote", first.pk, second.user_id), ("demote", second.pk, first.user_id))

    assert sorted(told) == [
        "LastOwner: This is the account's last owner. Make somebody else an owner first.",
        "demoted",
    ]
    assert Member.objects.filter(role=Member.Role.OWNER).count() == 1
    assert get_violated() == []


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite locks no rows")
def test_events_of_an_account_are_recorded_while_its_coverage_is_locked(enrolled):
    """Otherwise whoever has locked numbers waits for the account, whose lock waits for the numbers."""
    other = connections.create_connection("default")
    try:
        with transaction.atomic():
            lock_account(enrolled.pk)
            with other.cursor() as cursor:
                cursor.execute("SET lock_timeout = '5s'")
                cursor.execute(
                    "INSERT INTO portal_auditchain (account_id, position, hash) VALUES (%s, 0, '')", [enrolled.pk]
                )
    finally:
        other.close()
