"""The application's way: which transition is allowed, and that each is bound to what was read."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from enrollment import drafts, lifecycle, signals
from enrollment.lifecycle import DECISIONS, TRANSITIONS, DecisionError, ReasonRequired
from enrollment.models import Application, Transition
from portal.audit import Context
from portal.models import AuditEvent
from tests.enrollment import form_data
from tests.factories import AccountFactory, ApplicationFactory

pytestmark = pytest.mark.django_db

State = Application.State
REASON = "Because."


@pytest.fixture
def received_signals():
    """Which signals came, with what."""
    came = []

    def hear_decided(sender, **told):
        came.append(("decided", told))

    def hear_revoked(sender, **told):
        came.append(("revoked", told))

    signals.decided.connect(hear_decided)
    signals.revoked.connect(hear_revoked)
    yield came
    signals.decided.disconnect(hear_decided)
    signals.revoked.disconnect(hear_revoked)


@pytest.mark.parametrize("to", list(DECISIONS))
@pytest.mark.parametrize("state", list(State))
def test_only_the_transitions_of_the_table_are_taken(state, to, reviewer_actor, now):
    application = ApplicationFactory(state=state, revision=1)
    outcome = lifecycle.decide({application.pk: 1}, to=to, context=Context(reviewer_actor, now), reason=REASON)
    application.refresh_from_db()
    if state in TRANSITIONS[to]:
        assert application.state == to
        assert outcome.decided == [application]
    else:
        assert application.state == state
        assert [refused.application for refused in outcome.refused] == [application]


def test_the_table_is_the_one_of_the_design():
    assert TRANSITIONS == {
        "submitted": ("draft", "more_information"),
        "approved": ("submitted",),
        "rejected": ("submitted",),
        "more_information": ("submitted",),
        "revoked": ("approved",),
    }


def test_who_decided_when_and_why_is_kept(submitted, reviewer_actor, now):
    lifecycle.reject(submitted, context=Context(reviewer_actor, now), reason=" Calls at night. ")
    submitted.refresh_from_db()
    assert (submitted.decided_by, submitted.decided_at, submitted.reason) == (
        reviewer_actor.user,
        now,
        "Calls at night.",
    )
    step = submitted.steps.latest("pk")
    assert (step.to, step.by, step.at, step.reason, step.revision) == (
        "rejected",
        reviewer_actor.user,
        now,
        "Calls at night.",
        1,
    )


def test_a_decision_is_in_the_audit_trail(submitted, reviewer_actor, now):
    lifecycle.approve(submitted, context=Context(reviewer_actor, now))
    event = AuditEvent.objects.latest("pk")
    assert (event.what, event.via, event.before, event.after) == (
        "application.approved",
        "admin",
        "submitted",
        "approved",
    )
    assert (event.account, event.subject_id, event.actor) == (submitted.account, submitted.pk, reviewer_actor.user)
    assert event.subject_label == str(submitted) == "Enrollment of Cascade Solar LLC"


def test_a_name_of_any_length_fits_the_audit_trail(account, reviewer_actor, actor, now):
    application = form_data.create_submitted(account, actor, now, legal_name="A" * 255)
    lifecycle.reject(application, context=Context(reviewer_actor, now), reason="B" * 3_000)
    event = AuditEvent.objects.latest("pk")
    assert (len(event.subject_label), len(event.reason)) == (120, 500)


@pytest.mark.parametrize("decide", [lifecycle.reject, lifecycle.ask_for_more, lifecycle.revoke])
def test_every_decision_but_approval_needs_a_reason(submitted, reviewer_actor, now, decide):
    with pytest.raises(ReasonRequired):
        decide(submitted, context=Context(reviewer_actor, now), reason="  ")
    submitted.refresh_from_db()
    assert submitted.state == "submitted"


def test_an_application_that_was_sent_again_since_it_was_read_is_not_decided(
    submitted, account, reviewer_actor, actor, now
):
    read = Application.objects.get(pk=submitted.pk)
    lifecycle.ask_for_more(submitted, context=Context(reviewer_actor, now), reason=REASON)
    form_data.submit_draft(drafts.save(account, business={"city": "Tacoma"}, context=Context(actor, now)), actor, now)
    with pytest.raises(DecisionError, match="you read revision 1, now it is 2"):
        lifecycle.approve(read, context=Context(reviewer_actor, now))
    assert Application.objects.get().state == "submitted"


def test_an_application_that_somebody_else_decided_is_not_decided_again(submitted, reviewer_actor, now):
    read = Application.objects.get(pk=submitted.pk)
    lifecycle.approve(submitted, context=Context(reviewer_actor, now))
    with pytest.raises(DecisionError, match=r"already decided: approved by rita@example\.com"):
        lifecycle.reject(read, context=Context(reviewer_actor, now), reason=REASON)
    assert Application.objects.get().state == "approved"
    assert Transition.objects.filter(to="rejected").count() == 0


def test_of_several_those_that_can_be_are_decided_and_the_others_named(reviewer_actor, actor, now):
    good, stale, decided = (form_data.create_submitted(AccountFactory(), actor, now) for _ in range(3))
    lifecycle.reject(decided, context=Context(reviewer_actor, now), reason=REASON)
    shown = {good.pk: 1, stale.pk: 7, decided.pk: 1, 999_999: 1}
    outcome = lifecycle.decide(shown, to="approved", context=Context(reviewer_actor, now))
    assert outcome.decided == [good]
    assert [refused.application for refused in outcome.refused] == [stale, decided, None]
    assert "no longer exists" in str(outcome.refused[2])
    assert list(Application.objects.approved()) == [good]


def test_an_approval_lets_the_account_in(submitted, account, reviewer_actor, now):
    assert not Application.objects.for_account(account).approved().exists()
    lifecycle.approve(submitted, context=Context(reviewer_actor, now))
    assert Application.objects.for_account(account).approved().exists()


def test_whoever_follows_a_decision_is_told_within_its_transaction(
    submitted, account, reviewer_actor, now, received_signals
):
    lifecycle.approve(submitted, context=Context(reviewer_actor, now))
    lifecycle.revoke(submitted, context=Context(reviewer_actor, now), reason=REASON)
    assert [name for name, _ in received_signals] == ["decided", "revoked"]
    told = received_signals[1][1]
    assert (told["application"], told["account"], told["actor"], told["now"]) == (
        submitted,
        account,
        reviewer_actor,
        now,
    )
    assert told["application"].state == "revoked"


def test_what_follows_a_decision_and_fails_undoes_it(submitted, reviewer_actor, now):
    def fails(**told):
        raise RuntimeError

    lifecycle.approve(submitted, context=Context(reviewer_actor, now))
    signals.revoked.connect(fails)
    try:
        with pytest.raises(RuntimeError):
            lifecycle.revoke(submitted, context=Context(reviewer_actor, now), reason=REASON)
    finally:
        signals.revoked.disconnect(fails)
    assert Application.objects.get().state == "approved"


def test_deciding_fifty_takes_as_many_queries_as_deciding_five(reviewer_actor, now):
    def queries_for(count):
        applications = [ApplicationFactory(state=State.SUBMITTED) for _ in range(count)]
        shown = {application.pk: application.revision for application in applications}
        with CaptureQueriesContext(
            connection,
        ) as queries:
            lifecycle.decide(shown, to="approved", context=Context(reviewer_actor, now))
        return len(queries)

    assert queries_for(50) == queries_for(5)
