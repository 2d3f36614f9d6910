"""An ended case promises nothing: no page and no answer of the API says that something will happen in it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from reputation.models import Case, Submission
from reputation.remediation.ticket import get_ticket_text
from tests.factories import CaseFactory, EngineFactory, MonitoredNumberFactory, SubmissionFactory, TagFactory
from tests.reputation.api.helpers import get_json
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

ENDED = [state for state in Case.State if state not in Case.UNFINISHED]

# Words of a promise, wherever they stand.
PROMISE = re.compile(
    r"any moment now|>within |>by \d|usually|may take|up to a week|not yet(?! seen)|nothing to do for you"
    r"|this is automatic|ends by itself|given up|the request (?:to remove the label )?(?:goes|waits)",
    re.IGNORECASE,
)
# A reason of the time before the end may be quoted, as such.
QUOTED = re.compile(r"When the case ended: [^<\n]*")


@pytest.fixture(params=[timedelta(days=-3), timedelta(days=3)], ids=["overdue", "in time"])
def expected_by(request, now):
    """When answers were expected: before or after the end of the case."""
    return now + request.param


@pytest.fixture(params=ENDED)
def ended_case(request, account, now, expected_by) -> Case:
    """An ended case with a submission in each state, to an engine that labels the number or labelled it."""
    checks = {"checked_at": now, "fresh_until": now + timedelta(days=1)}
    number = MonitoredNumberFactory(account=account, spam_status="clean", **checks)
    case = CaseFactory(
        account=account,
        number=number,
        state=request.param,
        closed_at=now,
        next_action_at=None,
        expected_by=expected_by,
        deadline_at=expected_by,
    )
    for state in Submission.State:
        engine = EngineFactory(slug=f"engine-{state}", name=f"Engine {state.value.title()}")
        ended = {} if request.param == Case.State.FAILED else {"ended_at": now, "end_reason": "cleared"}
        TagFactory(account=account, number=number, case=case, engine=engine, **ended)
        reason = "The request waits until the engine has approved your business." if state == "waiting" else ""
        SubmissionFactory(case=case, engine=engine, state=state, expected_by=expected_by, reason=reason)
    return case


def find_promises(text: str) -> list[str]:
    return [found.group() for found in PROMISE.finditer(QUOTED.sub("", text))]


def main_of(page: str) -> str:
    return page.partition("<main")[2].partition("</main>")[0]


def test_no_page_promises_anything(as_viewer, as_admin, ended_case):
    for client in (as_viewer, as_admin):
        for name, pk in (("case", ended_case.pk), ("number", ended_case.number_id)):
            assert find_promises(main_of(get_html(client.get(reverse(name, args=[pk]))))) == []


def test_the_api_promises_nothing(api_client, ended_case):
    [listed] = get_json(api_client, "/cases")["items"]
    detail = get_json(api_client, f"/cases/{ended_case.pk}")
    for found in (listed, detail):
        assert (found["expected_by"], found["deadline_at"]) == (None, None)
    assert detail["next"]["by"] is None
    assert find_promises(detail["next"]["sentence"]) == []
    assert len(detail["submissions"]) == len(Submission.State)
    assert {submission["expected_by"] for submission in detail["submissions"]} == {None}


def test_the_text_for_support_says_what_never_came(ended_case):
    assert find_promises(get_ticket_text(ended_case)) == []


@pytest.mark.parametrize("state", Case.UNFINISHED)
def test_an_unfinished_case_says_when_an_answer_is_expected(as_viewer, api_client, account, now, state):
    case = CaseFactory(account=account, number=MonitoredNumberFactory(account=account), state=state)
    TagFactory(account=account, number=case.number, case=case, engine=EngineFactory(slug="alpha"))
    waits, answered = Submission.State.IN_REVIEW, Submission.State.REFUSED
    due = now + timedelta(hours=30)
    SubmissionFactory(case=case, engine=EngineFactory(slug="alpha"), state=waits, expected_by=due)
    SubmissionFactory(case=case, engine=EngineFactory(slug="beta"), state=answered, expected_by=due, answered_at=now)
    assert "within 1 day" in get_html(as_viewer.get(reverse("case", args=[case.pk])))
    found = get_json(api_client, f"/cases/{case.pk}")
    assert found["expected_by"]
    assert found["deadline_at"]
    assert [bool(submission["expected_by"]) for submission in found["submissions"]] == [True, False]
