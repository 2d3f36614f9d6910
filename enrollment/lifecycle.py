"""The lifecycle of an application, and its submission. Reviewers' decisions are in `decisions`.

A submission is bound to the draft's `edit_count`, a decision to the `revision` that the reviewer read. Each writes the
audit event, the transition and the due mail in one transaction, so that only one of two concurrent requests takes
effect.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import F

from enrollment.models import Application, Transition
from enrollment.questions import Answer
from enrollment.snapshot import Snapshot, get_answers, get_business_values
from portal import audit
from portal.audit import Context
from portal.jobs.runner import enqueue

State = Application.State

# Each state with the states it may follow.
TRANSITIONS: dict[str, tuple[str, ...]] = {
    State.SUBMITTED: (State.DRAFT, State.MORE_INFORMATION),
    State.APPROVED: (State.SUBMITTED,),
    State.REJECTED: (State.SUBMITTED,),
    State.MORE_INFORMATION: (State.SUBMITTED,),
    State.REVOKED: (State.APPROVED,),
}

SEND_MAILS_TASK = "enrollment.tasks.send_due_mails"


class SubmissionError(Exception):
    """Nothing was sent. The message tells the applicant why."""


def submit(application: Application, *, edit_count: int, snapshot: Snapshot, context: Context) -> Application:
    """Submit the draft for review and return the updated application.

    Raises SubmissionError if it was submitted before, or changed since its `edit_count` was read.
    """
    with transaction.atomic():
        before = application.state
        submitted = _mark_submitted(application, edit_count, snapshot, context)
        application = Application.objects.select_related("account").get(pk=application.pk)
        if not submitted:
            raise SubmissionError(get_submission_conflict(application))
        record_transitions([application], context=context, snapshot=snapshot)
        audit.record_event(
            account=application.account,
            context=context,
            code="application.submitted",
            subject=application,
            before=before,
            after=State.SUBMITTED,
        )
        enqueue(SEND_MAILS_TASK)
    return application


def _mark_submitted(application: Application, edit_count: int, snapshot: Snapshot, context: Context) -> bool:
    business = get_business_values(snapshot)
    unchanged = Application.objects.filter(
        pk=application.pk, edit_count=edit_count, state__in=TRANSITIONS[State.SUBMITTED]
    )
    return bool(
        unchanged.update(
            state=State.SUBMITTED,
            state_since=context.now,
            revision=F("revision") + 1,
            snapshot=snapshot,
            legal_name=business["legal_name"],
            ein=business["ein"],
            no_answer_count=sum(given["answer"] == Answer.NO for given in get_answers(snapshot).values()),
            signed_by=snapshot["signed_by"],
            submitted_at=context.now,
            submitted_by=context.actor.user,
            decided_at=None,
            decided_by=None,
            reason="",
        )
    )


def record_transitions(
    applications: Iterable[Application], *, context: Context, snapshot: Snapshot | None = None
) -> None:
    """Record that each application reached its current state, with a mail due at once."""
    Transition.objects.bulk_create(
        Transition(
            application=application,
            to_state=application.state,
            revision=application.revision,
            created_at=context.now,
            user=context.actor.user,
            reason=application.reason,
            snapshot=snapshot or {},
            mail_due_at=context.now,
        )
        for application in applications
    )


def get_submission_conflict(application: Application) -> str:
    """Tell a member why the application cannot be submitted, or not as it was read."""
    if application.is_editable:
        return (
            "The form was changed since this page was opened, by you in another window or by another member. "
            "Nothing was sent. Read it once more, then send it."
        )
    if application.state == State.SUBMITTED:
        return "It was already sent and is under review. Nothing was sent twice."
    return f"It was already sent and decided: {application.get_state_display().lower()}. Nothing was sent."
