"""How a number stands with the engines, and everything that is known of its past."""

from __future__ import annotations

from ninja import Router

from portal.api.authentication import ApiRequest
from portal.api.operations import operation
from portal.api.pagination import PageQuery, paginate
from reputation.api import events
from reputation.api.objects import PathId, get_object_or_problem
from reputation.api.schemas.events import EventListResponse
from reputation.api.schemas.reputations import (
    CheckListResponse,
    CheckResponse,
    EngineReputation,
    EngineResponse,
    RegistrationResponse,
    ReputationResponse,
    TagResponse,
)
from reputation.models import Case, Check, Engine, PhoneNumber, Registration, Tag
from reputation.numbers import history

router = Router(tags=["Reputation"])


@operation(router, "GET", "/numbers/{number_id}/reputation", scope="read", answers={200: ReputationResponse})
def get_reputation(request: ApiRequest, number_id: PathId) -> ReputationResponse:
    """Get a number's reputation.

    Its spam status, the labels that stand, and each engine's current answer.
    """
    number = get_object_or_problem(request, PhoneNumber, number_id)
    registrations = {one.engine_id: one for one in Registration.objects.filter(number=number)}
    current = {
        one.engine_id: one for one in Check.objects.filter(number=number, is_current=True).select_related("engine")
    }
    tags = Tag.objects.standing().filter(number=number).select_related("engine").order_by("pk")
    case = Case.objects.unfinished().filter(number=number).values_list("pk", flat=True).first()
    return ReputationResponse(
        number_id=number.pk,
        number=number.e164,
        spam_status=number.shown_spam_status(request.context.now),
        is_tagged=number.is_tagged,
        tagged_since=number.tagged_since,
        checked_at=number.checked_at,
        fresh_until=number.fresh_until,
        capability=number.capability,
        tags=[serialize_tag(tag) for tag in tags],
        case_id=case,
        engines=[
            EngineReputation(
                engine=serialize_engine(engine),
                registration=_serialize_registration(registrations.get(engine.pk)),
                check=_serialize_check(current[engine.pk]) if engine.pk in current else None,
            )
            for engine in Engine.objects.filter(in_use=True)
        ],
    )


@operation(
    router,
    "GET",
    "/numbers/{number_id}/checks",
    scope="read",
    answers={200: CheckListResponse},
    refuses=("cursor_invalid",),
)
def list_checks(request: ApiRequest, number_id: PathId, asked: PageQuery) -> dict:
    """List the engines' answers about a number.

    Newest first. A look that finds the same as the one before extends its run.
    """
    number = get_object_or_problem(request, PhoneNumber, number_id)
    checks = Check.objects.filter(number=number).select_related("engine")
    return paginate(
        checks, asked, of="checks", shown=lambda rows: [_serialize_check(one) for one in rows], newest_first=True
    )


@operation(
    router,
    "GET",
    "/numbers/{number_id}/history",
    scope="read",
    answers={200: EventListResponse},
    refuses=("cursor_invalid",),
)
def list_history(request: ApiRequest, number_id: PathId, asked: PageQuery) -> dict:
    """List what happened to a number.

    Everything about the number, its labels and its cases, newest first.
    """
    number = get_object_or_problem(request, PhoneNumber, number_id)
    return paginate(history.get_events(number), asked, of="history", shown=events.serialize_events, newest_first=True)


def serialize_engine(engine: Engine) -> EngineResponse:
    return EngineResponse(id=engine.pk, name=engine.name)


def serialize_tag(tag: Tag) -> TagResponse:
    """Its `engine` is read."""
    return TagResponse(
        id=tag.pk,
        engine=serialize_engine(tag.engine),
        label=tag.label,
        detected_at=tag.detected_at,
        ended_at=tag.ended_at,
        case_id=tag.case_id,
    )


def _serialize_registration(registration: Registration | None) -> RegistrationResponse | None:
    return RegistrationResponse(state=registration.state, reason=registration.reason) if registration else None


def _serialize_check(check: Check) -> CheckResponse:
    return CheckResponse(
        id=check.pk,
        engine=serialize_engine(check.engine),
        result=check.result,
        label=check.label,
        learnt_by=check.learnt_by,
        first_at=check.first_at,
        last_at=check.last_at,
        looks=check.looks,
        valid_until=check.valid_until,
        is_current=check.is_current,
    )
