"""The enrollment form: drafts are saved automatically, also while the form is submitted."""

import re
import time
from urllib.parse import urlencode

import pytest
from django.urls import reverse
from playwright.sync_api import Page, Route, expect

from enrollment.models import Application
from enrollment.questions import QUESTIONS
from tests.browser.conftest import TIMEOUT_MS
from tests.browser.helpers import fill_field
from tests.enrollment.form_data import BUSINESS

pytestmark = pytest.mark.django_db(transaction=True)


def test_last_input_is_kept_when_the_previous_draft_request_is_slow(live_url, open_page, owner):
    page = open_page(live_url, as_=owner)
    page.goto(reverse("enrollment-business"))
    *first_fields, last_field = [name for name in BUSINESS if name != "contact_title"]
    for name in first_fields:
        fill_field(page.locator(f"#enrollment-form [name={name}]"), BUSINESS[name])
    sent_value = urlencode({last_field: BUSINESS[last_field]})
    with page.expect_response(lambda response: sent_value in (response.request.post_data or "")):
        fill_field(page.locator(f"#enrollment-form [name={last_field}]"), BUSINESS[last_field])
        page.locator(f"#enrollment-form [name={last_field}]").blur()
    expect(page.locator("#saved")).to_contain_text("Draft saved")
    expect(page.locator("#saved")).not_to_have_class(re.compile("htmx-request"))

    held = hold_next_draft(page)
    page.get_by_label("E-mail").fill("desk@cascadesolar.example")
    page.get_by_label("E-mail").blur()
    wait_for_draft(page, held)
    page.get_by_label("Job title").fill("Head of operations")
    page.get_by_role("button", name="Save and continue").click()
    page.get_by_role("button", name="Save and continue").click()
    expect(page.locator("#saved")).to_have_text("Saving what you typed first…")
    expect(page).to_have_url(re.compile(re.escape(reverse("enrollment-business"))))
    held[0].continue_()

    expect(page).to_have_url(re.compile(re.escape(reverse("enrollment-practices"))))
    application = Application.objects.get()
    assert application.business["contact_title"] == "Head of operations"
    assert application.business["contact_email"] == "desk@cascadesolar.example"


def test_form_is_submitted_when_the_draft_request_fails(live_url, open_page, owner, console_errors):
    console_errors.expects += ["net::ERR_CONNECTION_REFUSED", "htmx:afterRequest", "htmx:sendError"]
    page = open_page(live_url, as_=owner)
    page.goto(reverse("enrollment-practices"))
    held = hold_next_draft(page)
    for question in QUESTIONS:
        page.locator(f"[name={question.id}-answer][value=yes]").check()
    wait_for_draft(page, held)
    page.get_by_role("button", name="Save and continue").click()
    held[0].abort("connectionrefused")

    expect(page).to_have_url(re.compile(re.escape(reverse("enrollment-check"))))
    given = Application.objects.get().answers
    assert [given[question.id]["answer"] for question in QUESTIONS] == ["yes"] * len(QUESTIONS)


def test_form_is_submitted_when_the_draft_request_times_out(live_url, open_page, owner, console_errors):
    console_errors.expects += ["htmx:afterRequest", "htmx:timeout"]
    page = open_page(live_url, as_=owner)
    page.goto(reverse("enrollment-practices"))
    sooner = "(saved) => saved.setAttribute('hx-request', saved.getAttribute('hx-request').replace('10000', '300'))"
    page.locator("#saved").evaluate(sooner)
    held = hold_next_draft(page)
    page.locator(f"[name={QUESTIONS[0].id}-answer][value=yes]").check()
    wait_for_draft(page, held)
    page.get_by_role("button", name="Save draft").click()

    expect(page.locator("#messages")).to_contain_text("Draft saved")
    assert Application.objects.get().answers[QUESTIONS[0].id]["answer"] == "yes"


def hold_next_draft(page: Page) -> list[Route]:
    """Hold the next draft request, and append it to the returned list. Later requests are not held."""
    held: list[Route] = []
    page.route(
        re.compile("/enrollment/"),
        lambda route: route.continue_() if held or "hx-request" not in route.request.headers else held.append(route),
    )
    return held


def wait_for_draft(page: Page, held: list[Route]) -> None:
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while not held:
        assert time.monotonic() < deadline, "The page saved no draft."
        page.wait_for_timeout(50)  # lets Playwright call the route handler
