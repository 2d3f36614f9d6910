"""Pages about a customer in Django admin: who opened which is an event of the customer's account."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from portal.admin.permissions import get_context
from portal.audit.openings import record_openings
from portal.db.bulk import Source
from portal.db.keyset import parse_id


class RecordedOpeningsMixin:
    """For ModelAdmin: the pages of an object, and of its history, are recorded when they were shown."""

    model: Any
    # The column that names the object in the trail.
    opened_label: Source

    def get_opened(self, pks: list[int]) -> QuerySet:
        """The objects with these ids, with `account_id`."""
        return self.model._default_manager.filter(pk__in=pks)

    def record_openings(self, request: HttpRequest, pks: list[int]) -> None:
        record_openings(self.get_opened(pks), context=get_context(request), label=self.opened_label)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().change_view(request, object_id, *args, **kwargs)  # type: ignore[misc]
        return self._record(request, object_id, response)

    def history_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().history_view(request, object_id, *args, **kwargs)  # type: ignore[misc]
        return self._record(request, object_id, response)

    def _record(self, request: HttpRequest, object_id: str, response: HttpResponse) -> HttpResponse:
        """A redirect shows nothing: the object does not exist, or was saved."""
        if response.status_code == 200 and (pk := parse_id(unquote(object_id))):
            self.record_openings(request, [pk])
        return response
