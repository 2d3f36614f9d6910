"""Every page, in every state that scenes.py knows: accessible, well-formed, good on a telephone and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page

from reputation.demo import data
from tests.browser.conftest import HEIGHT, NARROW, WIDE, Watch, axe, screenshot
from tests.browser.scenes import Scene, scenes

# Colours are the theme's and not the width's, and everything else the width's and not the theme's: so two looks with
# all rules, and the two others for their colours, see what four would.
ALL_RULES, COLOURS = None, ["color-contrast"]
LOOKS = (
    ("wide, light", WIDE, "light", ALL_RULES),
    ("wide, dark", WIDE, "dark", COLOURS),
    ("narrow, light", NARROW, "light", COLOURS),
    ("narrow, dark", NARROW, "dark", ALL_RULES),
)

REFUSALS = {"as a viewer": 403, "does not exist": 404}

# What Python says of an object that was never meant for a page.
OBJECT = re.compile(r"\b[A-Z]\w+\([a-z_]+=|<\w[\w.: ]* object|\bdatetime\.\w+\(")

ABOUT = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  return {
    title: document.title,
    headings: [...document.querySelectorAll("h1")].map((element) => element.textContent.trim()),
    text: document.body.innerText,
    mains: document.querySelectorAll("main, [role=main]").length,
    twice: ids.filter((id, index) => ids.indexOf(id) !== index),
  };
}"""

OVERFLOWING = """() => {
  const edge = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= edge) return [];
  const scrolls = (element) => element && element !== document.body
    && (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement));
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.getBoundingClientRect().right > edge + 1 && !scrolls(element.parentElement))
    .slice(0, 3).map((element) => element.outerHTML.slice(0, 120));
}"""

# What can have the focus, and looks the same when it has.
UNSEEN_FOCUS = """() => {
  const looks = (element) => {
    const style = getComputedStyle(element);
    return ["outlineStyle", "outlineWidth", "outlineColor", "boxShadow", "borderColor", "backgroundColor"]
      .map((property) => style[property]).join("|");
  };
  const focusable = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const seen = (element) => !element.disabled && element.checkVisibility({ visibilityProperty: true });
  const unseen = [];
  for (const element of [...document.querySelectorAll(focusable)].filter(seen).slice(0, 80)) {
    document.activeElement?.blur();
    const before = looks(element);
    element.focus({ focusVisible: true, preventScroll: true });
    if (document.activeElement === element && looks(element) === before) unseen.push(element.outerHTML.slice(0, 120));
  }
  document.activeElement?.blur();
  return unseen;
}"""


@pytest.fixture
def made(transactional_db, settings, tmp_path) -> None:
    """The demo's data, with simulated engines that have not met its numbers before."""
    settings.SIMULATED_DIR, settings.DATA_DIR = tmp_path / "simulated", tmp_path
    data.seed(now=timezone.now())


def is_a_page(scene: Scene) -> bool:
    """Downloads, what scripts ask for, and what is only posted to are no pages."""
    client = Client()
    if scene.member:
        client.force_login(scene.member.user)
    answer = client.get(scene.address)
    if answer.status_code in (204, 405) or (answer.status_code == 302 and answer.url != scene.address):
        return False
    return answer.headers.get("Content-Type", "").startswith("text/html") and not answer.headers.get(
        "Content-Disposition"
    )


def test_every_page(made, live, window, watch, subtests):
    windows: dict[int | None, Page] = {}
    seen = 0
    for scene in scenes():
        if not is_a_page(scene):
            continue
        seen += 1
        key = scene.member.pk if scene.member else None
        page = windows.get(key) or windows.setdefault(key, window(live, as_=scene.member))
        with subtests.test(scene.name):
            problems = list(problems_of(page, scene)) + [f"console: {one}" for one in complaints_of(watch, scene)]
            assert not problems, "\n".join(problems)
    assert seen > 20


def complaints_of(watch: Watch, scene: Scene) -> list[str]:
    """What the browser logged. It also logs a refusal that the page itself says."""
    refusal = refusal_of(scene)
    complaints = [one for one in watch.unexpected() if not (refusal and str(refusal) in one)]
    watch.complaints.clear()
    return complaints


def refusal_of(scene: Scene) -> int | None:
    """What the page may answer, and still be one to look at."""
    return next((status for words, status in REFUSALS.items() if words in scene.name), None)


def problems_of(page: Page, scene: Scene) -> Iterator[str]:
    looks = LOOKS if scene.looked_at_closely else LOOKS[-1:]
    for look, width, scheme, rules in looks:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if look == looks[0][0]:
            answer = page.goto(scene.address)
            if answer.status >= 400 and answer.status != refusal_of(scene):
                yield f"{scene.address} answers {answer.status}"
                return
            yield from (f"{problem} ({scene.address})" for problem in ill_formed(page))
            yield from (f"the focus is not seen on {element}" for element in page.evaluate(UNSEEN_FOCUS))
        if width == NARROW:
            yield from (f"{look}: too wide: {element}" for element in page.evaluate(OVERFLOWING))
        yield from (f"{look}: {violation}" for violation in axe(page, rules=rules))
        screenshot(page, f"{scene.name.replace(': ', '-').replace(' ', '_')}-{width}-{scheme}")


def ill_formed(page: Page) -> Iterator[str]:
    about = page.evaluate(ABOUT)
    if found := OBJECT.search(about["text"]):
        yield f"it shows an object: {about['text'][found.start() :][:80]}"
    if not about["title"].split("·")[0].strip():
        yield "it has no title"
    if len(about["headings"]) != 1 or not about["headings"][0]:
        yield f"it has {len(about['headings'])} main headings: {about['headings']}"
    if about["mains"] != 1:
        yield f"it has {about['mains']} main landmarks"
    if about["twice"]:
        yield f"ids occur twice, which live pages go by: {about['twice']}"
    if "To come" in about["headings"]:
        yield "it is not built yet"


def test_axe_finds_what_is_wrong(live, window, watch):
    watch.expects.append("/x.svg")
    page = window(live)
    page.goto("/sign-in/")
    page.evaluate("document.querySelector('main').innerHTML = '<img src=\"/x.svg\"><h1>Picture</h1>'")
    assert any("image-alt" in violation for violation in axe(page))


def test_a_broken_policy_fails_the_test(live, window, watch):
    page = window(live)
    page.goto("/sign-in/")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')")
    page.wait_for_timeout(100)
    assert any("style" in complaint for complaint in watch.complaints)
    watch.complaints.clear()


def test_the_keyboard_skips_to_the_content(live, window, admin):
    page = window(live, as_=admin)
    page.goto("/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    assert skip.evaluate("link => link === document.activeElement")
    assert skip.bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
