"""How every operation gets its objects: the key's account's, or a problem."""

from __future__ import annotations

from typing import Annotated, TypeVar

from django.db.models import Model, QuerySet
from ninja import Path
from pydantic import Field

from portal.api.authentication import ApiRequest
from portal.api.problems import Problem, wrong
from reputation.api.schemas.base import MOST
from reputation.models import Campaign

M = TypeVar("M", bound=Model)

IdInPath = Path[Annotated[int, Field(ge=1, le=MOST)]]


def owned(request: ApiRequest, objects: type[M] | QuerySet[M], pk: int) -> M:
    """The account's object with this id; another account's, like one that does not exist, is not found."""
    manager = objects if isinstance(objects, QuerySet) else objects.objects
    found = manager.for_account(request.caller.account).filter(pk=pk).first()
    if found is None:
        raise Problem("not_found")
    return found


def named(request: ApiRequest, objects: type[M], pk: int | None, *, where: str) -> M | None:
    """The account's object that a body names at `where`, or None where it names none."""
    if pk is None:
        return None
    found = objects.objects.for_account(request.caller.account).filter(pk=pk).first()
    if found is None:
        raise wrong(where, f"The account has no {objects._meta.verbose_name} with this id.")
    return found


def campaign_named(request: ApiRequest, pk: int | None) -> Campaign | None:
    return named(request, Campaign, pk, where="body.campaign_id")
