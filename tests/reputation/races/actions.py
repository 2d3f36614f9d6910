"""What people and workers do at the same moment. Each action takes ids, and returns what its user is told."""

from __future__ import annotations

from django.utils import timezone

from enrollment import lifecycle
from enrollment.decisions import decide
from enrollment.models import Application
from portal.accounts import members
from portal.audit import Actor, Context
from portal.models import Member, User
from reputation import phone_numbers
from reputation.bulk_actions import actions as bulk_actions
from reputation.imports import pipeline
from reputation.models import BulkAction, NumberImport
from reputation.remediation import sweep


def run(name: str, *ids: int) -> str:
    """Run the action with this name. An unexpected error is returned as well, so that the test shows it."""
    try:
        return str(ACTIONS[name](*ids))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _context(user_id: int | None = None) -> Context:
    user = User.objects.get(pk=user_id) if user_id else None
    return Context(Actor(user, "web"), timezone.now())


def confirm_bulk_action(pk: int) -> str:
    action = BulkAction.objects.get(pk=pk)
    return "confirmed" if bulk_actions.confirm(action, context=_context()) else "confirmed before"


def confirm_import(pk: int) -> str:
    batch = NumberImport.objects.get(pk=pk)
    return "confirmed" if pipeline.confirm(batch, context=_context()) else "confirmed before"


def approve(pk: int, reviewer: int) -> str:
    outcome = decide({pk: 1}, to=Application.State.APPROVED, context=_context(reviewer))
    return "approved" if outcome.decided else "; ".join(map(str, outcome.skipped))


def withdraw(pk: int) -> str:
    lifecycle.withdraw(Application.objects.get(pk=pk), revision=1, context=_context())
    return "withdrawn"


def demote(pk: int, user: int) -> str:
    member = Member.objects.get(pk=pk)
    members.change_role(member, role=Member.Role.ADMIN, expected_role=Member.Role.OWNER, context=_context(user))
    return "demoted"


def remove(*ids: int) -> str:
    return f"{len(phone_numbers.remove(ids, context=_context()))} removed"


def advance_cases() -> str:
    return f"{sweep.advance_due(timezone.now())} advanced"


ACTIONS = {
    action.__name__: action
    for action in (confirm_bulk_action, confirm_import, approve, withdraw, demote, remove, advance_cases)
}
