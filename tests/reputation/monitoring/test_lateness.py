"""Pages say of when their statuses are, if look-ups are late."""

from collections import defaultdict
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reputation.models import PhoneNumber
from reputation.monitoring import lateness
from tests.factories import AccountFactory, MonitoredNumberFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

LINE = "look-ups are late"


@pytest.fixture(autouse=True)
def ask_again(monkeypatch):
    monkeypatch.setattr(lateness, "_answers", defaultdict(lambda: (None, 0.0)))


def make_number(account, now, *, hours_late: float) -> PhoneNumber:
    due_at = now - timedelta(hours=hours_late)
    number = MonitoredNumberFactory(account=account)
    checked = {"checked_at": due_at - timedelta(days=1), "ever_checked": True}
    PhoneNumber.objects.filter(pk=number.pk).update(next_action_at=due_at, **checked)
    return number


@pytest.mark.parametrize(("hours_late", "is_shown"), [(0, False), (23, False), (25, True)])
def test_pages_say_so_once_numbers_wait_for_twice_the_interval(as_viewer, account, now, hours_late, is_shown):
    number = make_number(account, now, hours_late=hours_late)
    for url in (reverse("number-reputation"), reverse("number", args=[number.pk])):
        assert (LINE in get_html(as_viewer.get(url))) == is_shown


def test_late_numbers_of_another_account_are_not_mentioned(as_viewer, account, now):
    make_number(AccountFactory(), now, hours_late=25)
    make_number(account, now, hours_late=0)
    assert LINE not in get_html(as_viewer.get(reverse("number-reputation")))


def test_numbers_that_were_never_looked_up_have_no_date(account, now):
    number = make_number(account, now, hours_late=25)
    PhoneNumber.objects.filter(pk=number.pk).update(checked_at=None, ever_checked=False)
    assert lateness.get_last_lookup_if_late(account, now) is None


@pytest.mark.parametrize("hours_late", [0, 25])
def test_pages_cost_one_query_a_minute(account, now, hours_late):
    make_number(account, now, hours_late=hours_late)
    counts = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            lateness.get_last_lookup_if_late(account, now)
        counts.append(len(queries))
    assert counts == [1, 0, 0]
