"""Schemas of bulk actions: the selected numbers, and the result."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from reputation.api.schemas.base import Action, Choices, EndMonitoring, Id, Reason, RequestSchema, ResponseSchema
from reputation.api.schemas.enrollments import SeatsResponse
from reputation.api.schemas.numbers import CampaignReference, NumberFiltersRequest, NumberReference
from reputation.models import BulkAction

DryRun = Annotated[
    bool,
    Field(description="Only say what would be done. The answer can be confirmed later, and then does just that."),
]


ReleaseReason = Annotated[Reason, Field(description="Why they may be used again, for the audit trail.")]


class SelectionByIdsRequest(RequestSchema):
    """These numbers. Ids that the account does not have are left out."""

    ids: Annotated[
        list[Id], Field(min_length=1, max_length=20_000, description="These numbers; either this or `filter`.")
    ]
    dry_run: DryRun = False


class SelectionByFilterRequest(RequestSchema):
    """All numbers that match; an empty filter means all."""

    filter: NumberFiltersRequest = Field(description="All that match; either this or `ids`. An empty one means all.")
    dry_run: DryRun = False


SelectionRequest = SelectionByIdsRequest | SelectionByFilterRequest


class ReleaseByIdsRequest(SelectionByIdsRequest):
    reason: ReleaseReason


class ReleaseByFilterRequest(SelectionByFilterRequest):
    reason: ReleaseReason


ReleaseRequest = ReleaseByIdsRequest | ReleaseByFilterRequest


class UnassignByIdsRequest(SelectionByIdsRequest):
    """These numbers. Ids that the account does not have are left out."""

    end_monitoring: EndMonitoring = False


class UnassignByFilterRequest(SelectionByFilterRequest):
    """All numbers that match; an empty filter means all."""

    end_monitoring: EndMonitoring = False


UnassignRequest = UnassignByIdsRequest | UnassignByFilterRequest


class ConfirmationRequest(RequestSchema):
    """Confirms a dry run."""

    end_monitoring: EndMonitoring = False


class HiddenLabelsResponse(ResponseSchema):
    count: int = Field(description="How many of the numbers carry a label, and stay skipped.")
    campaigns_without_caller_id: list[CampaignReference] = Field(
        description="Their campaigns that have no other number to show and no default caller ID."
    )


class RefusalGroup(ResponseSchema):
    code: str
    sentence: str
    hint: str
    count: int
    examples: list[NumberReference]


class BulkActionResponse(ResponseSchema):
    id: int
    action: Action
    campaign_id: int | None
    state: Annotated[str, Choices(*BulkAction.State.values)] = Field(
        description="`preparing`: many were chosen, and are being written down; ask again. `shown`: a dry run, nothing "
        "was done yet. `applying`: under way; ask again. `done`: done."
    )
    chosen: int
    to_do: int = Field(description="How many of the chosen can be done, and are or will be.")
    refused: list[RefusalGroup] = Field(description="Those that are left out, by reason, with the first of each.")
    sentence: str
    hidden_labels: HiddenLabelsResponse | None = Field(description="For a dry run of *disable*.")
    ends_monitoring: int = Field(
        description="For how many numbers monitoring ends, or ended, because they leave a campaign and no seat is free."
    )
    seats: SeatsResponse
    applied: int = Field(description="How many were done so far.")
    left_alone: int = Field(description="Changed by somebody else since they were shown.")
    shown_at: datetime
    confirmed_at: datetime | None
    done_at: datetime | None
