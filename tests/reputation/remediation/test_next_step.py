"""The sentence about what happens next in a case."""

import pytest

from reputation.models import Case
from reputation.remediation import next_step
from reputation.service_clock import days
from tests.factories import CaseFactory, EngineFactory, MonitoredNumberFactory, SubmissionFactory, TagFactory

pytestmark = pytest.mark.django_db

State = Case.State


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("waiting", "The request to remove the label goes to Alpha."),
        ("submitted", "Review by Alpha, which usually takes 1 to 2 days."),
        ("in_review", "Answer of Alpha, usually within 1 to 2 days."),
        ("disputed", "up to a week"),
        ("done", "A look-up has to bear out that Alpha removed the label."),
        ("ageing", "The complaints age out"),
    ],
)
def test_next_step_of_a_case_has_a_sentence_and_an_expected_time(provider, account, now, state, words):
    case = _create_case(account, "Alpha", state, state=State.IN_REVIEW)
    step = next_step.get_next_step(case, now)
    assert words in step.sentence
    assert step.expected_by == case.expected_by


def test_next_step_of_a_late_case_says_so_and_has_the_deadline(account, now):
    case = _create_case(account, "Alpha", "in_review", state=State.IN_REVIEW)
    step = next_step.get_next_step(case, now + days(3))
    assert step.sentence.endswith("This is late.")
    assert step.expected_by == case.deadline_at


@pytest.mark.parametrize("state", [State.CLEARED, State.FAILED, State.CANCELLED])
def test_next_step_of_a_closed_case_has_no_expected_time(account, now, state):
    step = next_step.get_next_step(CaseFactory(account=account, number__account=account, state=state), now)
    assert step.expected_by is None
    assert step.sentence


def _create_case(account, engine, submission_state, **more):
    number = MonitoredNumberFactory(account=account)
    alpha = EngineFactory(slug=engine.lower(), name=engine)
    case = CaseFactory(account=account, number=number, **more)
    TagFactory(account=account, number=number, engine=alpha, case=case)
    SubmissionFactory(case=case, engine=alpha, state=submission_state, expected_by=case.expected_by)
    return case
