"""A case is cancelled while an engine is being asked about it."""

import pytest

from portal.audit import Context
from portal.models import AuditEvent
from reputation import phone_numbers
from reputation.models import Case, Submission
from reputation.monitoring import capability
from reputation.providers.protocol import Stage
from reputation.remediation import sweep
from reputation.remediation.responses import STATE_BY_STAGE
from reputation.service_clock import days

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("stage", [Stage.IN_REVIEW, Stage.DISPUTED, Stage.NOT_YET, Stage.DONE])
def test_an_answer_about_a_case_that_is_cancelled_meanwhile_is_kept_and_nobody_asks_again(
    tagged_number, provider, actor, now, stage
):
    sweep.advance_due(now)
    really = provider.poll

    def cancelled_meanwhile(references):
        capability.disable([tagged_number.pk], context=Context(actor, now))
        return really(references)

    provider.poll = cancelled_meanwhile
    provider.answers["poll"] = {"stage": stage}
    sweep.advance_due(now + days(1))
    case = Case.objects.get()
    assert (case.state, case.next_action_at, case.lease_token) == (Case.State.CANCELLED, None, "")
    assert AuditEvent.objects.filter(subject_type="case", subject_id=case.pk).latest("pk").code == "case.cancelled"
    tagged_number.refresh_from_db()
    assert tagged_number.next_action_at is None
    submission = Submission.objects.get()
    assert submission.state == STATE_BY_STAGE[stage]
    assert submission.next_action_at is None


def test_a_request_for_a_number_that_is_removed_while_it_is_being_sent_is_withdrawn(
    tagged_number, provider, actor, now
):
    really = provider.submit

    def removed_meanwhile(requests):
        phone_numbers.remove([tagged_number.pk], context=Context(actor, now))
        return really(requests)

    provider.submit = removed_meanwhile
    sweep.advance_due(now)
    assert Case.objects.get().state == Case.State.CANCELLED
    assert sweep.withdraw_due(now) == 1
    submission = Submission.objects.get()
    assert provider.called("withdraw") == [[submission.reference]]
    assert (submission.state, submission.next_action_at) == ("withdrawn", None)
