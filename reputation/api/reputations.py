"""How a number stands with the engines, and everything that is known of its past."""

from __future__ import annotations

from ninja import Router

from portal.api.authentication import ApiRequest
from portal.api.operations import endpoint
from portal.api.pagination import Page, page
from reputation.api import events
from reputation.api.objects import IdInPath, owned
from reputation.api.schemas.events import Events
from reputation.api.schemas.reputations import (
    AtEngine,
    CheckOut,
    Checks,
    EngineOut,
    RegistrationOut,
    Reputation,
    TagOut,
)
from reputation.models import Case, Check, Engine, PhoneNumber, Registration, Tag
from reputation.numbers import history

router = Router(tags=["Reputation"])


@endpoint(router, "GET", "/numbers/{number_id}/reputation", scope="read", answers={200: Reputation})
def get_reputation(request: ApiRequest, number_id: IdInPath) -> Reputation:
    """Get a number's reputation.

    Its spam status, the labels that stand, and each engine's current answer.
    """
    number = owned(request, PhoneNumber, number_id)
    registrations = {one.engine_id: one for one in Registration.objects.filter(number=number)}
    current = {
        one.engine_id: one for one in Check.objects.filter(number=number, is_current=True).select_related("engine")
    }
    tags = Tag.objects.standing().filter(number=number).select_related("engine").order_by("pk")
    case = Case.objects.unfinished().filter(number=number).values_list("pk", flat=True).first()
    return Reputation(
        number_id=number.pk,
        number=number.e164,
        spam_status=number.shown_spam_status(request.now),
        is_tagged=number.is_tagged,
        tagged_since=number.tagged_since,
        checked_at=number.checked_at,
        fresh_until=number.fresh_until,
        capability=number.capability,
        tags=[tag_said(tag) for tag in tags],
        case_id=case,
        engines=[
            AtEngine(
                engine=engine_said(engine),
                registration=_registration_said(registrations.get(engine.pk)),
                check=_check_said(current[engine.pk]) if engine.pk in current else None,
            )
            for engine in Engine.objects.filter(in_use=True)
        ],
    )


@endpoint(
    router,
    "GET",
    "/numbers/{number_id}/checks",
    scope="read",
    answers={200: Checks},
    refuses=("cursor_invalid",),
)
def list_checks(request: ApiRequest, number_id: IdInPath, asked: Page) -> dict:
    """List the engines' answers about a number.

    Newest first. A look that finds the same as the one before extends its run.
    """
    number = owned(request, PhoneNumber, number_id)
    checks = Check.objects.filter(number=number).select_related("engine")
    return page(checks, asked, of="checks", shown=lambda rows: [_check_said(one) for one in rows], newest_first=True)


@endpoint(
    router,
    "GET",
    "/numbers/{number_id}/history",
    scope="read",
    answers={200: Events},
    refuses=("cursor_invalid",),
)
def list_history(request: ApiRequest, number_id: IdInPath, asked: Page) -> dict:
    """List what happened to a number.

    Everything about the number, its labels and its cases, newest first.
    """
    number = owned(request, PhoneNumber, number_id)
    return page(history.events_of(number), asked, of="history", shown=events.said, newest_first=True)


def engine_said(engine: Engine) -> EngineOut:
    return EngineOut(id=engine.pk, name=engine.name)


def tag_said(tag: Tag) -> TagOut:
    """Its `engine` is read."""
    return TagOut(
        id=tag.pk,
        engine=engine_said(tag.engine),
        label=tag.label,
        detected_at=tag.detected_at,
        ended_at=tag.ended_at,
        case_id=tag.case_id,
    )


def _registration_said(registration: Registration | None) -> RegistrationOut | None:
    return RegistrationOut(state=registration.state, reason=registration.reason) if registration else None


def _check_said(check: Check) -> CheckOut:
    return CheckOut(
        id=check.pk,
        engine=engine_said(check.engine),
        result=check.result,
        label=check.label,
        learnt_by=check.learnt_by,
        first_at=check.first_at,
        last_at=check.last_at,
        looks=check.looks,
        valid_until=check.valid_until,
        is_current=check.is_current,
    )
