"""Cases: what is being done about spam labels, and the support ticket where it did not help."""

from __future__ import annotations

from ninja import Query, Router

from portal.api.authentication import ApiRequest
from portal.api.operations import endpoint
from portal.api.pagination import Page, page
from portal.api.problems import Problem
from reputation.api.objects import IdInPath, owned
from reputation.api.reputations import engine_said, tag_said
from reputation.api.schemas.cases import CaseDetail, CaseFilters, CaseOut, Cases, Next, SubmissionOut, TicketIn
from reputation.api.schemas.numbers import number_name
from reputation.models import Case
from reputation.remediation import cases as remediation
from reputation.remediation import next_step

router = Router(tags=["Cases"])


@endpoint(router, "GET", "/cases", scope="read", answers={200: Cases}, refuses=("invalid", "cursor_invalid"))
def list_cases(request: ApiRequest, filters: Query[CaseFilters], asked: Page) -> dict:
    """List cases.

    Newest first. A case is the remediation of one number's labels, from opening to outcome.
    """
    cases = Case.objects.for_account(request.caller.account).select_related("number")
    if filters.state:
        cases = cases.filter(state=filters.state)
    if filters.number_id:
        cases = cases.filter(number=int(filters.number_id))
    return page(
        cases, asked, of="cases", shown=lambda rows: [CaseOut(**_said(case)) for case in rows], newest_first=True
    )


@endpoint(router, "GET", "/cases/{case_id}", scope="read", answers={200: CaseDetail})
def get_case(request: ApiRequest, case_id: IdInPath) -> CaseDetail:
    """Get a case.

    With its course at each engine, what happens next, and by when.
    """
    return _detail(owned(request, Case.objects.select_related("number"), case_id), request)


@endpoint(
    router,
    "PUT",
    "/cases/{case_id}/ticket",
    scope="write",
    answers={200: CaseDetail},
    refuses=("not_possible",),
    body="json",
)
def note_ticket(request: ApiRequest, case_id: IdInPath, given: TicketIn) -> CaseDetail:
    """Note the support ticket of a failed case."""
    case = owned(request, Case.objects.select_related("number"), case_id)
    if not remediation.record_ticket(case, reference=given.reference, actor=request.actor, now=request.now):
        raise Problem("not_possible", "This case did not fail, so it needs no support ticket. Nothing was changed.")
    return _detail(case, request)


def _said(case: Case) -> dict:
    return {
        "id": case.pk,
        "number": number_name(case.number),
        "state": case.state,
        "state_since": case.state_since,
        "opened_at": case.opened_at,
        "closed_at": case.closed_at,
        "expected_by": case.expected_by,
        "deadline_at": case.deadline_at,
        "outcome": case.outcome,
        "former_case_id": case.former_id,
        "ticket_reference": case.ticket_reference,
        "ticket_noted_at": case.ticket_opened_at,
    }


def _detail(case: Case, request: ApiRequest) -> CaseDetail:
    following = next_step.what_next(case, request.now)
    return CaseDetail(
        **_said(case),
        next=Next(sentence=following.sentence, by=following.by),
        tags=[tag_said(tag) for tag in case.tags.select_related("engine").order_by("detected_at", "pk")],
        submissions=[
            SubmissionOut(
                engine=engine_said(one.engine),
                state=one.state,
                reference=one.reference,
                reason=one.reason,
                sent_at=one.sent_at,
                expected_by=one.expected_by,
                answered_at=one.answered_at,
            )
            for one in case.submissions.select_related("engine").order_by("engine__name")
        ],
    )
