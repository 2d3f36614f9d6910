"""The way of an application: draft, submitted, approved, rejected, more information, revoked. The one place where its
state changes.

Each change is bound to what was shown: sending to the draft's `edits`, a decision to the `revision` that was read. It
writes the audit events, the step and the mail that is due in one transaction, so that of two at once only one does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Left
from django.utils import timezone

from enrollment import signals
from enrollment.models import Application, Transition
from enrollment.questions import Answer
from enrollment.snapshot import Snapshot, get_answers, get_business_values
from portal import audit
from portal.audit import Context
from portal.jobs.runner import enqueue

State = Application.State

# to: from which. The whole lifecycle.
TRANSITIONS: dict[str, tuple[str, ...]] = {
    State.SUBMITTED: (State.DRAFT, State.MORE_INFORMATION),
    State.APPROVED: (State.SUBMITTED,),
    State.REJECTED: (State.SUBMITTED,),
    State.MORE_INFORMATION: (State.SUBMITTED,),
    State.REVOKED: (State.APPROVED,),
}

SEND_MAILS_TASK = "enrollment.tasks.send_due_mails"


class SubmissionError(Exception):
    """Nothing was sent; the message tells the applicant why."""


class DecisionError(Exception):
    """Nothing was decided; the message tells the reviewer why."""


class ReasonRequired(DecisionError):
    def __init__(self) -> None:
        super().__init__("Write the reason: the applicant reads it, and it stays in the history.")


@dataclass(frozen=True)
class Decision:
    """What a reviewer may decide: how it is said, and what its reason is for."""

    to: str
    verb: str
    done: str
    reason_help: str
    needs_reason: bool = True


DECISIONS = {
    decision.to: decision
    for decision in (
        Decision(
            State.APPROVED,
            "Approve",
            "Approved",
            "The applicant reads it.",
            needs_reason=False,
        ),
        Decision(
            State.MORE_INFORMATION,
            "Ask for more",
            "Asked for more",
            "What is missing or unclear, all of it at once. The applicant reads it and may send the form again.",
        ),
        Decision(
            State.REJECTED,
            "Reject",
            "Rejected",
            "Which answer or fact caused it, and what to mend. The applicant reads it and may apply again.",
        ),
        Decision(
            State.REVOKED,
            "Revoke",
            "Revoked",
            "Why the approval ends. Monitoring stops for all numbers of the account, and its members read this.",
        ),
    )
}


@dataclass(frozen=True)
class SkippedApplication:
    application: Application | None
    why: str

    def __str__(self) -> str:
        return (
            f"{self.application.legal_name or self.application.account}: {self.why}" if self.application else self.why
        )


@dataclass
class DecisionOutcome:
    decided: list[Application] = field(default_factory=list)
    refused: list[SkippedApplication] = field(default_factory=list)


def submit(application: Application, *, edits: int, snapshot: Snapshot, context: Context) -> Application:
    """Sends the draft as it was read (`edits`), and returns it as it is then.

    Raises NotSent when it was sent before, or changed since it was read.
    """
    with transaction.atomic():
        mine = Application.objects.filter(pk=application.pk, edits=edits, state__in=TRANSITIONS[State.SUBMITTED])
        before = application.state
        sent = mine.update(
            state=State.SUBMITTED,
            state_since=context.now,
            revision=F("revision") + 1,
            snapshot=snapshot,
            legal_name=get_business_values(snapshot)["legal_name"],
            ein=get_business_values(snapshot)["ein"],
            no_answers=sum(given["answer"] == Answer.NO for given in get_answers(snapshot).values()),
            signed_by=snapshot["signed_by"],
            submitted_at=context.now,
            submitted_by=context.actor.user,
            decided_at=None,
            decided_by=None,
            reason="",
        )
        application = Application.objects.select_related("account").get(pk=application.pk)
        if not sent:
            raise SubmissionError(get_submission_conflict(application))
        _record_transitions([application], context=context, snapshot=snapshot)
        audit.record_event(
            account=application.account,
            context=context,
            what="application.submitted",
            subject=application,
            before=before,
            after=State.SUBMITTED,
        )
        enqueue(SEND_MAILS_TASK)
    return application


def approve(application: Application, *, context: Context, reason: str = "") -> None:
    """The account may enable numbers from now on. Raises CannotDecide, as all of these do."""
    _decide_one(application, to=State.APPROVED, context=context, reason=reason)


def reject(application: Application, *, context: Context, reason: str) -> None:
    """The account may begin a new application, which starts with what this one said."""
    _decide_one(application, to=State.REJECTED, context=context, reason=reason)


def ask_for_more(application: Application, *, context: Context, reason: str) -> None:
    """The account may change the application and send it again."""
    _decide_one(application, to=State.MORE_INFORMATION, context=context, reason=reason)


def revoke(application: Application, *, context: Context, reason: str) -> None:
    """Takes an approval back; `signals.revoked` stops the monitoring in the same transaction."""
    _decide_one(application, to=State.REVOKED, context=context, reason=reason)


def decide(shown: Mapping[int, int], *, to: str, context: Context, reason: str = "") -> DecisionOutcome:
    """Decides several, each only if it still is at the revision that was shown (`shown` maps ids to revisions).

    Those that cannot be decided are left alone and named with the reason. Raises ReasonMissing.
    """
    reason = reason.strip()
    if DECISIONS[to].needs_reason and not reason:
        raise ReasonRequired
    with transaction.atomic():
        found = {
            application.pk: application
            for application in Application.objects.filter(pk__in=shown)
            .select_for_update(of=("self",))
            .select_related("account", "decided_by")
            .order_by("submitted_at", "pk")
        }
        outcome = DecisionOutcome()
        for pk in [*found, *(shown.keys() - found.keys())]:
            why = get_decision_conflict(found.get(pk), to=to, revision=shown[pk])
            if why:
                outcome.refused.append(SkippedApplication(found.get(pk), why))
            else:
                outcome.decided.append(found[pk])
        _apply_decision(outcome.decided, to=to, context=context, reason=reason)
    return outcome


def get_decision_conflict(application: Application | None, *, to: str, revision: int) -> str:
    """Why this decision cannot be taken on what was shown; empty if it can."""
    if application is None:
        return "It no longer exists."
    if application.state not in TRANSITIONS[to]:
        return _describe_state_conflict(application)
    if application.revision != revision:
        return (
            f"It was changed and sent again: you read revision {revision}, now it is {application.revision}. "
            "Open it and read it once more."
        )
    return ""


def _decide_one(application: Application, *, to: str, context: Context, reason: str) -> None:
    outcome = decide({application.pk: application.revision}, to=to, context=context, reason=reason)
    if outcome.refused:
        raise DecisionError(outcome.refused[0].why)


def _apply_decision(applications: list[Application], *, to: str, context: Context, reason: str) -> None:
    if not applications:
        return
    rows = Application.objects.filter(pk__in=[application.pk for application in applications])
    audit.record_changes(
        rows,
        context=context,
        what=f"application.{to}",
        label=Left(Concat(Value("Enrollment of "), "legal_name"), 120),
        before=F("state"),
        after=Value(str(to)),
        reason=Value(reason[:500]),
    )
    rows.update(state=to, state_since=context.now, decided_at=context.now, decided_by=context.actor.user, reason=reason)
    signal = signals.revoked if to == State.REVOKED else signals.decided
    for application in applications:
        application.state, application.state_since, application.reason = to, context.now, reason
        application.decided_at, application.decided_by = context.now, context.actor.user
        signal.send(Application, application=application, account=application.account, context=context)
    _record_transitions(applications, context=context)
    enqueue(SEND_MAILS_TASK)


def _record_transitions(applications: list[Application], *, context: Context, snapshot: Snapshot | None = None) -> None:
    Transition.objects.bulk_create(
        Transition(
            application=application,
            to=application.state,
            revision=application.revision,
            at=context.now,
            by=context.actor.user,
            reason=application.reason,
            snapshot=snapshot or {},
            mail_due_at=context.now,
        )
        for application in applications
    )


def _describe_state_conflict(application: Application) -> str:
    state = application.get_state_display().lower()
    if application.state == State.DRAFT:
        return "It has not been sent."
    if application.state == State.SUBMITTED:
        return "It is still under review, so there is no approval to take back."
    who = f" by {application.decided_by}" if application.decided_by else ""
    when = timezone.localtime(application.decided_at).strftime(", %-d %b %Y %H:%M %Z") if application.decided_at else ""
    return f"It is already decided: {state}{who}{when}."


def get_submission_conflict(application: Application) -> str:
    """For a member who sends what can no longer be sent, or not as it was read."""
    if application.is_editable:
        return (
            "The form was changed since this page was opened, by you in another window or by another member. "
            "Nothing was sent. Read it once more, then send it."
        )
    if application.state == State.SUBMITTED:
        return "It was already sent and is under review. Nothing was sent twice."
    return f"It was already sent and decided: {application.get_state_display().lower()}. Nothing was sent."
