"""The audit trail in a browser: a bulk action is one line that expands where it is."""

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from portal import audit
from portal.audit import Context
from reputation.models import PhoneNumber
from tests.browser.helpers import NARROW, WIDE, accessibility_violations, screenshot
from tests.factories import PhoneNumberFactory


@pytest.fixture
def bulk_action(live_url, account, actor):
    """A change of 60 numbers in one statement, and one of a single number."""
    numbers = PhoneNumberFactory.create_batch(60, account=account)
    context = Context(actor, timezone.now())
    audit.record_changes(PhoneNumber.objects.all(), context=context, code="number.retired", label="e164")
    audit.record_event(account=account, context=context, code="number.changed", subject=numbers[0], after="Renewals")


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("dark", [False, True])
def test_a_bulk_action_expands_in_its_line(bulk_action, open_page, live_url, admin, width, dark):
    page = open_page(live_url, as_=admin, width=width, dark=dark)
    page.goto(reverse("audit-trail"))
    rows = page.locator("#events > .scroll > table > tbody > tr")
    expect(rows).to_have_count(2)
    screenshot(page, f"audit-trail-{width}-{'dark' if dark else 'light'}")
    page.get_by_text("60 phone numbers").click()
    expect(page.locator("details tbody tr")).to_have_count(50)
    expect(rows).to_have_count(2)
    screenshot(page, f"audit-trail-expanded-{width}-{'dark' if dark else 'light'}")
    assert accessibility_violations(page) == []


def test_without_javascript_a_link_shows_the_events_of_a_bulk_action(bulk_action, open_page, live_url, admin):
    page = open_page(live_url, as_=admin, scripts=False)
    page.goto(reverse("audit-trail"))
    page.get_by_text("60 phone numbers").click()
    page.get_by_role("link", name="Show the events").click()
    expect(page.locator("#events tbody tr")).to_have_count(50)
    expect(page.get_by_text("The events of one bulk action: Number retired")).to_contain_text(admin.user.email)
