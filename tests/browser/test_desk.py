"""The remediation desk in Chromium: shared by two people, and one case worked to *sent* and a reply."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from portal.audit import Actor, Context
from portal.models import Member
from reputation.models import DeskLetter, DeskReply, DeskRequest
from tests.browser.helpers import NARROW, OVERFLOWING_ELEMENTS_JS, accessibility_violations, screenshot
from tests.enrollment.form_data import create_submitted
from tests.factories import AccountFactory, MemberFactory, MonitoredNumberFactory, TagFactory
from tests.support.desks import create_desk, create_request

State = DeskRequest.State


@pytest.fixture
def ana(live_url) -> Member:
    account = AccountFactory(name="Cascade Solar LLC")
    return MemberFactory(account=account, role=Member.Role.ADMIN, user__name="Ana Ortiz")


@pytest.fixture
def desk(ana):
    return create_desk(name="Hiya", batch_limit=50)


@pytest.fixture
def enrolled(ana) -> None:
    create_submitted(ana.account, Context(Actor(user=ana.user, via="web"), timezone.now()))


def add_requests(member: Member, desk, count: int) -> list[DeskRequest]:
    now = timezone.now()
    requests = []
    for index in range(count):
        number = MonitoredNumberFactory(account=member.account, spam_status="tagged")
        TagFactory(number=number, label="Scam Likely", carrier="AT&T", detected_at=now - timedelta(days=3))
        due_at = now + timedelta(days=1, minutes=index)
        requests.append(create_request(member.account, desk, now=now, number=number, due_at=due_at))
    return requests


def take(page: Page, count: int) -> None:
    page.get_by_label("Take the first").fill(str(count))
    page.get_by_role("button", name="Take", exact=True).click()


def send(page: Page) -> None:
    page.get_by_label("Our business itself uses these numbers").check()
    page.get_by_role("button", name="as sent").click()
    expect(page.get_by_role("heading", name="Sent to Hiya")).to_be_visible()


@pytest.mark.usefixtures("enrolled")
def test_two_browsers_share_forty_cases_without_a_collision(open_page, live_url, ana, desk):
    ben = MemberFactory(account=ana.account, role=Member.Role.ADMIN, user__name="Ben Cole")
    requests = add_requests(ana, desk, 40)
    first, second = open_page(live_url, as_=ana), open_page(live_url, as_=ben)
    address = f"/number-management/remediation-desk/{desk.pk}/"
    for page in (first, second):
        page.goto(address)
    # Both see all 40. Ana takes 15 of them, and Ben, on his stale page, the same 15 and five more.
    take(first, 15)
    expect(first.locator("#messages")).to_contain_text("15 requests taken.")
    for request in requests[:20]:
        second.locator(f"input[name=request][value='{request.pk}']").check()
    expect(second.locator("[data-ticked]")).to_have_text("20 selected")
    second.get_by_role("button", name="Take these").click()
    expect(second.locator("#messages")).to_contain_text("5 requests taken.")
    expect(second.locator("#messages")).to_contain_text("15 requests stay with others: Ana Ortiz until")
    send(first)
    send(second)
    # The rest, in turns, until nothing is left.
    for page in (first, second, first, second):
        page.goto(address)
        take(page, 5)
        expect(page.locator("#messages")).to_contain_text("5 requests taken.")
        send(page)
    first.goto(address)
    expect(first.get_by_text("Nothing to do here")).to_be_visible()
    assert DeskRequest.objects.filter(state=State.SENT).count() == 40
    letters = DeskLetter.objects.order_by("pk")
    assert sorted(letter.requests.count() for letter in letters) == [5, 5, 5, 5, 5, 15]
    for letter in letters:
        for request in letter.requests.select_related("number"):
            assert request.number.e164[2:] in letter.text
    assert sum(letter.text.count("Scam Likely") for letter in letters) == 40


@pytest.mark.usefixtures("enrolled")
@pytest.mark.parametrize(("width", "scripts"), [(1280, True), (NARROW, True), (NARROW, False)])
def test_one_case_is_worked_to_sent_and_a_reply(open_page, live_url, ana, desk, width, scripts, console_errors):
    console_errors.expects.append("422")  # the form without the declaration
    (request,) = add_requests(ana, desk, 1)
    page = open_page(live_url, as_=ana, width=width, scripts=scripts)
    name = f"desk-{width}{'' if scripts else '-plain'}"
    page.goto("/number-management/remediation-desk/")
    look_at(page, f"{name}-1-overview", scripts)
    page.get_by_role("link", name="Hiya").click()
    page.get_by_label(str(request.number)).check()
    look_at(page, f"{name}-2-desk", scripts)
    page.get_by_role("button", name="Take these").click()
    expect(page.get_by_role("heading", name="Prepare for Hiya")).to_be_visible()
    link = page.get_by_role("link", name="Open the desk's form")
    assert (link.get_attribute("target"), link.get_attribute("rel")) == ("_blank", "noopener noreferrer")
    if scripts:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy Phone numbers").click()
        expect(page.locator("#announce")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == request.number.e164[2:]
    look_at(page, f"{name}-3-prepare", scripts)
    text = page.get_by_label("Text", exact=True)
    text.fill("Please review this number, which we use ourselves.")
    page.get_by_label("The desk's reference").fill("H-4711")
    page.get_by_role("button", name="as sent").click()
    expect(page.get_by_text("Nothing was stored. Tick this if it is true.")).to_be_visible()
    expect(text).to_have_value("Please review this number, which we use ourselves.")
    expect(page.get_by_label("The desk's reference")).to_have_value("H-4711")
    look_at(page, f"{name}-4-error", scripts)
    send(page)
    look_at(page, f"{name}-5-letter", scripts)
    page.get_by_role("button", name="Record a reply").click()
    page.get_by_label("The desk's words").fill("Dear customer,\n\nthe label was removed.")
    page.get_by_label("It says that the label is gone").check()
    look_at(page, f"{name}-6-reply", scripts)
    page.get_by_role("button", name="Keep the reply").click()
    expect(page.get_by_text("The desk says done: a claim.")).to_be_visible()
    expect(page.get_by_text("the label was removed.")).to_be_visible()
    look_at(page, f"{name}-7-request", scripts)
    request.refresh_from_db()
    assert request.state == State.DONE
    assert request.letter.text == "Please review this number, which we use ourselves."
    assert DeskReply.objects.get().text == "Dear customer,\n\nthe label was removed."


def look_at(page: Page, name: str, scripts: bool) -> None:
    """It is accessible, and nothing runs over. axe needs scripts."""
    screenshot(page, name)
    if scripts:
        assert accessibility_violations(page) == []
        assert page.evaluate(OVERFLOWING_ELEMENTS_JS) == []
