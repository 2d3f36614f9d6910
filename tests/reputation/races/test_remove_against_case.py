"""A number is removed while a worker advances its case, or verifies it."""

import pytest
from django.db import connection, transaction
from django.utils import timezone

from portal.audit import Context
from reputation import phone_numbers
from reputation.models import Case, PhoneNumber, Registration
from reputation.monitoring import capability, lookups, verification
from reputation.remediation import sweep
from tests.factories import CampaignFactory, PhoneNumberFactory
from tests.reputation.races.race import meanwhile
from tests.support.invariants import get_violated

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # SQLite lets one transaction write at a time.
    pytest.mark.skipif(connection.vendor != "postgresql", reason="Only PostgreSQL locks single rows."),
]


@pytest.fixture
def number(provider, enrolled_account, now) -> PhoneNumber:
    """A number that is being verified."""
    enrolled_account.applications.update(revision=0)
    number = PhoneNumberFactory(account=enrolled_account, campaign=CampaignFactory(account=enrolled_account))
    capability.enable([number.pk], context=Context.system(now))
    return number


def remove_during(number, work):
    """Remove the number in a transaction that has locked it when the work begins to write."""
    with transaction.atomic():
        PhoneNumber.objects.filter(pk=number.pk).lock()
        get_outcome = meanwhile(work)
        phone_numbers.remove([number.pk], context=Context.system(timezone.now()))
    return get_outcome()


def test_case_that_advances_is_cancelled(provider, number, now):
    verification.verify_due(now)
    provider.labels[number.e164, "alpha"] = "Spam Likely"
    lookups.look_up_due(now)

    assert remove_during(number, lambda: sweep.advance_due(now)) == 1

    assert Case.objects.get().state == Case.State.CANCELLED
    assert get_violated() == []


def test_number_that_is_verified_stays_off(number, now):
    assert remove_during(number, lambda: verification.verify_due(now)) == 2

    number.refresh_from_db()
    assert number.capability == PhoneNumber.Capability.OFF
    assert set(Registration.objects.values_list("lease_token", "lease_until")) == {("", None)}
    assert get_violated() == []
