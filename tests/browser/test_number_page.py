"""The page of a number at the width of a telephone."""

import pytest
from django.urls import reverse

from tests.browser.helpers import NARROW, OVERFLOWING_ELEMENTS_JS
from tests.factories import CheckFactory, ComplaintFactory, MemberFactory, MonitoredNumberFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_tables_scroll_within_a_narrow_page(live_url, open_page):
    member = MemberFactory()
    number = MonitoredNumberFactory(account=member.account)
    CheckFactory(number=number)
    ComplaintFactory(e164=number.e164, city="San Buenaventura", state="CA", subject="Telecommunications, subscriptions")
    page = open_page(live_url, as_=member, width=NARROW)
    page.goto(reverse("number", args=[number.pk]))
    page.get_by_text("The checks behind it").click()
    page.get_by_role("region", name="Checks").wait_for()
    assert page.evaluate(OVERFLOWING_ELEMENTS_JS) == []
