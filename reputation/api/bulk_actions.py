"""Bulk actions: enable and disable, assign and unassign, by ids or by filter; first shown, then done, as in the portal.

The confirmation that a dry run answers is the portal's confirmation window: it is bound to what it showed, and when it
is confirmed does that and nothing else.
"""

from __future__ import annotations

from ninja import Body, Router, Status

from portal.api.authentication import ApiRequest
from portal.api.operations import operation
from portal.api.problems import Problem
from reputation.api.objects import PathId, get_object_or_problem
from reputation.api.schemas.bulk_actions import (
    BulkActionResponse,
    RefusalGroup,
    SelectionByFilterRequest,
    SelectionRequest,
)
from reputation.api.schemas.enrollments import serialize_seats
from reputation.api.schemas.numbers import NumberReference
from reputation.bulk_actions import actions, snapshot
from reputation.models import BulkAction, Campaign
from reputation.monitoring.eligibility import get_coverage
from reputation.numbers.filters import NumberFilter

router = Router(tags=["Bulk actions"])
Action, State = BulkAction.Action, BulkAction.State

# 202: more than are shown or done at once, so that it is under way; ask for the confirmation until it is.
RESPONSES = {200: BulkActionResponse, 202: BulkActionResponse}


@operation(router, "POST", "/numbers/enable", scope="write", answers=RESPONSES, body="json")
def enable_numbers(request: ApiRequest, given: Body[SelectionRequest]) -> Status:
    """Enable spam monitoring and remediation.

    Those that may be enabled are; the others are named with the reason. The verification may take several days.
    """
    return _start_bulk_action(request, Action.ENABLE, given)


@operation(router, "POST", "/numbers/disable", scope="write", answers=RESPONSES, body="json")
def disable_numbers(request: ApiRequest, given: Body[SelectionRequest]) -> Status:
    """Disable spam monitoring and remediation.

    Open cases are cancelled. Nothing of the history is lost.
    """
    return _start_bulk_action(request, Action.DISABLE, given)


@operation(router, "POST", "/campaigns/{campaign_id}/assign", scope="write", answers=RESPONSES, body="json")
def assign_numbers(request: ApiRequest, campaign_id: PathId, given: Body[SelectionRequest]) -> Status:
    """Assign numbers to a campaign.

    A number is in one campaign at a time: one that is in another is moved.
    """
    return _start_bulk_action(
        request, Action.ASSIGN, given, campaign=get_object_or_problem(request, Campaign, campaign_id)
    )


@operation(router, "POST", "/campaigns/{campaign_id}/unassign", scope="write", answers=RESPONSES, body="json")
def unassign_numbers(request: ApiRequest, campaign_id: PathId, given: Body[SelectionRequest]) -> Status:
    """Take numbers out of a campaign."""
    return _start_bulk_action(
        request, Action.UNASSIGN, given, campaign=get_object_or_problem(request, Campaign, campaign_id)
    )


@operation(router, "GET", "/confirmations/{confirmation_id}", scope="read", answers={200: BulkActionResponse})
def get_confirmation(request: ApiRequest, confirmation_id: PathId) -> BulkActionResponse:
    """Get what a bulk action shows, or how far it is."""
    return _serialize(get_object_or_problem(request, _bulk_actions(), confirmation_id), request)


@operation(
    router,
    "POST",
    "/confirmations/{confirmation_id}/confirm",
    scope="write",
    answers=RESPONSES,
    refuses=("not_possible",),
)
def confirm_confirmation(request: ApiRequest, confirmation_id: PathId) -> Status:
    """Do what a dry run showed.

    Once, however often it is confirmed. What somebody else changed since it was shown is left alone. One that is still
    being prepared cannot be confirmed: ask for it until it is shown.
    """
    shown = get_object_or_problem(request, _bulk_actions(), confirmation_id)
    if shown.is_being_prepared:
        raise Problem("not_possible", "It is still being prepared. Ask for it until its state is shown.")
    actions.confirm(shown, context=request.context)
    return _respond(request, shown)


def _start_bulk_action(
    request: ApiRequest, action: str, given: SelectionRequest, *, campaign: Campaign | None = None
) -> Status:
    by_filter = isinstance(given, SelectionByFilterRequest)
    numbers = snapshot.get_selectable_numbers(action, request.caller.account, campaign)
    chosen_by = NumberFilter.read(given.filter.dict() if by_filter else {})
    numbers = chosen_by.apply(numbers, request.context.now) if by_filter else numbers.filter(pk__in=given.ids)
    shown = actions.create_bulk_action(
        account=request.caller.account,
        context=request.context,
        action=action,
        numbers=numbers,
        campaign=campaign,
        all_that_match=by_filter,
        chosen_by=chosen_by.query_string(),
        at_once=not given.dry_run,
    )
    return _respond(request, shown)


def _respond(request: ApiRequest, shown: BulkAction) -> Status:
    return Status(202 if shown.state in (State.PREPARING, State.APPLYING) else 200, _serialize(shown, request))


def _bulk_actions() -> object:
    return BulkAction.objects.select_related("account", "campaign")


def _serialize(shown: BulkAction, request: ApiRequest) -> BulkActionResponse:
    window = actions.get_preview(shown)
    return BulkActionResponse(
        id=shown.pk,
        action=shown.action,
        campaign_id=shown.campaign_id,
        state=shown.state,
        chosen=shown.chosen,
        to_do=window.to_do if shown.state == State.SHOWN else shown.to_do,
        refused=[
            RefusalGroup(
                code=one.refusal.code,
                sentence=one.refusal.sentence,
                hint=one.refusal.hint,
                count=one.count,
                examples=[NumberReference(id=number.pk, number=number.e164) for number in one.numbers],
            )
            for one in window.refused
        ],
        sentence=window.sentence if shown.state == State.SHOWN else actions.describe_progress(shown),
        seats=serialize_seats(get_coverage(request.caller.account, request.context.now)),
        applied=shown.applied,
        left_alone=shown.left_alone,
        shown_at=shown.shown_at,
        confirmed_at=shown.confirmed_at,
        done_at=shown.done_at,
    )
