"""What pages say about test calls: the number's page, the rows of tables, and the sample of a large account."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reputation.models import LabelPhoto, TestCall, TestRound
from tests.factories import AccountFactory, MonitoredNumberFactory, PhoneNumberFactory, TelephoneFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


@pytest.fixture
def telephone(account):
    return TelephoneFactory(account=account, name="Anna's phone")


@pytest.fixture
def number(account):
    return MonitoredNumberFactory(account=account)


@pytest.fixture
def make_call(account, telephone, now):
    """Return a function that stores a counted call from the number to the telephone, so many days ago."""

    def make(number, result="no_label", days=3, **fields):
        at = now - timedelta(days=days)
        values = {"telephone": telephone, "state": "counted", "proves_absence": True, "reason": "unseen"} | fields
        return TestCall.objects.create(
            account=number.account,
            round=TestRound.objects.create(account=number.account, minutes=1, created_at=at, ended_at=at),
            number=number,
            position=1,
            day=at.date(),
            result=result,
            answered_at=at,
            **values,
        )

    return make


def get_page(client, number) -> str:
    return get_html(client.get(reverse("number", args=[number.pk])))


def test_the_page_says_what_was_seen_where_on_how_many_telephones_and_when(as_viewer, number, make_call):
    make_call(number)
    page = get_page(as_viewer, number)
    assert "No label seen (T-Mobile, 1 phone, 3 days ago)." in page
    assert "one call shows what one telephone showed once" in page


def test_the_page_lists_the_last_calls_with_network_telephone_time_and_photo(as_viewer, account, number, make_call):
    photo = LabelPhoto.objects.create(account=account, file="label-photos/1/photo.jpg")
    make_call(number, "label", label="Scam Likely", photo=photo)
    make_call(number, "name_wrong", days=2, name="ACME", proves_absence=False)
    page = get_page(as_viewer, number)
    assert page.index("Name shown: wrong") < page.index("“Scam Likely”</span>")
    assert "“ACME”" in page
    assert "Anna&#x27;s phone" in page
    assert "not proven: shows labels, not their absence" in page
    assert reverse("label-photo", args=[photo.pk]) in page
    assert 'alt="Photo of the telephone that shows “Scam Likely”"' in page


def test_the_page_lists_ten_calls_and_says_so(as_viewer, number, make_call):
    for days in range(1, 13):
        make_call(number, days=days)
    page = get_page(as_viewer, number)
    assert page.count('data-label="Telephone"') == 10
    assert "The newest 10." in page


def test_calls_of_another_account_are_not_shown(as_viewer, number, make_call):
    other = AccountFactory()
    theirs = MonitoredNumberFactory(account=other, e164=number.e164)
    make_call(theirs, telephone=TelephoneFactory(account=other, name="Their phone"))
    page = get_page(as_viewer, number)
    assert "Not yet seen." in page
    assert "Their phone" not in page


@pytest.mark.parametrize("page", ["number-reputation", "phone-numbers"])
def test_rows_say_what_was_seen_or_that_nobody_called(as_viewer, account, number, make_call, page):
    make_call(number, "label", label="Spam Risk")
    PhoneNumberFactory(account=account)
    html = get_html(as_viewer.get(reverse(page)))
    assert "Label seen: “Spam Risk” (T-Mobile, 1 phone, 3 days ago)" in html
    assert html.count(">Not yet seen<") == 1


def test_rows_of_an_account_without_telephones_say_nothing_about_test_calls(as_viewer, number):
    assert "Not yet seen" not in get_html(as_viewer.get(reverse("number-reputation")))


def test_the_page_takes_the_same_queries_for_any_number_of_calls(as_viewer, number, make_call):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            get_page(as_viewer, number)
        return len(queries)

    make_call(number)
    count()
    few = count()
    for days in range(4, 12):
        make_call(number, days=days)
    assert count() == few


def test_a_large_account_sees_its_sample_and_interval(as_viewer, account, number, make_call):
    numbers = PhoneNumberFactory.create_batch(99, account=account)
    for sampled in numbers[:60]:
        make_call(sampled, is_random=True)
    url = reverse("number-reputation")
    assert "random numbers" not in get_html(as_viewer.get(url))
    PhoneNumberFactory(account=account)
    page = get_html(as_viewer.get(url))
    assert "60 random numbers without a label: at most 5 % of all have one." in page
    assert "95 % interval" in page


def test_a_large_account_without_calls_at_random_sees_no_sample(as_viewer, account):
    PhoneNumberFactory.create_batch(101, account=account)
    assert 'id="sample"' not in get_html(as_viewer.get(reverse("number-reputation")))
