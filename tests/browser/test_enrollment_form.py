"""The enrollment form in a browser: a draft that saves itself, and what is sent while it does."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import Page, Route, expect

from enrollment.models import Application
from enrollment.questions import QUESTIONS
from tests.browser.test_journey import fill_field
from tests.enrollment.form_data import BUSINESS

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_was_typed_last_is_kept_however_slow_the_draft_before_it_is(live_url, open_page, owner):
    page = open_page(live_url, as_=owner)
    page.goto(reverse("enrollment-business"))
    for name, value in BUSINESS.items():
        if name != "contact_title":
            fill_field(page.locator(f"#enrollment-form [name={name}]"), value)
    expect(page.locator("#saved")).to_contain_text("Draft saved")
    page.wait_for_load_state("networkidle")

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


def test_a_draft_that_cannot_be_saved_holds_nothing_up(live_url, open_page, owner, console_errors):
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


def test_a_draft_that_nobody_answers_is_given_up_and_holds_nothing_up(live_url, open_page, owner, console_errors):
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
    """The next draft that saves itself waits in this list; whatever follows goes its way."""
    held: list[Route] = []
    page.route(
        re.compile("/enrollment/"),
        lambda route: route.continue_() if held or "hx-request" not in route.request.headers else held.append(route),
    )
    return held


def wait_for_draft(page: Page, held: list[Route]) -> None:
    for _ in range(100):
        if held:
            return
        page.wait_for_timeout(50)
    pytest.fail("No draft saved itself.")
