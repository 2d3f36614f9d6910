"""Decisions: which transitions are allowed, and that each is bound to the revision that was read."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from enrollment import decisions, drafts, signals
from enrollment.decisions import DECISIONS, ReasonRequired
from enrollment.lifecycle import TRANSITIONS
from enrollment.models import Application, Transition
from portal.audit import Context
from portal.models import AuditEvent
from tests.enrollment import form_data
from tests.enrollment.review import decide
from tests.factories import AccountFactory, ApplicationFactory

pytestmark = pytest.mark.django_db

State = Application.State
REASON = "Because."


@pytest.fixture
def received_signals():
    """The arguments of each `revoked` signal."""
    received = []

    def receive(sender, **kwargs):
        received.append(kwargs)

    signals.revoked.connect(receive)
    yield received
    signals.revoked.disconnect(receive)


@pytest.mark.parametrize("to", list(DECISIONS))
@pytest.mark.parametrize("state", list(State))
def test_only_transitions_in_the_table_are_allowed(state, to, reviewer_actor, now):
    application = ApplicationFactory(state=state, revision=1)
    outcome = decisions.decide({application.pk: 1}, to=to, context=Context(reviewer_actor, now), reason=REASON)
    application.refresh_from_db()
    if state in TRANSITIONS[to]:
        assert application.state == to
        assert outcome.decided == [application]
    else:
        assert application.state == state
        assert [skipped.application for skipped in outcome.skipped] == [application]


def test_transition_table_matches_the_design():
    assert TRANSITIONS == {
        "draft": ("submitted", "more_information"),
        "submitted": ("draft", "more_information"),
        "approved": ("submitted",),
        "rejected": ("submitted",),
        "more_information": ("submitted",),
        "revoked": ("approved",),
    }


def test_decision_stores_reviewer_time_and_reason(submitted, reviewer_actor, now):
    decide(submitted, "rejected", context=Context(reviewer_actor, now), reason=" Calls at night. ")
    submitted.refresh_from_db()
    assert (submitted.decided_by, submitted.decided_at, submitted.reason) == (
        reviewer_actor.user,
        now,
        "Calls at night.",
    )
    step = submitted.transitions.latest("pk")
    assert (step.to_state, step.user, step.created_at, step.reason, step.revision) == (
        "rejected",
        reviewer_actor.user,
        now,
        "Calls at night.",
        1,
    )


def test_a_decision_is_in_the_audit_trail(submitted, reviewer_actor, now):
    decide(submitted, "approved", context=Context(reviewer_actor, now))
    event = AuditEvent.objects.latest("pk")
    assert (event.code, event.via, event.before, event.after) == (
        "application.approved",
        "admin",
        "submitted",
        "approved",
    )
    assert (event.account, event.subject_id, event.actor) == (submitted.account, submitted.pk, reviewer_actor.user)
    assert event.subject_label == str(submitted) == "Enrollment of Cascade Solar LLC"


def test_long_name_and_reason_are_truncated_in_the_audit_trail(account, reviewer_actor, actor, now):
    application = form_data.create_submitted(account, Context(actor, now), legal_name="A" * 255)
    decide(application, "rejected", context=Context(reviewer_actor, now), reason="B" * 3_000)
    event = AuditEvent.objects.latest("pk")
    assert (len(event.subject_label), len(event.reason)) == (120, 500)


@pytest.mark.parametrize("to", ["rejected", "more_information", "revoked"])
def test_every_decision_except_approval_needs_a_reason(submitted, reviewer_actor, now, to):
    with pytest.raises(ReasonRequired):
        decide(submitted, to, context=Context(reviewer_actor, now), reason="  ")
    submitted.refresh_from_db()
    assert submitted.state == "submitted"


def test_application_resubmitted_since_it_was_read_is_not_decided(submitted, account, reviewer_actor, actor, now):
    read = Application.objects.get(pk=submitted.pk)
    decide(submitted, "more_information", context=Context(reviewer_actor, now), reason=REASON)
    draft = drafts.save(account, business={"city": "Tacoma"}, context=Context(actor, now))
    form_data.submit_draft(draft, Context(actor, now))
    conflict = decide(read, "approved", context=Context(reviewer_actor, now))
    assert "you read revision 1, now it is 2" in conflict
    assert Application.objects.get().state == "submitted"


def test_application_decided_by_somebody_else_is_not_decided_again(submitted, reviewer_actor, now):
    read = Application.objects.get(pk=submitted.pk)
    decide(submitted, "approved", context=Context(reviewer_actor, now))
    conflict = decide(read, "rejected", context=Context(reviewer_actor, now), reason=REASON)
    assert "already decided: approved by rita@example.com" in conflict
    assert Application.objects.get().state == "approved"
    assert Transition.objects.filter(to_state="rejected").count() == 0


def test_deciding_several_skips_those_not_allowed_and_names_them(reviewer_actor, actor, now):
    good, stale, decided = (form_data.create_submitted(AccountFactory(), Context(actor, now)) for _ in range(3))
    decide(decided, "rejected", context=Context(reviewer_actor, now), reason=REASON)
    shown = {good.pk: 1, stale.pk: 7, decided.pk: 1, 999_999: 1}
    outcome = decisions.decide(shown, to="approved", context=Context(reviewer_actor, now))
    assert outcome.decided == [good]
    assert [skipped.application for skipped in outcome.skipped] == [stale, decided, None]
    assert "no longer exists" in str(outcome.skipped[2])
    assert list(Application.objects.approved()) == [good]


def test_approval_enrolls_the_account(submitted, account, reviewer_actor, now):
    assert not Application.objects.for_account(account).approved().exists()
    decide(submitted, "approved", context=Context(reviewer_actor, now))
    assert Application.objects.for_account(account).approved().exists()


def test_a_revocation_sends_a_signal_within_its_transaction(submitted, account, reviewer_actor, now, received_signals):
    decide(submitted, "approved", context=Context(reviewer_actor, now))
    decide(submitted, "revoked", context=Context(reviewer_actor, now), reason=REASON)
    [received] = received_signals
    assert (received["application"], received["account"]) == (submitted, account)
    assert received["context"] == Context(reviewer_actor, now)
    assert received["application"].state == "revoked"


def test_failing_signal_receiver_rolls_back_the_decision(submitted, reviewer_actor, now):
    def fails(**kwargs):
        raise RuntimeError

    decide(submitted, "approved", context=Context(reviewer_actor, now))
    signals.revoked.connect(fails)
    try:
        with pytest.raises(RuntimeError):
            decide(submitted, "revoked", context=Context(reviewer_actor, now), reason=REASON)
    finally:
        signals.revoked.disconnect(fails)
    assert Application.objects.get().state == "approved"


def test_query_count_is_the_same_for_5_and_50_decisions(reviewer_actor, now):
    def queries_for(count):
        applications = [ApplicationFactory(state=State.SUBMITTED) for _ in range(count)]
        shown = {application.pk: application.revision for application in applications}
        with CaptureQueriesContext(connection) as queries:
            decisions.decide(shown, to="approved", context=Context(reviewer_actor, now))
        return len(queries)

    assert queries_for(50) == queries_for(5)
