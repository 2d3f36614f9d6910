"""Claims: one worker at a time holds a row, and a worker that outlives its claim can no longer write to it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.jobs.claims import claim, claim_row
from portal.jobs.leases import acquire_lease
from portal.models import Lease
from reputation.models import PhoneNumber
from tests.factories import PhoneNumberFactory

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def number(account) -> PhoneNumber:
    return PhoneNumberFactory(account=account)


def claim_number(number: PhoneNumber, now):
    return claim_row(PhoneNumber.objects.all(), number.pk, now=now, lease=MINUTE)


def test_a_row_that_is_held_cannot_be_claimed(number, now):
    assert claim_number(number, now)
    assert claim_number(number, now + MINUTE / 2) is None


def test_row_is_claimed_by_another_worker_after_expiry_and_the_first_can_write_nothing(number, now):
    first = claim_number(number, now)
    second = claim_number(number, now + MINUTE)
    assert not first.is_held()
    assert not first.update(label="first")
    assert not first.renew(label="first")
    assert not first.release(label="first")
    assert second.release(label="second")
    number.refresh_from_db()
    assert (number.label, number.lease_token, number.lease_until) == ("second", "", None)


def test_a_renewal_counts_from_the_current_time(number, now):
    held = claim_number(number, now - MINUTE / 2)
    assert held.renew()
    number.refresh_from_db()
    assert number.lease_until >= now + MINUTE


def test_only_candidates_are_claimed(number, now):
    assert claim_row(PhoneNumber.objects.none(), number.pk, now=now) is None


def test_a_sweep_claims_the_longest_due_rows_and_counts_the_attempt(account, now):
    later, earlier = (PhoneNumberFactory(account=account, next_action_at=now - age * MINUTE) for age in (1, 2))
    token, ids = claim(PhoneNumber.objects.all(), now=now, limit=1)
    assert ids == [earlier.pk]
    earlier.refresh_from_db()
    assert (earlier.lease_token, earlier.attempts) == (token, 1)
    assert claim(PhoneNumber.objects.all(), now=now, limit=2)[1] == [later.pk]
    assert claim(PhoneNumber.objects.all(), now=now, limit=2) == ("", [])


def test_a_named_lease_has_one_holder_and_is_released_by_that_holder_only():
    with acquire_lease("work") as first:
        assert first
        with acquire_lease("work") as second:
            assert second is None
        assert first.is_held()
        Lease.objects.update(lease_until=timezone.now())
        with acquire_lease("work") as second:
            assert second
            assert not first.release()
            assert second.is_held()
    with acquire_lease("work") as third:
        assert third
