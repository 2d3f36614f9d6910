"""Cases: the remediation of spam labels, and what is left when a case failed."""

from __future__ import annotations

from django.db.models import QuerySet
from ninja import Query, Router

from portal.api.authentication import ApiRequest
from portal.api.operations import operation
from portal.api.pagination import PageQuery, paginate
from portal.api.problems import Problem
from reputation import phone_numbers
from reputation.api.objects import PathId, get_object_or_problem
from reputation.api.schemas.cases import (
    AskAgainRequest,
    CaseDetailResponse,
    CaseFilters,
    CaseListResponse,
    CaseResponse,
    NextStepResponse,
    SubmissionResponse,
    TicketRequest,
)
from reputation.api.schemas.numbers import serialize_number_summary
from reputation.api.schemas.reputations import serialize_engine, serialize_tag
from reputation.models import Case
from reputation.remediation import asking_again, next_step, ticket

router = Router(tags=["Cases"])


@operation(
    router, "GET", "/cases", scope="read", responses={200: CaseListResponse}, problems=("invalid", "cursor_invalid")
)
def list_cases(request: ApiRequest, filters: Query[CaseFilters], page_params: PageQuery) -> dict:
    """List cases.

    Newest first. A case is the remediation of one number's labels, from opening to outcome.
    """
    cases = Case.objects.for_account(request.caller.account).select_related("number")
    if filters.state:
        cases = cases.filter(state=filters.state)
    if filters.number_id:
        cases = cases.filter(number=int(filters.number_id))
    return paginate(
        cases,
        page_params,
        list_name="cases",
        serialize=lambda rows: [CaseResponse(**_case_fields(case)) for case in rows],
        newest_first=True,
    )


@operation(router, "GET", "/cases/{case_id}", scope="read", responses={200: CaseDetailResponse})
def get_case(request: ApiRequest, case_id: PathId) -> CaseDetailResponse:
    """Get a case.

    With its course at each engine, what happens next, and by when.
    """
    return _serialize_detail(get_object_or_problem(request, _cases(), case_id), request)


@operation(
    router,
    "PUT",
    "/cases/{case_id}/ticket",
    scope="write",
    responses={200: CaseDetailResponse},
    problems=("not_possible",),
    body="json",
)
def note_ticket(request: ApiRequest, case_id: PathId, payload: TicketRequest) -> CaseDetailResponse:
    """Note the support ticket of a failed case."""
    case = get_object_or_problem(request, _cases(), case_id)
    if not ticket.record_ticket(case, reference=payload.reference, context=request.context):
        raise Problem("not_possible", "This case did not fail, so it needs no support ticket. Nothing was changed.")
    return _serialize_detail(case, request)


@operation(
    router,
    "POST",
    "/cases/{case_id}/ticket/mail",
    scope="write",
    responses={200: CaseDetailResponse},
    problems=("not_possible",),
)
def mail_ticket(request: ApiRequest, case_id: PathId) -> CaseDetailResponse:
    """Mail the support ticket of a failed case.

    It goes to the address of support that the portal has, once, and `ticket_reference` is noted.
    """
    case = get_object_or_problem(request, _cases(), case_id)
    try:
        ticket.mail_ticket(case, context=request.context)
    except ticket.TicketNotMailed as error:
        raise Problem("not_possible", str(error)) from None
    return _serialize_detail(case, request)


@operation(
    router,
    "POST",
    "/cases/{case_id}/ask-again",
    scope="write",
    responses={200: CaseDetailResponse},
    problems=("not_possible",),
    body="json",
)
def ask_again(request: ApiRequest, case_id: PathId, payload: AskAgainRequest) -> CaseDetailResponse:
    """Ask again about the label of a failed case.

    It opens the case again. Change first what may have caused the label.
    """
    case = get_object_or_problem(request, _cases(), case_id)
    try:
        asking_again.ask_again(
            case, what_changed=payload.what_changed, first_day=payload.not_before, context=request.context
        )
    except asking_again.NotAskable as error:
        raise Problem("not_possible", str(error)) from None
    return _serialize_detail(case, request)


@operation(
    router,
    "POST",
    "/cases/{case_id}/retire-number",
    scope="write",
    responses={200: CaseDetailResponse},
    problems=("not_possible",),
)
def retire_number(request: ApiRequest, case_id: PathId) -> CaseDetailResponse:
    """Retire the number of a failed case.

    After several refusals or relapses: monitoring ends, and no campaign uses the number. It stays in the list. Used in
    the same way, a new number is likely to be labelled as well.
    """
    case = get_object_or_problem(request, _cases(), case_id)
    try:
        phone_numbers.retire_of_case(case, context=request.context)
    except phone_numbers.NotRetirable as error:
        raise Problem("not_possible", str(error)) from None
    return _serialize_detail(get_object_or_problem(request, _cases(), case_id), request)


def _cases() -> QuerySet[Case]:
    return Case.objects.select_related("number", "account")


def _case_fields(case: Case) -> dict:
    return {
        "id": case.pk,
        "number": serialize_number_summary(case.number),
        "state": case.state,
        "state_since": case.state_since,
        "opened_at": case.opened_at,
        "closed_at": case.closed_at,
        "expected_by": case.pending_answer_by,
        "deadline_at": case.pending_deadline_at,
        "outcome": case.outcome,
        "former_case_id": case.former_id,
        "ticket_reference": case.ticket_reference,
        "ticket_noted_at": case.ticket_opened_at,
    }


def _serialize_detail(case: Case, request: ApiRequest) -> CaseDetailResponse:
    following = next_step.get_next_step(case, request.context.now)
    return CaseDetailResponse(
        **_case_fields(case),
        next=NextStepResponse(sentence=following.sentence, by=following.expected_by),
        tags=[serialize_tag(tag) for tag in case.tags.select_related("engine").order_by("detected_at", "pk")],
        submissions=[
            SubmissionResponse(
                engine=serialize_engine(submission.engine),
                state=submission.state,
                reference=submission.reference,
                reason=submission.reason,
                sent_at=submission.sent_at,
                expected_by=submission.pending_answer_by,
                answered_at=submission.answered_at,
            )
            for submission in case.submissions.select_related("engine", "case").order_by("engine__name")
        ],
    )
