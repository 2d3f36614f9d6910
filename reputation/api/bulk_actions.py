"""Bulk actions: enable and disable, assign and unassign, by ids or by filter; first shown, then done, as in the portal.

The confirmation that a dry run answers is the portal's confirmation window: it is bound to what it showed, and when it
is confirmed does that and nothing else.
"""

from __future__ import annotations

from ninja import Body, Router, Status

from portal.api.authentication import ApiRequest
from portal.api.operations import endpoint
from portal.api.problems import Problem
from reputation.api.objects import IdInPath, owned
from reputation.api.schemas.bulk_actions import ByFilter, Chosen, ConfirmationOut, RefusedOut
from reputation.api.schemas.enrollments import seats
from reputation.api.schemas.numbers import NumberName
from reputation.bulk_actions import actions, snapshot
from reputation.models import Campaign, Confirmation
from reputation.monitoring.eligibility import coverage_of
from reputation.numbers.filters import NumberFilter

router = Router(tags=["Bulk actions"])
Action, State = Confirmation.Action, Confirmation.State

# 202: more than are shown or done at once, so that it is under way; ask for the confirmation until it is.
ANSWERS = {200: ConfirmationOut, 202: ConfirmationOut}


@endpoint(router, "POST", "/numbers/enable", scope="write", answers=ANSWERS, body="json")
def enable_numbers(request: ApiRequest, given: Body[Chosen]) -> Status:
    """Enable spam monitoring and remediation.

    Those that may be enabled are; the others are named with the reason. The verification may take several days.
    """
    return _act(request, Action.ENABLE, given)


@endpoint(router, "POST", "/numbers/disable", scope="write", answers=ANSWERS, body="json")
def disable_numbers(request: ApiRequest, given: Body[Chosen]) -> Status:
    """Disable spam monitoring and remediation.

    Open cases are cancelled. Nothing of the history is lost.
    """
    return _act(request, Action.DISABLE, given)


@endpoint(router, "POST", "/campaigns/{campaign_id}/assign", scope="write", answers=ANSWERS, body="json")
def assign_numbers(request: ApiRequest, campaign_id: IdInPath, given: Body[Chosen]) -> Status:
    """Assign numbers to a campaign.

    A number is in one campaign at a time: one that is in another is moved.
    """
    return _act(request, Action.ASSIGN, given, campaign=owned(request, Campaign, campaign_id))


@endpoint(router, "POST", "/campaigns/{campaign_id}/unassign", scope="write", answers=ANSWERS, body="json")
def unassign_numbers(request: ApiRequest, campaign_id: IdInPath, given: Body[Chosen]) -> Status:
    """Take numbers out of a campaign."""
    return _act(request, Action.UNASSIGN, given, campaign=owned(request, Campaign, campaign_id))


@endpoint(router, "GET", "/confirmations/{confirmation_id}", scope="read", answers={200: ConfirmationOut})
def get_confirmation(request: ApiRequest, confirmation_id: IdInPath) -> ConfirmationOut:
    """Get what a bulk action shows, or how far it is."""
    return _said(owned(request, _confirmations(), confirmation_id), request)


@endpoint(
    router,
    "POST",
    "/confirmations/{confirmation_id}/confirm",
    scope="write",
    answers=ANSWERS,
    refuses=("not_possible",),
)
def confirm_confirmation(request: ApiRequest, confirmation_id: IdInPath) -> Status:
    """Do what a dry run showed.

    Once, however often it is confirmed. What somebody else changed since it was shown is left alone. One that is still
    being prepared cannot be confirmed: ask for it until it is shown.
    """
    shown = owned(request, _confirmations(), confirmation_id)
    if shown.is_being_prepared:
        raise Problem("not_possible", "It is still being prepared. Ask for it until its state is shown.")
    actions.confirm(shown, actor=request.actor, now=request.now)
    return _answer(request, shown)


def _act(request: ApiRequest, action: str, given: Chosen, *, campaign: Campaign | None = None) -> Status:
    by_filter = isinstance(given, ByFilter)
    numbers = snapshot.scope(action, request.caller.account, campaign)
    chosen_by = NumberFilter.read(given.filter.dict() if by_filter else {})
    numbers = chosen_by.apply(numbers, request.now) if by_filter else numbers.filter(pk__in=given.ids)
    shown = actions.open_window(
        account=request.caller.account,
        actor=request.actor,
        action=action,
        numbers=numbers,
        campaign=campaign,
        all_that_match=by_filter,
        chosen_by=chosen_by.query_string(),
        at_once=not given.dry_run,
        now=request.now,
    )
    return _answer(request, shown)


def _answer(request: ApiRequest, shown: Confirmation) -> Status:
    return Status(202 if shown.state in (State.PREPARING, State.APPLYING) else 200, _said(shown, request))


def _confirmations() -> object:
    return Confirmation.objects.select_related("account", "campaign")


def _said(shown: Confirmation, request: ApiRequest) -> ConfirmationOut:
    window = actions.look_at(shown)
    return ConfirmationOut(
        id=shown.pk,
        action=shown.action,
        campaign_id=shown.campaign_id,
        state=shown.state,
        chosen=shown.chosen,
        to_do=window.to_do if shown.state == State.SHOWN else shown.to_do,
        refused=[
            RefusedOut(
                code=one.refusal.code,
                sentence=one.refusal.sentence,
                hint=one.refusal.hint,
                count=one.count,
                examples=[NumberName(id=number.pk, number=number.e164) for number in one.numbers],
            )
            for one in window.refused
        ],
        sentence=window.sentence if shown.state == State.SHOWN else actions.done_so_far(shown),
        seats=seats(coverage_of(request.caller.account, request.now)),
        applied=shown.applied,
        left_alone=shown.left_alone,
        shown_at=shown.shown_at,
        confirmed_at=shown.confirmed_at,
        done_at=shown.done_at,
    )
