"""The lifecycle of a case."""

import pytest

from portal.audit import Context
from portal.models import AuditEvent
from reputation.models import Case
from reputation.remediation import cases
from tests.factories import CaseFactory

pytestmark = pytest.mark.django_db

State = Case.State

TRANSITION_CALLS = {
    State.SUBMITTED: cases.mark_submitted,
    State.IN_REVIEW: cases.mark_in_review,
    State.DISPUTED: cases.mark_disputed,
    State.CLEARED: cases.clear,
    State.FAILED: lambda ids, now: cases.fail(ids, now=now, reason="It stays."),
    State.CANCELLED: lambda ids, now: cases.cancel(ids, context=Context.system(now), reason="Off."),
}


@pytest.mark.parametrize("to", TRANSITION_CALLS)
@pytest.mark.parametrize("state", State.values)
def test_only_transitions_in_the_table_are_allowed(account, now, state, to):
    case = CaseFactory(account=account, number__account=account, state=state)
    allowed = state in cases.TRANSITIONS[to]
    moved = TRANSITION_CALLS[to]([case.pk], now=now)
    case.refresh_from_db()
    assert moved == ([case.pk] if allowed else [])
    assert case.state == (to if allowed else state)
    events = AuditEvent.objects.filter(code=f"case.{to}", subject_id=case.pk, before=state, after=to)
    assert events.count() == int(allowed)


def test_table_of_transitions_covers_every_state():
    reachable = set(cases.TRANSITIONS) | {State.OPEN}
    assert reachable == set(State)
    left = {state for froms in cases.TRANSITIONS.values() for state in froms}
    assert left == {*Case.UNFINISHED, State.FAILED}


@pytest.mark.parametrize("to", TRANSITION_CALLS)
def test_repeated_transition_is_made_once(account, now, to):
    case = CaseFactory(number__account=account, account=account, state=cases.TRANSITIONS[to][0])
    assert TRANSITION_CALLS[to]([case.pk], now=now) == [case.pk]
    assert TRANSITION_CALLS[to]([case.pk], now=now) == []
    assert AuditEvent.objects.filter(subject_type="case").count() == 1


def test_closed_case_has_no_next_action(account, now):
    case = CaseFactory(number__account=account, account=account, state=State.IN_REVIEW)
    cases.fail([case.pk], now=now, reason="It stays.")
    case.refresh_from_db()
    assert (case.next_action_at, case.closed_at, case.outcome) == (None, now, "It stays.")
