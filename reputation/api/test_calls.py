"""Test calls: telephones, rounds, the calls to place, and what they showed.

A program takes a call and keeps its token, places the call, and sends the result with the token.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count, Q
from django.http import HttpResponse
from django.urls import reverse
from ninja import Query, Router, Status

from portal.api.authentication import ApiRequest
from portal.api.operations import operation
from portal.api.pagination import PageQuery, paginate
from portal.api.problems import Problem, validation_problem
from reputation.api.objects import PathId, get_object_or_problem, get_referenced_object
from reputation.api.schemas.test_calls import (
    ResultRequest,
    TakenCallResponse,
    TelephoneListResponse,
    TestCallFilters,
    TestCallListResponse,
    TestCallResponse,
    TestRoundListResponse,
    TestRoundRequest,
    TestRoundResponse,
    TokenRequest,
    get_call_fields,
    serialize_round,
    serialize_telephone,
)
from reputation.models import LabelPhoto, Telephone, TestCall, TestRound
from reputation.test_calls import results, rounds

router = Router(tags=["Test calls"])
LISTS = ("invalid", "cursor_invalid")


@operation(router, "GET", "/telephones", scope="read", responses={200: TelephoneListResponse}, problems=LISTS)
def list_telephones(request: ApiRequest, page_params: PageQuery) -> dict:
    """List telephones.

    The account's own, which test calls go to. They are set up in the portal.
    """
    now = request.context.now
    return paginate(
        Telephone.objects.for_account(request.caller.account).in_use(),
        page_params,
        list_name="telephones",
        serialize=lambda rows: [serialize_telephone(telephone, now) for telephone in rows],
    )


@operation(router, "GET", "/test-rounds", scope="read", responses={200: TestRoundListResponse}, problems=LISTS)
def list_test_rounds(request: ApiRequest, page_params: PageQuery) -> dict:
    """List rounds of test calls.

    Newest first. Several people and programs may share a round.
    """
    return paginate(
        TestRound.objects.for_account(request.caller.account),
        page_params,
        list_name="test-rounds",
        serialize=_serialize_rounds,
        newest_first=True,
    )


@operation(
    router,
    "POST",
    "/test-rounds",
    scope="test_call",
    responses={201: TestRoundResponse},
    problems=("not_possible",),
    body="json",
)
def create_test_round(request: ApiRequest, payload: TestRoundRequest, response: HttpResponse) -> Status:
    """Begin a round of test calls.

    As many calls as fit into the minutes, the most useful first. It is refused if there is no number to call now.
    """
    account = request.caller.account
    telephones = None
    if payload.telephone_ids is not None:
        telephones = list(Telephone.objects.for_account(account).in_use().filter(pk__in=payload.telephone_ids))
        if {telephone.pk for telephone in telephones} != set(payload.telephone_ids):
            raise validation_problem("body.telephone_ids", "The account has no telephone with one of these ids.")
    try:
        added = rounds.create_round(account, payload.minutes, context=request.context, telephones=telephones)
    except rounds.NoCalls as refused:
        raise Problem("not_possible", str(refused)) from None
    response["Location"] = reverse("api-1:get-test-round", args=[added.pk])
    return Status(201, _serialize_rounds([added])[0])


@operation(router, "GET", "/test-rounds/{test_round_id}", scope="read", responses={200: TestRoundResponse})
def get_test_round(request: ApiRequest, test_round_id: PathId) -> TestRoundResponse:
    """Get a round of test calls."""
    return _serialize_rounds([get_object_or_problem(request, TestRound, test_round_id)])[0]


@operation(router, "POST", "/test-rounds/{test_round_id}/end", scope="test_call", responses={200: TestRoundResponse})
def end_test_round(request: ApiRequest, test_round_id: PathId) -> TestRoundResponse:
    """End a round of test calls.

    Its results count from then on. Calls that were not made may be planned again. Ending it again changes nothing.
    """
    test_round = get_object_or_problem(request, TestRound.objects.select_related("account"), test_round_id)
    rounds.end_round(test_round, context=request.context)
    test_round.refresh_from_db()
    return _serialize_rounds([test_round])[0]


@operation(
    router,
    "POST",
    "/test-rounds/{test_round_id}/take",
    scope="test_call",
    responses={200: TakenCallResponse},
    problems=("not_possible",),
)
def take_test_call(request: ApiRequest, test_round_id: PathId) -> TakenCallResponse:
    """Take the next call of a round.

    Nobody else gets it, or another call to its telephone, until `taken_until`. Send an Idempotency-Key: a request that
    is repeated without one takes another call.
    """
    test_round = get_object_or_problem(request, TestRound, test_round_id)
    call = rounds.take_call(
        request.caller.account, caller=rounds.Caller(), now=request.context.now, test_round=test_round
    )
    if call is None:
        raise Problem("not_possible", "No call of this round is free now: others have taken them, or all are made.")
    return _serialize_taken(call, request)


@operation(router, "GET", "/test-calls", scope="read", responses={200: TestCallListResponse}, problems=LISTS)
def list_test_calls(request: ApiRequest, filters: Query[TestCallFilters], page_params: PageQuery) -> dict:
    """List test calls.

    Those of a round with the filter `round_id`; those that are still to be made with the state `planned`.
    """
    calls = TestCall.objects.for_account(request.caller.account).select_related("number", "telephone")
    if filters.state:
        calls = calls.filter(state=filters.state)
    if filters.round_id:
        calls = calls.filter(round=int(filters.round_id))
    if filters.number_id:
        calls = calls.filter(number=int(filters.number_id))
    return paginate(
        calls,
        page_params,
        list_name="test-calls",
        serialize=lambda rows: [TestCallResponse(**get_call_fields(call, request.context.now)) for call in rows],
    )


@operation(router, "GET", "/test-calls/{test_call_id}", scope="read", responses={200: TestCallResponse})
def get_test_call(request: ApiRequest, test_call_id: PathId) -> TestCallResponse:
    """Get a test call."""
    return TestCallResponse(**get_call_fields(_get_call(request, test_call_id), request.context.now))


@operation(
    router,
    "POST",
    "/test-calls/{test_call_id}/result",
    scope="test_call",
    responses={200: TestCallResponse},
    problems=("not_possible",),
    body="json",
)
def record_test_call(request: ApiRequest, test_call_id: PathId, payload: ResultRequest) -> TestCallResponse:
    """Record what a test call showed.

    It counts once the round ends, or after some minutes.
    """
    call = _get_call(request, test_call_id, token=payload.token)
    if payload.result == TestCall.Result.LABEL and not payload.label.strip():
        raise validation_problem("body.label", "Send the label that the telephone showed.")
    photo = get_referenced_object(request, LabelPhoto, payload.photo_id, location="body.photo_id")
    try:
        results.record_result(
            call, payload.result, now=request.context.now, label=payload.label, name=payload.name, photo=photo
        )
    except results.ResultRefused as refused:
        raise Problem("not_possible", str(refused)) from None
    return TestCallResponse(**get_call_fields(call, request.context.now))


@operation(
    router,
    "POST",
    "/test-calls/{test_call_id}/undo",
    scope="test_call",
    responses={200: TakenCallResponse},
    problems=("not_possible",),
    body="json",
)
def undo_test_call(request: ApiRequest, test_call_id: PathId, payload: TokenRequest) -> TakenCallResponse:
    """Take the result of a test call back.

    Before it counts. The call is taken again by whoever holds its token.
    """
    call = _get_call(request, test_call_id, token=payload.token)
    try:
        results.undo_result(call, now=request.context.now)
    except results.ResultRefused as refused:
        raise Problem("not_possible", str(refused)) from None
    return _serialize_taken(call, request)


@operation(
    router,
    "POST",
    "/test-calls/{test_call_id}/give-back",
    scope="test_call",
    responses={200: TestCallResponse},
    problems=("not_possible",),
    body="json",
)
def give_back_test_call(request: ApiRequest, test_call_id: PathId, payload: TokenRequest) -> TestCallResponse:
    """Give a test call back.

    So that somebody else can make it.
    """
    call = _get_call(request, test_call_id, token=payload.token)
    if not rounds.give_back(call):
        raise Problem("not_possible", "The call was taken by somebody else, has a result already, or its round ended.")
    call.refresh_from_db()
    return TestCallResponse(**get_call_fields(call, request.context.now))


def _get_call(request: ApiRequest, pk: int, *, token: str | None = None) -> TestCall:
    """The call as the one who holds this token took it: another token changes nothing."""
    call = get_object_or_problem(request, TestCall.objects.select_related("number", "telephone", "round"), pk)
    if token is not None:
        call.lease_token = token
    return call


def _serialize_taken(call: TestCall, request: ApiRequest) -> TakenCallResponse:
    fields = get_call_fields(call, request.context.now)
    return TakenCallResponse(**fields, token=call.lease_token, taken_until=call.lease_until)


def _serialize_rounds(found: Sequence[TestRound]) -> list[TestRoundResponse]:
    """With the calls of each round; one query."""
    counted = TestCall.objects.filter(round__in=[test_round.pk for test_round in found]).order_by().values("round")
    made = Count("pk", filter=Q(state__in=TestCall.ANSWERED))
    counts = {row["round"]: row for row in counted.annotate(calls=Count("pk"), made=made)}
    nothing = {"calls": 0, "made": 0}
    return [
        serialize_round(test_round, row["calls"], row["made"])
        for test_round in found
        for row in (counts.get(test_round.pk, nothing),)
    ]
