"""Operations in Django admin: what is late or fails and what to do, above the list of failed tasks."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from portal import audit
from portal.accounts.roles import Permission
from portal.admin.permissions import RolePermissionsMixin, get_context
from portal.models import TaskFailure
from portal.operations import state
from portal.operations.sections import build_sections, get_problems
from portal.text import pluralize


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("unseen", "Fails, not seen"), ("open", "Fails"), ("over", "Works again")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[TaskFailure]) -> QuerySet[TaskFailure]:
        conditions = {
            "unseen": {"ended_at__isnull": True, "seen_at__isnull": True},
            "open": {"ended_at__isnull": True},
            "over": {"ended_at__isnull": False},
        }
        return queryset.filter(**conditions.get(self.value() or "", {}))


@admin.register(TaskFailure)
class TaskFailureAdmin(RolePermissionsMixin, admin.ModelAdmin):
    read_permission = Permission.OPERATE
    list_display = ["task", "exception", "message", "count", "last_at", "state"]
    list_filter = [StateFilter]
    search_fields = ["task", "exception", "message"]
    ordering = ["-last_at"]
    show_full_result_count = False
    actions = ["mark_as_seen"]
    fields = [
        *("task", "state", "exception", "message", "place", "arguments"),
        *("count", "first_at", "last_at", "ended_at", "seen_at", "traceback"),
    ]

    class Media:
        css = {"all": ["css/review.css"]}
        js = ["js/operations.js"]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The failed tasks, below everything else that operators watch."""
        sections = build_sections(timezone.now())
        context = {"title": "Operations", "sections": sections, "problems": get_problems(sections)}
        return super().changelist_view(request, context | (extra_context or {}))

    def has_see_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @admin.action(description="Mark as seen", permissions=["see"])
    def mark_as_seen(self, request: HttpRequest, queryset: QuerySet[TaskFailure]) -> None:
        """They no longer count as a problem, until the task works again and then fails."""
        context = get_context(request)
        with transaction.atomic():
            failures = list(queryset.filter(seen_at__isnull=True).select_for_update())
            for failure in failures:
                audit.record_event(account=None, context=context, code="task_failure.seen", subject=failure)
            TaskFailure.objects.filter(pk__in=[failure.pk for failure in failures]).update(seen_at=context.now)
        state.check(context.now)
        self.message_user(request, f"{pluralize(len(failures), 'failure')} marked as seen.")

    @admin.display(description="state")
    def state(self, failure: TaskFailure) -> str:
        if failure.ended_at:
            return "Works again"
        return "Fails, seen" if failure.seen_at else "Fails"
