"""The lifecycle of an application, its submission and its withdrawal. Reviewers' decisions are in `decisions`.

A submission is bound to the draft's `edit_count`, a withdrawal or a decision to the `revision` that was read. Each
writes the audit event, the transition and the due mail in one transaction, so that only one of two concurrent requests
takes effect.
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
    State.DRAFT: (State.SUBMITTED, State.MORE_INFORMATION),
    State.SUBMITTED: (State.DRAFT, State.MORE_INFORMATION),
    State.APPROVED: (State.SUBMITTED,),
    State.REJECTED: (State.SUBMITTED,),
    State.MORE_INFORMATION: (State.SUBMITTED,),
    State.REVOKED: (State.APPROVED,),
}

SEND_MAILS_TASK = "enrollment.tasks.send_due_mails"


class SubmissionError(Exception):
    """Nothing was sent. The message tells the applicant why."""


class WithdrawalError(Exception):
    """Nothing was withdrawn. The message tells the applicant why."""


def submit(application: Application, *, edit_count: int, snapshot: Snapshot, context: Context) -> Application:
    """Submit the draft for review, with the reply to the reviewer's question, and return the updated application.

    Raises SubmissionError if it was submitted before, or changed since its `edit_count` was read.
    """
    with transaction.atomic():
        before, reply = application.state, application.reply
        submitted = _mark_submitted(application, edit_count, snapshot, context)
        application = Application.objects.select_related("account").get(pk=application.pk)
        if not submitted:
            raise SubmissionError(get_submission_conflict(application))
        record_transitions([application], context=context, snapshot=snapshot, reason=reply)
        audit.record_event(
            account=application.account,
            context=context,
            code="application.submitted",
            subject=application,
            before=before,
            after=State.SUBMITTED,
            reason=reply,
        )
        enqueue(SEND_MAILS_TASK)
    return application


def withdraw(application: Application, *, revision: int, context: Context) -> Application:
    """Make a submitted application a draft again and return it. The form keeps its text.

    Raises WithdrawalError if the application is not with a reviewer, or was sent again since `revision` was read.
    """
    with transaction.atomic():
        before = application.state
        unchanged = Application.objects.filter(pk=application.pk, revision=revision, state__in=TRANSITIONS[State.DRAFT])
        withdrawn = unchanged.update(state=State.DRAFT, state_since=context.now, reason="", reply="")
        application = Application.objects.select_related("account").get(pk=application.pk)
        if not withdrawn:
            raise WithdrawalError(get_withdrawal_conflict(application))
        record_transitions([application], context=context)
        audit.record_event(
            account=application.account,
            context=context,
            code="application.withdrawn",
            subject=application,
            before=before,
            after=State.DRAFT,
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
            reply="",
        )
    )


def record_transitions(
    applications: Iterable[Application], *, context: Context, snapshot: Snapshot | None = None, reason: str = ""
) -> None:
    """Record that each application reached its current state, with a mail due at once.

    The reason is the application's own unless another one is given.
    """
    Transition.objects.bulk_create(
        Transition(
            application=application,
            to_state=application.state,
            revision=application.revision,
            created_at=context.now,
            user=context.actor.user,
            reason=reason or application.reason,
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


def is_withdrawable(application: Application) -> bool:
    return application.state in TRANSITIONS[State.DRAFT]


def get_withdrawal_conflict(application: Application) -> str:
    """Tell a member why the application cannot be withdrawn, or not as it was read."""
    if application.is_withdrawn:
        return "It was already withdrawn, by you in another window or by another member. Nothing was changed twice."
    if application.state == State.DRAFT:
        return "It was not sent, so there is nothing to withdraw."
    if is_withdrawable(application):
        return (
            "It was sent again since this page was opened, by you in another window or by another member. "
            "Nothing was withdrawn. Read what was sent, then withdraw that."
        )
    return f"A reviewer decided it before: {application.get_state_display().lower()}. Nothing was withdrawn."


def get_reply_conflict(application: Application, *, revision: int) -> str:
    """Tell a member why a reply to the question about this revision cannot be sent. Empty if it can."""
    if application.state == State.MORE_INFORMATION:
        if application.revision == revision:
            return ""
        return "The reviewer has asked again since this page was opened. Nothing was sent. Read the new question first."
    if application.state == State.SUBMITTED:
        return "It was already sent again and is under review. Nothing was sent twice."
    return f"No question waits for a reply: {application.get_state_display().lower()}. Nothing was sent."
