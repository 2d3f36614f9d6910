"""The spam status that follows from tags, cases and checks."""

import pytest

from reputation.models import Case, PhoneNumber
from reputation.numbers import spam_status
from tests.factories import CaseFactory, MonitoredNumberFactory, TagFactory

pytestmark = pytest.mark.django_db

State = Case.State


def test_a_number_with_an_active_tag_and_a_failed_case_has_the_status_failed(account, now):
    number = MonitoredNumberFactory(account=account)
    case = CaseFactory(account=account, number=number, state=State.FAILED)
    TagFactory(account=account, number=number, case=case)
    spam_status.recompute([number.pk], now=now)
    number.refresh_from_db()
    assert number.spam_status == PhoneNumber.SpamStatus.FAILED
