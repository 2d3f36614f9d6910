"""How every operation gets its objects: the key's account's, or a problem."""

from __future__ import annotations

from typing import Annotated, TypeVar

from django.db.models import Model, QuerySet
from ninja import Path
from pydantic import Field

from portal.api.authentication import ApiRequest
from portal.api.problems import Problem, validation_problem
from reputation.api.schemas.base import MAX_ID
from reputation.models import Campaign

ModelT = TypeVar("M", bound=Model)

PathId = Path[Annotated[int, Field(ge=1, le=MAX_ID)]]


def get_object_or_problem(request: ApiRequest, objects: type[ModelT] | QuerySet[ModelT], pk: int) -> ModelT:
    """The account's object with this id; another account's, like one that does not exist, is not found."""
    manager = objects if isinstance(objects, QuerySet) else objects.objects
    found = manager.for_account(request.caller.account).filter(pk=pk).first()
    if found is None:
        raise Problem("not_found")
    return found


def get_referenced_object(request: ApiRequest, objects: type[ModelT], pk: int | None, *, where: str) -> ModelT | None:
    """The account's object that a body names at `where`, or None where it names none."""
    if pk is None:
        return None
    found = objects.objects.for_account(request.caller.account).filter(pk=pk).first()
    if found is None:
        raise validation_problem(where, f"The account has no {objects._meta.verbose_name} with this id.")
    return found


def get_referenced_campaign(request: ApiRequest, pk: int | None) -> Campaign | None:
    return get_referenced_object(request, Campaign, pk, where="body.campaign_id")
