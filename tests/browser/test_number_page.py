"""The page of a number in Chromium: its tables and its picture of 60 days."""

import pytest
from django.urls import reverse

from reputation.models import Check
from tests.browser.helpers import NARROW, OVERFLOWING_ELEMENTS_JS
from tests.factories import CheckFactory, ComplaintFactory, MemberFactory, MonitoredNumberFactory, TagFactory

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


def test_states_in_the_picture_differ_in_height_too(live_url, open_page, now):
    member = MemberFactory()
    number = MonitoredNumberFactory(account=member.account)
    risk = {"verdict": Check.Verdict.WARNING, "effect": Check.Effect.RISK}
    CheckFactory(number=number)
    CheckFactory(number=number, **risk)
    TagFactory(account=member.account, number=number)
    page = open_page(live_url, as_=member)
    page.goto(reverse("number", args=[number.pk]))
    heights = [
        page.locator(f"#picture rect.{state}").first.evaluate("rect => rect.getBBox().height")
        for state in ("none", "clean", "risk", "tagged")
    ]
    assert heights == sorted(set(heights))
