"""The outbox of mails in Django admin: read-only, with an action that has mails sent again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from portal.accounts.roles import Permission
from portal.admin.permissions import RolePermissionsMixin
from portal.mail import queue, server
from portal.mail.kinds import get_label, kinds
from portal.models import OutgoingMail
from portal.text import pluralize


class KindFilter(admin.SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(((code, get_label(code)) for code in kinds), key=lambda choice: choice[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutgoingMail]) -> QuerySet[OutgoingMail]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(OutgoingMail)
class OutgoingMailAdmin(RolePermissionsMixin, admin.ModelAdmin):
    """Texts are not shown: they belong to the accounts."""

    list_display = ["recipient", "what", "state", "attempts", "created_at", "due_at", "ended_at", "last_error"]
    list_filter = ["state", KindFilter]
    search_fields = ["recipient", "subject"]
    ordering = ["-pk"]
    fields = ["recipient", "what", "state", "attempts", "created_at", "due_at", "ended_at", "last_error"]
    show_full_result_count = False
    actions = ["send_again"]
    read_permission = Permission.READ_MAILS

    class Media:
        css = {"all": ["css/review.css"]}

    @admin.display(description="subject", ordering="subject")
    def what(self, mail: OutgoingMail) -> str:
        """Mails that are written when they are sent have no subject before."""
        return mail.subject or get_label(mail.kind)

    @admin.action(description="Send again now", permissions=["view"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[OutgoingMail]) -> None:
        if count := queue.retry(queryset, timezone.now()):
            self.message_user(request, f"{pluralize(count, 'mail')} will be sent within a minute.")
        else:
            self.message_user(request, "These mails are sent. Nothing was changed.", messages.WARNING)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Say above the list why all mails wait."""
        known = server.get_server()
        if request.method == "GET" and known.failures and self.has_view_permission(request):
            self.message_user(request, f"All mails wait. {known.error} {known.advice}", messages.WARNING)
        return super().changelist_view(request, {"title": "Outgoing mails", **(extra_context or {})})
