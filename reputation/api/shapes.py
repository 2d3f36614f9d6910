"""What the API sends and takes, as schemas: the OpenAPI document is made of them. Times are UTC, with their offset."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import BaseModel, Field, StringConstraints

from portal.api.endpoints import STRICT
from portal.wording import KINDS, VIA
from reputation.campaigns import MOST_CALLS
from reputation.models import Campaign, Case, Check, Confirmation, NumberImport, PhoneNumber, Registration, Submission
from reputation.wording import TALLIES

# The largest id a database holds.
MOST = 2**63 - 1
Id = Annotated[int, Field(ge=1, le=MOST)]
# One line of text: no control characters. A name has something other than spaces in it.
_LINE = r"^[^\x00-\x1f\x7f\u2028\u2029]*$"
Line = Annotated[str, StringConstraints(max_length=80, pattern=_LINE)]
Name = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=80,
        pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]*[^\s\x00-\x1f\x7f\u2028\u2029][^\x00-\x1f\x7f\u2028\u2029]*$",
    ),
]

Capability = Literal[tuple(PhoneNumber.Capability.values)]
Source = Literal[tuple(PhoneNumber.Source.values)]
SpamStatus = Literal[(*PhoneNumber.SpamStatus.values, PhoneNumber.STALE)]
CaseState = Literal[tuple(Case.State.values)]
Action = Literal[tuple(Confirmation.Action.values)]


def one_of(*values: str) -> object:
    """A filter's value, of these; empty does not filter."""
    return Literal[("", *values)]


class Said(BaseModel):
    """The base of what is answered."""


class Asked(Schema):
    """The base of bodies."""

    model_config = STRICT


# Numbers


class CampaignName(Said):
    id: int
    name: str


class NumberOut(Said):
    id: int
    number: str = Field(description="E.164.", examples=["+12065550143"])
    region: str = Field(description="ISO 3166; territories of the United States by their own codes.")
    label: str
    source: Source
    campaign: CampaignName | None
    capability: Capability = Field(description="What the service does for the number now.")
    capability_since: datetime
    capability_reason: str = Field(description="Why the verification failed, or why monitoring stopped.")
    spam_status: SpamStatus = Field(description="`clean` only while a fresh answer of each engine says so.")
    is_tagged: bool = Field(description="Whether it carries a spam label now, whatever is being done about it.")
    tagged_since: datetime | None
    checked_at: datetime | None = Field(description="When the engine that looked longest ago looked last.")
    fresh_until: datetime | None
    added_at: datetime


class Numbers(Said):
    items: list[NumberOut]
    next_cursor: str | None = Field(description="For the next page; null on the last one.")


class NumberFilters(Schema):
    """The filters of the table of numbers; empty ones do not filter."""

    q: Annotated[
        str, Field(max_length=80, description="In any part of the number, however it is punctuated, or of the label.")
    ] = ""
    status: one_of(PhoneNumber.LABELLED, *TALLIES) = Field(
        "", description="`labelled`: any spam label. `tagged`: remediation has not begun yet."
    )
    capability: one_of(*PhoneNumber.Capability.values) = ""
    campaign: Annotated[str, Field(pattern=r"^([1-9][0-9]{0,17}|none)?$", description="A campaign's id, or none.")] = ""
    source: one_of(*PhoneNumber.Source.values) = ""
    engine: Annotated[
        str, Field(pattern=r"^([1-9][0-9]{0,17})?$", description="The id of an engine whose label stands.")
    ] = ""


class NumberFiltersIn(NumberFilters):
    model_config = STRICT


class NumberIn(Asked):
    number: Annotated[
        str,
        Field(
            min_length=1,
            max_length=60,
            description="As +12065550143 or (206) 555-0143.",
            examples=["+12065550143"],
            json_schema_extra={"format": "phone-number"},
        ),
    ]
    label: Line = ""
    source: Source = PhoneNumber.Source.NATIVE.value
    campaign_id: Id | None = None


class NumberChange(Asked):
    """What is left out stays as it is."""

    label: Line | None = None
    source: Source | None = None
    campaign_id: Id | None = Field(None, description="null takes it out of its campaign.")


# Reputation


class EngineOut(Said):
    id: int
    name: str


class RegistrationOut(Said):
    state: Literal[tuple(Registration.State.values)]
    reason: str


class CheckOut(Said):
    """A run of equal answers of one engine, from its first look to its last."""

    id: int
    engine: EngineOut
    result: Literal[tuple(Check.Result.values)]
    label: str
    learnt_by: str
    first_at: datetime
    last_at: datetime
    looks: int
    valid_until: datetime = Field(description="Until when the last answer may be relied on.")
    is_current: bool


class TagOut(Said):
    id: int
    engine: EngineOut
    label: str
    detected_at: datetime
    ended_at: datetime | None
    case_id: int | None


class AtEngine(Said):
    engine: EngineOut
    registration: RegistrationOut | None = Field(description="Whether the engine took the number on.")
    check: CheckOut | None = Field(description="Its current answer, if there is one.")


class Reputation(Said):
    number_id: int
    number: str
    spam_status: SpamStatus
    is_tagged: bool
    tagged_since: datetime | None
    checked_at: datetime | None
    fresh_until: datetime | None
    capability: Capability
    tags: list[TagOut] = Field(description="The labels that stand now.")
    case_id: int | None = Field(description="The unfinished case, if there is one.")
    engines: list[AtEngine]


class Checks(Said):
    items: list[CheckOut]
    next_cursor: str | None


# Events


class Subject(Said):
    kind: str = Field(examples=["phonenumber"])
    id: int
    label: str = Field(examples=["+12065550143"])


class By(Said):
    name: str | None = Field(description="The person or the API key; null for the service itself.")
    via: Literal[tuple(VIA)]


class EventOut(Said):
    id: int
    at: datetime
    what: str = Field(description="A code such as tag.detected; new ones may come.", examples=["tag.detected"])
    words: str = Field(examples=["Spam label detected"])
    about: Subject
    before: str
    after: str
    reason: str
    by: By


class Events(Said):
    items: list[EventOut]
    next_cursor: str | None


class Feed(Said):
    items: list[EventOut]
    next_cursor: str | None = Field(
        description="Where to go on, also at the end, so that it can be asked again later; null before the first event."
    )
    has_more: bool = Field(description="Whether there is more to read at once.")


class FeedFilters(Schema):
    kind: one_of(*KINDS) = ""


# Cases


class NumberLabel(Said):
    id: int
    number: str
    label: str


class CaseOut(Said):
    id: int
    number: NumberLabel
    state: CaseState
    state_since: datetime
    opened_at: datetime
    closed_at: datetime | None
    expected_by: datetime | None
    deadline_at: datetime
    outcome: str
    former_case_id: int | None = Field(description="The number was tagged before: the case of that time.")
    ticket_reference: str
    ticket_noted_at: datetime | None


class Cases(Said):
    items: list[CaseOut]
    next_cursor: str | None


class SubmissionOut(Said):
    engine: EngineOut
    state: Literal[tuple(Submission.State.values)]
    reference: str
    reason: str
    sent_at: datetime | None
    expected_by: datetime | None
    answered_at: datetime | None


class Next(Said):
    sentence: str
    by: datetime | None


class CaseDetail(CaseOut):
    next: Next = Field(description="What happens next, and by when.")
    tags: list[TagOut]
    submissions: list[SubmissionOut]


class CaseFilters(Schema):
    state: one_of(*Case.State.values) = ""
    number_id: Annotated[str, Field(pattern=r"^([1-9][0-9]{0,17})?$", description="Of this number only.")] = ""


class TicketIn(Asked):
    reference: Name = Field(description="What support calls the ticket.", examples=["48213"])


# Campaigns


class CampaignOut(Said):
    id: int
    name: str
    is_paused: bool
    automatic_matching: bool
    default_number: NumberLabel | None = Field(description="The default caller ID.")
    daily_limit: int | None = Field(description="So many calls a day may show the same number; null: any number.")
    created_at: datetime


class Campaigns(Said):
    items: list[CampaignOut]
    next_cursor: str | None


class CampaignIn(Asked):
    name: Name
    automatic_matching: bool = True


class CampaignChange(Asked):
    """What is left out stays as it is."""

    name: Name | None = None
    is_paused: bool | None = None
    automatic_matching: bool | None = None
    default_number_id: Id | None = Field(None, description="A number of the account; null: none.")
    daily_limit: Annotated[int, Field(ge=1, le=MOST_CALLS)] | None = Field(
        None, description="So many calls a day may show the same number; null: any number."
    )


# Bulk actions


DryRun = Annotated[
    bool,
    Field(description="Only say what would be done. The answer can be confirmed later, and then does just that."),
]


class ByIds(Asked):
    """These numbers. Ids that the account does not have are left out."""

    ids: Annotated[
        list[Id], Field(min_length=1, max_length=20_000, description="These numbers; either this or `filter`.")
    ]
    dry_run: DryRun = False


class ByFilter(Asked):
    """All numbers that match; an empty filter means all."""

    filter: NumberFiltersIn = Field(description="All that match; either this or `ids`. An empty one means all.")
    dry_run: DryRun = False


Chosen = ByIds | ByFilter


class NumberName(Said):
    id: int
    number: str


class RefusedOut(Said):
    code: str
    sentence: str
    hint: str
    count: int
    examples: list[NumberName]


class Seats(Said):
    """Of the Spam Monitoring and Remediation licence."""

    total: int
    used: int
    free: int


class ConfirmationOut(Said):
    id: int
    action: Action
    campaign_id: int | None
    state: Literal[tuple(Confirmation.State.values)] = Field(
        description="`preparing`: many were chosen, and are being written down; ask again. `shown`: a dry run, nothing "
        "was done yet. `applying`: under way; ask again. `done`: done."
    )
    chosen: int
    to_do: int = Field(description="How many of the chosen can be done, and are or will be.")
    refused: list[RefusedOut] = Field(description="Those that are left out, by reason, with the first of each.")
    sentence: str
    seats: Seats
    applied: int = Field(description="How many were done so far.")
    left_alone: int = Field(description="Changed by somebody else since they were shown.")
    shown_at: datetime
    confirmed_at: datetime | None
    done_at: datetime | None


# Imports


class ImportOut(Said):
    id: int
    file_name: str
    state: Literal[tuple(NumberImport.State.values)] = Field(
        description="`ready`: it says what will happen, and waits to be confirmed."
    )
    reason: str
    summary: str
    will_add: int
    will_bring_back: int
    will_change: int
    unchanged: int
    refused: int
    added: int
    brought_back: int
    changed: int
    left_alone: int
    received_at: datetime
    ready_at: datetime | None
    confirmed_at: datetime | None
    ended_at: datetime | None


class RefusedLine(Said):
    line: int
    text: str
    reason: str


class ImportDetail(ImportOut):
    refused_first: list[RefusedLine] = Field(description="The first refused lines, with the reasons.")


class Imports(Said):
    items: list[ImportOut]
    next_cursor: str | None


# Enrollment


class EnrollmentOut(Said):
    state: str = Field(examples=["approved"])
    is_approved: bool = Field(description="Whether numbers may be enabled.")
    since: datetime | None
    reason: str
    sentence: str
    seats: Seats


def seats(coverage: object) -> Seats:
    return Seats(total=coverage.seats, used=coverage.seats_used, free=coverage.seats_free)


def campaign_out(campaign: Campaign) -> CampaignOut:
    """Its `default_number` is read, so select it with the campaigns."""
    default = campaign.default_number
    present = default if default and default.removed_at is None else None
    return CampaignOut(
        id=campaign.pk,
        name=campaign.name,
        is_paused=campaign.is_paused,
        automatic_matching=campaign.automatic_matching,
        default_number=number_name(present) if present else None,
        daily_limit=campaign.daily_limit,
        created_at=campaign.created_at,
    )


def number_name(number: PhoneNumber) -> NumberLabel:
    return NumberLabel(id=number.pk, number=number.e164, label=number.label)
