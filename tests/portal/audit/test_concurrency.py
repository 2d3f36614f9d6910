"""Concurrent writers: the chain of an account stays whole, and nobody waits for another one's transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from portal import audit
from portal.audit import Context
from portal.audit.batches import create_number
from portal.audit.verification import Verification
from portal.models import Account, AuditBatch, AuditChain, AuditEvent
from reputation.models import PhoneNumber
from tests.factories import AccountFactory, PhoneNumberFactory
from tests.reputation.races.race import meanwhile

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS, EVENTS = 4, 8


def test_numbers_differ_while_the_clock_stands_still(time_machine):
    time_machine.move_to("2026-11-28T12:00:00Z", tick=False)
    assert len({create_number() for _ in range(2_000)}) == 2_000


def run_in_threads(*work: Callable[[], None]) -> None:
    """Run all at once, each with a connection of its own. Raises the first error."""
    errors: list[BaseException] = []

    def run(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def record(account: Account, context: Context) -> None:
    audit.record_event(account=account, context=context, code="account.name", subject=account, after="x")


def assert_whole(*accounts: Account, batches: int) -> None:
    assert not list(Verification().run())
    for account in accounts:
        positions = AuditBatch.objects.filter(account=account).order_by("position").values_list("position", flat=True)
        assert list(positions) == list(range(1, batches + 1))
        assert AuditChain.objects.get(account=account).position == batches


def test_an_event_is_linked_when_its_transaction_has_committed(account, now):
    with transaction.atomic():
        record(account, Context.system(now))
        assert AuditBatch.objects.get().position is None
    assert AuditBatch.objects.get().position == 1


def test_an_event_that_is_rolled_back_leaves_no_batch(account, now):
    with transaction.atomic():
        record(account, Context.system(now))
        transaction.set_rollback(True)
    record(account, Context.system(now))
    assert_whole(account, batches=1)


def test_many_writers_of_one_account_make_one_chain(account, now):
    def write() -> None:
        for _ in range(EVENTS):
            with transaction.atomic():
                record(account, Context.system(now))

    run_in_threads(*[write] * WRITERS)
    assert_whole(account, batches=WRITERS * EVENTS)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time.")
def test_two_writers_of_the_same_accounts_in_opposite_order_do_not_wait_for_each_other(account, now):
    """With a lock that lasted until the commit, each would wait for the other one's account."""
    other = AccountFactory()
    both_have_begun = threading.Barrier(2, timeout=60)

    def write(first: Account, second: Account) -> None:
        with transaction.atomic():
            record(first, Context.system(now))
            both_have_begun.wait()
            record(second, Context.system(now))

    run_in_threads(lambda: write(account, other), lambda: write(other, account))
    assert_whole(account, other, batches=2)


def test_of_two_that_lock_the_same_rows_the_second_records_only_what_the_first_has_left(account, now):
    """On PostgreSQL, the second waits with its INSERT, and looks at the rows again once the first has committed."""
    ids = [PhoneNumberFactory(account=account).pk for _ in range(3)]

    def switch_on(pks: list[int]) -> list[int]:
        off = PhoneNumber.objects.filter(pk__in=pks, capability="off")
        with transaction.atomic():
            moved = audit.record_changes(
                off, context=Context.system(now), code="capability.on", label="e164", lock=True
            )
            PhoneNumber.objects.filter(pk__in=moved).update(capability="on")
        return moved

    with transaction.atomic():
        assert switch_on(ids[:2]) == ids[:2]
        get_moved_by_second = meanwhile(lambda: switch_on(ids))
    assert get_moved_by_second() == ids[2:]
    assert AuditEvent.objects.filter(code="capability.on").count() == 3
