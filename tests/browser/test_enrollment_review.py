"""What happens around a review, in a browser: the warning while answering, the reply, and the withdrawal."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from enrollment.models import Application
from enrollment.questions import QUESTIONS
from portal.audit import Actor, Context
from portal.models import User
from tests.browser.helpers import NARROW, WIDE, accessibility_violations, screenshot
from tests.enrollment import form_data
from tests.enrollment.review import decide
from tests.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

LOOKS = [(WIDE, False), (WIDE, True), (NARROW, False), (NARROW, True)]
# Whether the middle of the element is what a click there reaches, and how far it is below the warning.
IS_COVERED_JS = """(element) => {
  const box = element.getBoundingClientRect();
  const warning = document.getElementById("practices-warning").getBoundingClientRect();
  return box.top < warning.bottom && box.bottom > warning.top;
}"""


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_the_warning_stays_in_view_and_covers_no_answer_in_focus(live_url, open_page, owner, width, dark):
    page = open_page(live_url, as_=owner, width=width, dark=dark)
    page.goto(reverse("enrollment-practices"))
    warning = page.locator("#practices-warning")
    expect(warning).to_be_hidden()
    last = page.locator(f"[name={QUESTIONS[-1].id}-answer][value=no]")
    for question in (QUESTIONS[-2], QUESTIONS[-1]):
        page.locator(f"[name={question.id}-answer][value=no]").check()
    expect(warning).to_contain_text("2 practices are answered with No.")
    expect(page.locator("#practices-announcement")).to_have_text("2 practices are answered with No.")
    expect(warning).to_be_in_viewport(ratio=0.9)
    assert not last.evaluate(IS_COVERED_JS)
    assert not accessibility_violations(page)
    screenshot(page, f"warning-{width}-{'dark' if dark else 'light'}")
    assert_focus_is_never_covered(page)


def assert_focus_is_never_covered(page: Page) -> None:
    """Walk backwards through the form by keyboard: what is above comes into view from under the warning."""
    page.get_by_role("button", name="Save draft").focus()
    covered, seen = [], set()
    for _ in range(4 * len(QUESTIONS)):
        page.keyboard.press("Shift+Tab")
        focused = page.locator("#enrollment-form fieldset :focus")
        if not focused.count():
            break
        seen.add(focused.get_attribute("name"))
        if focused.evaluate(IS_COVERED_JS):
            covered.append(focused.get_attribute("id"))
    assert len(seen) > len(QUESTIONS)
    assert covered == []


def test_an_answer_that_does_not_change_the_warning_leaves_its_list_open(live_url, open_page, owner):
    page = open_page(live_url, as_=owner)
    page.goto(reverse("enrollment-practices"))
    for question in QUESTIONS[:2]:
        page.locator(f"[name={question.id}-answer][value=no]").check()
    details = page.locator("#practices-warning details")
    details.locator("summary").click()
    page.locator(f"[name={QUESTIONS[2].id}-answer][value=yes]").check()
    expect(page.locator("#practices-answered")).to_have_text(re.compile(r"3 of\s+18 answered"))
    expect(details).to_have_attribute("open", "")


def test_a_question_is_replied_to_and_the_application_is_withdrawn(live_url, open_page, owner):
    now = timezone.now()
    application = form_data.create_submitted(owner.account, Context(Actor(owner.user, "web"), now))
    reviewer = MemberFactory.build(user=UserFactory(staff_role=User.StaffRole.REVIEWER))
    context = Context(Actor(reviewer.user, "admin"), now)
    decide(application, "more_information", context=context, reason="Which carrier provides the numbers?")
    page = open_page(live_url, as_=owner)
    page.goto(reverse("enrollment"))
    page.get_by_role("link", name="Reply to the reviewer").click()
    page.get_by_label("Your reply").fill("Example Telecom, since 2019.")
    page.get_by_label("Your reply").blur()
    expect(page.locator("#saved")).to_contain_text("Reply saved")
    look_at(page, open_page, live_url, owner, reverse("enrollment-reply"), "reply")
    page.get_by_role("button", name="Send reply").click()
    expect(page.locator("#messages")).to_contain_text("Your reply is sent.")
    for width, dark in LOOKS:
        review = open_page(live_url, as_=reviewer, width=width, dark=dark)
        review.goto(reverse("admin:enrollment_application_change", args=[application.pk]))
        expect(review.get_by_role("region", name="The applicant's reply")).to_contain_text("Example Telecom")
        screenshot(review, f"review-{width}-{'dark' if dark else 'light'}")
    page.get_by_role("link", name="Withdraw").click()
    look_at(page, open_page, live_url, owner, reverse("enrollment-withdraw"), "withdraw")
    page.get_by_role("button", name="Withdraw the enrollment").click()
    expect(page.locator("#messages")).to_contain_text("Withdrawn:")
    assert Application.objects.get().state == Application.State.DRAFT
    review.reload()
    expect(review.get_by_text("The applicant withdrew it")).to_be_visible()
    screenshot(review, "review-withdrawn")
    screenshot(page, "status-withdrawn")


def look_at(page: Page, open_page, live_url: str, owner, address: str, name: str) -> None:
    """Check the page that is shown, and take its picture in every look."""
    assert not accessibility_violations(page)
    for width, dark in LOOKS:
        other = open_page(live_url, as_=owner, width=width, dark=dark)
        other.goto(address)
        heading: Locator = other.get_by_role("heading", level=1)
        expect(heading).to_be_visible()
        screenshot(other, f"{name}-{width}-{'dark' if dark else 'light'}")
