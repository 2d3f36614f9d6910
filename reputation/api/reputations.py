"""A number's reputation with the engines, and its history."""

from __future__ import annotations

from collections import defaultdict

from ninja import Router

from portal.api.authentication import ApiRequest
from portal.api.operations import operation
from portal.api.pagination import PageQuery, paginate
from reputation.api.objects import PathId, get_object_or_problem
from reputation.api.schemas.base import REMEDIATION_STATES
from reputation.api.schemas.events import EventListResponse, serialize_events
from reputation.api.schemas.reputations import (
    CheckListResponse,
    EngineReputation,
    ReputationResponse,
    serialize_check,
    serialize_engine,
    serialize_last_seen,
    serialize_registration,
    serialize_tag,
)
from reputation.models import Case, Check, Engine, PhoneNumber, Registration, Tag
from reputation.numbers import history
from reputation.numbers.last_seen import get_last_seen_tags

router = Router(tags=["Reputation"])


@operation(router, "GET", "/numbers/{number_id}/reputation", scope="read", responses={200: ReputationResponse})
def get_reputation(request: ApiRequest, number_id: PathId) -> ReputationResponse:
    """Get a number's reputation.

    Its spam status, the labels that stand, and each engine's current answer.
    """
    number = get_object_or_problem(request, PhoneNumber, number_id)
    registrations = {item.engine_id: item for item in Registration.objects.filter(number=number)}
    current: dict[int, list[Check]] = defaultdict(list)
    for check in Check.objects.filter(number=number, is_current=True).select_related("engine").order_by("pk"):
        current[check.engine_id].append(check)
    tags = Tag.objects.active().filter(number=number).select_related("engine").order_by("pk")
    case = Case.objects.unfinished().filter(number=number).values_list("pk", flat=True).first()
    return ReputationResponse(
        number_id=number.pk,
        number=number.e164,
        spam_status=number.spam_status_at(request.context.now),
        remediation=REMEDIATION_STATES.get(number.spam_status),
        is_tagged=number.is_tagged,
        tagged_since=number.tagged_since,
        at_risk_until=number.at_risk_until,
        checked_at=number.checked_at,
        fresh_until=number.fresh_until,
        capability=number.capability,
        tags=[serialize_tag(tag) for tag in tags],
        last_seen=[serialize_last_seen(tag) for tag in get_last_seen_tags([number])[number.pk]],
        case_id=case,
        engines=[
            EngineReputation(
                engine=serialize_engine(engine),
                registration=serialize_registration(registrations.get(engine.pk)),
                checks=[serialize_check(check) for check in current[engine.pk]],
            )
            for engine in Engine.objects.filter(in_use=True)
        ],
    )


@operation(
    router,
    "GET",
    "/numbers/{number_id}/checks",
    scope="read",
    responses={200: CheckListResponse},
    problems=("cursor_invalid",),
)
def list_checks(request: ApiRequest, number_id: PathId, page_params: PageQuery) -> dict:
    """List the engines' answers about a number.

    Newest first. A look that finds the same as the one before extends its run.
    """
    number = get_object_or_problem(request, PhoneNumber, number_id)
    checks = Check.objects.filter(number=number).select_related("engine")
    return paginate(
        checks,
        page_params,
        list_name="checks",
        serialize=lambda rows: [serialize_check(check) for check in rows],
        newest_first=True,
    )


@operation(
    router,
    "GET",
    "/numbers/{number_id}/history",
    scope="read",
    responses={200: EventListResponse},
    problems=("cursor_invalid",),
)
def list_history(request: ApiRequest, number_id: PathId, page_params: PageQuery) -> dict:
    """List what happened to a number.

    Everything about the number, its labels and its cases, newest first.
    """
    number = get_object_or_problem(request, PhoneNumber, number_id)
    return paginate(
        history.get_events(number), page_params, list_name="history", serialize=serialize_events, newest_first=True
    )
