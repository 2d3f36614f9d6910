"""API keys: create one, copy it with a button, and revoke it in a window."""

import re

import pytest
from django.urls import reverse

from portal.models import ApiKey
from tests.browser.helpers import HEIGHT, NARROW, OVERFLOWING_ELEMENTS_JS, accessibility_violations

pytestmark = pytest.mark.django_db(transaction=True)


def test_key_is_created_copied_and_revoked(live_url, open_page, owner):
    page = open_page(live_url, as_=owner)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(reverse("api-keys"))
    page.get_by_role("link", name="Make a key").click()
    page.get_by_label("Name").fill("Dialer in Seattle")
    page.get_by_label("Match: Ask").check()
    page.get_by_role("button", name="Make the key").click()
    token = page.get_by_label("The key").input_value()
    assert re.fullmatch(r"nrp_[0-9a-f]{10}_[0-9a-f]{64}", token)
    page.get_by_role("button", name="Copy the key").click()
    page.wait_for_function("document.getElementById('announce').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == token
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert not accessibility_violations(page)
    page.set_viewport_size({"width": NARROW, "height": HEIGHT})
    assert not page.evaluate(OVERFLOWING_ELEMENTS_JS)
    page.get_by_role("link", name="I have it").click()
    page.get_by_role("strong").filter(has_text="Dialer in Seattle").wait_for()
    assert token not in page.content()
    page.get_by_role("link", name="Revoke Dialer in Seattle").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    page.get_by_text("Requests with it are refused from now on.").wait_for()
    assert ApiKey.objects.get().revoked_at
