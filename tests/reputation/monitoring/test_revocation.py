"""A revoked enrollment ends the monitoring of the account's numbers."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.module_loading import import_string
from django_q.models import OrmQ

from portal.audit import Context
from portal.models import AuditEvent
from reputation.models import PhoneNumber
from reputation.monitoring import revocation
from tests.factories import ApplicationFactory, MonitoredNumberFactory


@pytest.mark.django_db
def test_revoked_enrollment_disables_all_numbers_of_the_account(provider, account, actor, now):
    from enrollment.models import Application
    from enrollment.signals import revoked

    application = ApplicationFactory(account=account, state=Application.State.REVOKED)
    other = MonitoredNumberFactory()
    ApplicationFactory(account=other.account)
    numbers = [MonitoredNumberFactory(account=account) for _ in range(3)]
    with transaction.atomic():
        revoked.send(sender=Application, application=application, account=account, context=Context(actor, now))
    assert [row.func() for row in OrmQ.objects.all()] == ["reputation.tasks.revocation.disable_revoked_numbers"]
    import_string("reputation.tasks.revocation.disable_revoked_numbers")()
    assert set(PhoneNumber.objects.filter(account=account).values_list("capability", flat=True)) == {"off"}
    other.refresh_from_db()
    assert other.capability == "on"
    events = AuditEvent.objects.filter(code="capability.off", account=account)
    assert events.count() == len(numbers)
    assert set(events.values_list("reason", flat=True)) == {"The enrollment was revoked."}


@pytest.mark.django_db
def test_query_count_of_revocation_is_the_same_for_5_and_500_numbers(provider, account, now):
    from enrollment.models import Application

    ApplicationFactory(account=account, state=Application.State.REVOKED)
    counts = []
    for count in (5, 500):
        for _ in range(count):
            MonitoredNumberFactory(account=account)
        with CaptureQueriesContext(connection) as queries:
            assert revocation.disable_revoked(now) == count
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.django_db
def test_account_that_was_approved_again_keeps_its_monitored_numbers(provider, account):
    from enrollment.models import Application

    ApplicationFactory(account=account, state=Application.State.REVOKED)
    ApplicationFactory(account=account)
    MonitoredNumberFactory(account=account)
    import_string("reputation.tasks.revocation.disable_revoked_numbers")()
    assert PhoneNumber.objects.get().capability == "on"
