"""Forms of Django admin, in a browser."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from portal.models import User
from tests.browser.helpers import accessibility_violations
from tests.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_fields_of_a_connection_have_names(live_url, open_page):
    operator = MemberFactory.build(user=UserFactory(staff_role=User.StaffRole.SUPERUSER))
    page = open_page(live_url, as_=operator)
    page.goto(reverse("admin:reputation_connection_add"))
    expect(page.get_by_label("Account")).to_be_editable()
    assert not accessibility_violations(page, rules=["aria-input-field-name", "label", "select-name", "link-name"])
