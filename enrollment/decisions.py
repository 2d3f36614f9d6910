"""A reviewer's decisions: approve, ask for more information, reject, revoke."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Left
from django.utils import timezone

from enrollment import signals
from enrollment.lifecycle import SEND_MAILS_TASK, TRANSITIONS, record_transitions
from enrollment.models import Application
from enrollment.own_accounts import OWN_ACCOUNT_CODE, OwnAccounts, get_own_accounts
from portal import audit
from portal.audit import Context
from portal.jobs.runner import enqueue

State = Application.State


class ReasonRequired(Exception):
    """The decision needs a reason, and none was given."""

    def __init__(self) -> None:
        super().__init__("Write the reason: the applicant reads it, and it stays in the history.")


@dataclass(frozen=True)
class Decision:
    """A decision that a reviewer may take, with the words for it."""

    to: str
    verb: str
    done_label: str
    reason_help_text: str
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
    """An application left unchanged, and why. None stands for one that no longer exists."""

    application: Application | None
    reason: str

    def __str__(self) -> str:
        if not self.application:
            return self.reason
        return f"{self.application.legal_name or self.application.account}: {self.reason}"


@dataclass
class DecisionOutcome:
    decided: list[Application] = field(default_factory=list)
    skipped: list[SkippedApplication] = field(default_factory=list)


def decide(revisions: Mapping[int, int], *, to: str, context: Context, reason: str = "") -> DecisionOutcome:
    """Take one decision on several applications.

    `revisions` maps ids to the revisions that the reviewer read. An application is skipped, with the reason, if it
    has another revision by now, its state does not allow the decision, or the reviewer belongs to its account. Raises
    ReasonRequired.
    """
    reason = reason.strip()
    if DECISIONS[to].needs_reason and not reason:
        raise ReasonRequired
    with transaction.atomic():
        found = {
            application.pk: application
            for application in Application.objects.filter(pk__in=revisions)
            .select_for_update(of=("self",))
            .select_related("account", "decided_by")
            .order_by("submitted_at", "pk")
        }
        own_accounts = get_own_accounts(context.actor.user, {application.account_id for application in found.values()})
        outcome = DecisionOutcome()
        for pk in [*found, *(revisions.keys() - found.keys())]:
            conflict = get_decision_conflict(found.get(pk), to=to, revision=revisions[pk], own_accounts=own_accounts)
            if conflict:
                outcome.skipped.append(SkippedApplication(found.get(pk), conflict))
            else:
                outcome.decided.append(found[pk])
        _apply_decision(outcome.decided, to=to, context=context, reason=reason)
        _record_own_accounts(outcome.decided, own_accounts, context=context)
    return outcome


def get_decision_conflict(application: Application | None, *, to: str, revision: int, own_accounts: OwnAccounts) -> str:
    """Tell a reviewer why the decision cannot be taken on this revision. Empty if it can."""
    if application is None:
        return "It no longer exists."
    if conflict := own_accounts.get_conflict(application.account_id):
        return conflict
    if application.state not in TRANSITIONS[to]:
        return _describe_state_conflict(application)
    if application.revision != revision:
        return (
            f"It was changed and sent again: you read revision {revision}, now it is {application.revision}. "
            "Open it and read it once more."
        )
    return ""


def _apply_decision(applications: list[Application], *, to: str, context: Context, reason: str) -> None:
    if not applications:
        return
    rows = Application.objects.filter(pk__in=[application.pk for application in applications])
    audit.record_changes(
        rows,
        context=context,
        code=f"application.{to}",
        label=Left(Concat(Value("Enrollment of "), "legal_name"), 120),
        before=F("state"),
        after=Value(str(to)),
        reason=Value(reason[:500]),
    )
    changes = {
        "state": to,
        "state_since": context.now,
        "decided_at": context.now,
        "decided_by": context.actor.user,
        "reason": reason,
    }
    rows.update(**changes)
    for application in applications:
        for name, value in changes.items():
            setattr(application, name, value)
        if to == State.REVOKED:
            signals.revoked.send(Application, application=application, account=application.account, context=context)
    record_transitions(applications, context=context)
    enqueue(SEND_MAILS_TASK)


def _record_own_accounts(applications: list[Application], own_accounts: OwnAccounts, *, context: Context) -> None:
    for application in applications:
        if application.account_id in own_accounts.account_ids:
            audit.record_event(account=application.account, context=context, code=OWN_ACCOUNT_CODE, subject=application)


def describe_withdrawal(application: Application) -> str:
    """Tell a reviewer that the applicant has taken the application back."""
    when = timezone.localtime(application.state_since).strftime("%-d %b %Y %H:%M %Z")
    return f"The applicant withdrew it, {when}. It waits for review again when it is sent again."


def _describe_state_conflict(application: Application) -> str:
    state = application.get_state_display().lower()
    if application.is_withdrawn:
        return describe_withdrawal(application)
    if application.state == State.DRAFT:
        return "It has not been sent."
    if application.state == State.SUBMITTED:
        return "It is still under review, so there is no approval to take back."
    who = f" by {application.decided_by}" if application.decided_by else ""
    when = timezone.localtime(application.decided_at).strftime(", %-d %b %Y %H:%M %Z") if application.decided_at else ""
    return f"It is already decided: {state}{who}{when}."
