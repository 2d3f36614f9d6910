"""Bulk actions: enable, disable, release, assign or unassign numbers that are selected by ids or by a filter.

A dry run returns a bulk action that can be confirmed later, like a confirmation window of the portal: it then applies
to what it showed, and to nothing else.
"""

from __future__ import annotations

from django.db.models import QuerySet
from ninja import Body, Router, Status

from portal.api.authentication import ApiRequest
from portal.api.operations import operation
from portal.api.problems import Problem
from reputation.api.objects import PathId, check_ending, get_object_or_problem
from reputation.api.schemas.bulk_actions import (
    BulkActionResponse,
    ConfirmationRequest,
    HiddenLabelsResponse,
    RefusalGroup,
    ReleaseRequest,
    SelectionByFilterRequest,
    SelectionRequest,
    UnassignByFilterRequest,
    UnassignByIdsRequest,
    UnassignRequest,
)
from reputation.api.schemas.enrollments import serialize_seats
from reputation.api.schemas.numbers import CampaignReference, NumberReference
from reputation.bulk_actions import actions
from reputation.bulk_actions.preview import get_preview
from reputation.bulk_actions.result import describe_progress
from reputation.bulk_actions.selection import count_ending, get_selectable_numbers
from reputation.models import BulkAction, Campaign
from reputation.monitoring import coverage
from reputation.monitoring.eligibility import get_coverage
from reputation.numbers.filters import NumberFilter

router = Router(tags=["Bulk actions"])
Action, State = BulkAction.Action, BulkAction.State

# 202: too many numbers for one request, so a worker prepares or applies the bulk action; clients poll it.
RESPONSES = {200: BulkActionResponse, 202: BulkActionResponse}


@operation(router, "POST", "/numbers/enable", scope="write", responses=RESPONSES, body="json")
def enable_numbers(request: ApiRequest, payload: Body[SelectionRequest]) -> Status:
    """Enable spam monitoring and remediation.

    Those that may be enabled are; the others are named with the reason. The verification may take several days.
    """
    return _start_bulk_action(request, Action.ENABLE, payload)


@operation(router, "POST", "/numbers/disable", scope="write", responses=RESPONSES, body="json")
def disable_numbers(request: ApiRequest, payload: Body[SelectionRequest]) -> Status:
    """Disable spam monitoring and remediation.

    Open cases are cancelled. Nothing of the history is lost. Numbers that carry a label were then labelled when last
    seen: matching skips them until they are released or found clean.
    """
    return _start_bulk_action(request, Action.DISABLE, payload)


@operation(router, "POST", "/numbers/release", scope="write", responses=RESPONSES, body="json")
def release_numbers(request: ApiRequest, payload: Body[ReleaseRequest]) -> Status:
    """Use numbers again that were labelled when last seen.

    Matching skips them until then, or until monitoring finds them clean. The reason is kept in the audit trail.
    """
    return _start_bulk_action(request, Action.RELEASE, payload, reason=payload.reason)


@operation(router, "POST", "/campaigns/{campaign_id}/assign", scope="write", responses=RESPONSES, body="json")
def assign_numbers(request: ApiRequest, campaign_id: PathId, payload: Body[SelectionRequest]) -> Status:
    """Assign numbers to a campaign.

    A number is in one campaign at a time: one that is in another is moved.
    """
    return _start_bulk_action(
        request, Action.ASSIGN, payload, campaign=get_object_or_problem(request, Campaign, campaign_id)
    )


@operation(
    router,
    "POST",
    "/campaigns/{campaign_id}/unassign",
    scope="write",
    responses=RESPONSES,
    body="json",
    problems=("monitoring_would_end",),
)
def unassign_numbers(request: ApiRequest, campaign_id: PathId, payload: Body[UnassignRequest]) -> Status:
    """Take numbers out of a campaign.

    A monitored number that leaves its campaign takes a seat. The lowest ids get the free seats, and monitoring ends for
    the others: the request is refused without `end_monitoring`.
    """
    return _start_bulk_action(
        request, Action.UNASSIGN, payload, campaign=get_object_or_problem(request, Campaign, campaign_id)
    )


@operation(router, "GET", "/bulk-actions/{bulk_action_id}", scope="read", responses={200: BulkActionResponse})
def get_bulk_action(request: ApiRequest, bulk_action_id: PathId) -> BulkActionResponse:
    """Get what a bulk action shows, or how far it is."""
    return _serialize(get_object_or_problem(request, _bulk_actions(), bulk_action_id), request)


@operation(
    router,
    "POST",
    "/bulk-actions/{bulk_action_id}/confirm",
    scope="write",
    responses=RESPONSES,
    problems=("not_possible", "monitoring_would_end", "malformed"),
)
def confirm_bulk_action(
    request: ApiRequest, bulk_action_id: PathId, payload: ConfirmationRequest | None = None
) -> Status:
    """Do what a dry run showed.

    Once, however often it is confirmed. What somebody else changed since it was shown is left alone. One that is still
    being prepared cannot be confirmed: ask for it until it is shown. The body may be left out.
    """
    bulk_action = get_object_or_problem(request, _bulk_actions(), bulk_action_id)
    if bulk_action.is_preparing:
        raise Problem("not_possible", "It is still being prepared. Ask for it until its state is shown.")
    max_ending = coverage.ANY_COUNT if payload and payload.end_monitoring else 0
    if bulk_action.state == State.READY:
        covered = get_coverage(request.caller.account, request.context.now)
        check_ending(count_ending(bulk_action, covered), end_monitoring=bool(max_ending))
    try:
        actions.confirm(bulk_action, context=request.context, max_ending=max_ending)
    except actions.ReasonMissing:
        raise Problem("not_possible", "It was opened without a reason. Start it again with one.") from None
    return _respond(request, bulk_action)


def _start_bulk_action(
    request: ApiRequest,
    action: str,
    payload: SelectionRequest,
    *,
    campaign: Campaign | None = None,
    reason: str = "",
) -> Status:
    numbers = get_selectable_numbers(action, request.caller.account, campaign)
    if isinstance(payload, SelectionByFilterRequest):
        number_filter = NumberFilter.from_params(payload.filter.dict())
        numbers = number_filter.apply(numbers, request.context.now)
    else:
        number_filter = NumberFilter.from_params({})
        numbers = numbers.filter(pk__in=payload.ids)
    end_monitoring = isinstance(payload, UnassignByIdsRequest | UnassignByFilterRequest) and payload.end_monitoring
    if action == Action.UNASSIGN and not payload.dry_run:
        coverage.lock_account(request.caller.account.pk)
        ending = coverage.count_ending(numbers, get_coverage(request.caller.account, request.context.now))
        check_ending(ending, end_monitoring=end_monitoring)
    bulk_action = actions.create_bulk_action(
        account=request.caller.account,
        context=request.context,
        action=action,
        numbers=numbers,
        campaign=campaign,
        selects_all_matching=isinstance(payload, SelectionByFilterRequest),
        filter_query=number_filter.query_string(),
        apply_immediately=not payload.dry_run,
        reason=reason,
        max_ending=coverage.ANY_COUNT if end_monitoring else 0,
    )
    return _respond(request, bulk_action)


def _respond(request: ApiRequest, bulk_action: BulkAction) -> Status:
    return Status(
        202 if bulk_action.state in (State.PREPARING, State.APPLYING) else 200, _serialize(bulk_action, request)
    )


def _bulk_actions() -> QuerySet[BulkAction]:
    return BulkAction.objects.select_related("account", "campaign")


def _serialize(bulk_action: BulkAction, request: ApiRequest) -> BulkActionResponse:
    preview = get_preview(bulk_action, now=request.context.now)
    return BulkActionResponse(
        id=bulk_action.pk,
        action=bulk_action.action,
        campaign_id=bulk_action.campaign_id,
        state=bulk_action.state,
        chosen=bulk_action.selected_count,
        to_do=preview.total_count if bulk_action.state == State.READY else bulk_action.total_count,
        refused=[
            RefusalGroup(
                code=group.refusal.code,
                sentence=group.refusal.sentence,
                hint=group.refusal.hint,
                count=group.count,
                examples=[NumberReference(id=number.pk, number=number.e164) for number in group.numbers],
            )
            for group in preview.refused
        ],
        sentence=preview.summary if bulk_action.state == State.READY else describe_progress(bulk_action),
        hidden_labels=HiddenLabelsResponse(
            count=preview.hidden_labels.count,
            campaigns_without_caller_id=[
                CampaignReference(id=campaign.pk, name=campaign.name) for campaign in preview.hidden_labels.campaigns
            ],
        )
        if preview.hidden_labels and bulk_action.state == State.READY
        else None,
        ends_monitoring=preview.ending_count if bulk_action.state == State.READY else bulk_action.ended_count,
        seats=serialize_seats(get_coverage(request.caller.account, request.context.now)),
        applied=bulk_action.applied_count,
        left_alone=bulk_action.skipped_count,
        shown_at=bulk_action.created_at,
        confirmed_at=bulk_action.confirmed_at,
        done_at=bulk_action.ended_at,
    )
