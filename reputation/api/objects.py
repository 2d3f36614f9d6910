"""Look up the objects that an operation names, within the account of its key."""

from __future__ import annotations

from typing import Annotated, TypeVar, cast

from django.db.models import Model, QuerySet
from ninja import Path
from pydantic import Field

from portal.api.authentication import ApiRequest
from portal.api.problems import Problem, validation_problem
from portal.models import AccountQuerySet
from reputation.api.schemas.base import MAX_ID
from reputation.labels import format_number_count
from reputation.models import Campaign

ModelT = TypeVar("ModelT", bound=Model)

PathId = Path[Annotated[int, Field(ge=1, le=MAX_ID)]]


def get_object_or_problem(request: ApiRequest, objects: type[ModelT] | QuerySet[ModelT], pk: int) -> ModelT:
    """Return the account's object with this id. Raises the problem not_found, also for another account's object."""
    found = _get_account_object(request, objects, pk)
    if found is None:
        raise Problem("not_found")
    return found


def get_referenced_object(request: ApiRequest, model: type[ModelT], pk: int | None, *, location: str) -> ModelT | None:
    """Return the account's object that a body names at `location`, or None for null. Raises a Problem."""
    if pk is None:
        return None
    found = _get_account_object(request, model, pk)
    if found is None:
        raise validation_problem(location, f"The account has no {model._meta.verbose_name} with this id.")
    return found


def get_referenced_campaign(request: ApiRequest, pk: int | None) -> Campaign | None:
    return get_referenced_object(request, Campaign, pk, location="body.campaign_id")


def check_ending(count: int, *, end_monitoring: bool) -> None:
    """Raise a Problem if monitoring would end for so many numbers and the request does not say that it may."""
    if count and not end_monitoring:
        raise monitoring_would_end(count)


def monitoring_would_end(count: int) -> Problem:
    detail = f"Monitoring would end for {format_number_count(count)}, because no seat is free. Nothing was changed."
    return Problem("monitoring_would_end", detail, ends_monitoring=count)


def _get_account_object(request: ApiRequest, objects: type[ModelT] | QuerySet[ModelT], pk: int) -> ModelT | None:
    rows = objects if isinstance(objects, QuerySet) else objects._default_manager.all()
    return cast("AccountQuerySet[ModelT]", rows).for_account(request.caller.account).filter(pk=pk).first()
