"""Operations in a browser: a failed task is named, marked as seen, and the page follows by itself."""

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from portal.models import Heartbeat, TaskFailure, User
from portal.operations import state
from tests.browser.helpers import OVERFLOWING_ELEMENTS_JS, accessibility_violations, screenshot
from tests.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

URL = reverse("admin:portal_taskfailure_changelist")


@pytest.fixture
def operator():
    return MemberFactory.build(user=UserFactory(staff_role=User.StaffRole.OPERATOR))


@pytest.fixture
def failure():
    now = timezone.now()
    Heartbeat.objects.create(name="tasks", at=now)
    texts = {"exception": "ValueError", "message": "The door is locked", "traceback": "Traceback"}
    return TaskFailure.objects.create(
        fingerprint="1", task="portal.webhooks.tasks.deliver_webhooks", first_at=now, last_at=now, **texts
    )


def test_an_operator_follows_the_banner_and_marks_a_failure_as_seen(live_url, open_page, operator, failure):
    state.check(timezone.now())
    page = open_page(live_url, as_=operator)
    page.goto(reverse("admin:index"))
    page.locator("#operations-banner").get_by_role("link", name="Operations").click()
    expect(page.locator(".problems")).to_contain_text("1 task failed")
    page.get_by_role("checkbox", name="Select this object").check()
    page.locator("select[name=action]").select_option("mark_as_seen")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.get_by_text("1 failure marked as seen.")).to_be_visible()
    expect(page.locator("#operations")).to_contain_text("No task fails that nobody has seen yet.")


def test_the_page_follows_by_itself(live_url, open_page, operator, failure):
    page = open_page(live_url, as_=operator)
    page.clock.install()
    page.goto(URL)
    expect(page.locator(".problems")).to_contain_text("1 task failed")
    TaskFailure.objects.update(ended_at=timezone.now())
    page.clock.run_for(16_000)
    expect(page.locator("#operations")).to_contain_text("No task fails that nobody has seen yet.")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_page_is_accessible(live_url, open_page, operator, failure, width, dark):
    state.check(timezone.now())
    page = open_page(live_url, as_=operator, width=width, dark=dark)
    page.goto(URL)
    screenshot(page, f"operations-{width}-{'dark' if dark else 'light'}")
    assert not accessibility_violations(page)
    assert not page.evaluate(OVERFLOWING_ELEMENTS_JS)
