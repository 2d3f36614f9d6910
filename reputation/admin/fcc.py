"""The FCC's complaint data in Django admin: its state, and the switch that turns it off."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import localize

from portal.accounts.roles import Permission
from portal.admin.permissions import RolePermissionsMixin
from portal.text import pluralize
from reputation.fcc import asking
from reputation.fcc.dataset import get_dataset
from reputation.models import FccDataset, FccNumber


@admin.register(FccDataset)
class FccDatasetAdmin(RolePermissionsMixin, admin.ModelAdmin):
    """One row. Operators turn it on and off, and read the rest."""

    list_display = ["__str__", "state", "updated_at", "checked_at", "numbers", "last_failure"]
    readonly_fields = [
        *("state", "updated_at", "checked_at", "last_asked_at", "numbers", "requests"),
        *("failures", "failed_at", "last_failure", "next_action_at"),
    ]
    fields = ["is_enabled", *readonly_fields]
    show_full_result_count = False
    read_permission = Permission.READ_ACCOUNTS
    change_permission = Permission.CHANGE_ACCOUNTS

    def get_queryset(self, request: HttpRequest) -> QuerySet[FccDataset]:
        get_dataset()
        return super().get_queryset(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display
    def state(self, dataset: FccDataset) -> str:
        if not settings.FCC.fetch:
            return "Off: FCC_FETCH is 0 in the environment of the portal"
        if not dataset.is_enabled:
            return "Off"
        if not dataset.may_be_asked(timezone.now()):
            return "Waits after a failure"
        return "On"

    @admin.display(description="data of")
    def updated_at(self, dataset: FccDataset) -> str:
        return _format(dataset.updated_at, otherwise="not known yet")

    @admin.display(description="last asked about a number")
    def last_asked_at(self, dataset: FccDataset) -> str:
        return _format(FccNumber.objects.asked().aggregate(last=Max("asked_at"))["last"], otherwise="never")

    @admin.display(description="monitored numbers")
    def numbers(self, dataset: FccDataset) -> str:
        asked, waiting = asking.count_numbers(dataset.rows_updated_at)
        return f"{asked:,} asked about, {waiting:,} waiting"

    @admin.display(description="requests of the hour")
    def requests(self, dataset: FccDataset) -> str:
        since = _format(dataset.hour_started_at, otherwise="never")
        allowed = f"{settings.FCC.requests_per_hour:,} allowed"
        return f"{pluralize(dataset.requests_in_hour, 'request')} since {since}, of {allowed}"


def _format(at: datetime | None, *, otherwise: str) -> str:
    return localize(timezone.localtime(at)) if at else otherwise
