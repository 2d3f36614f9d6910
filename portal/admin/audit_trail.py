"""The audit trail of all accounts in Django admin, read-only."""

from __future__ import annotations

from django.contrib import admin

from portal.accounts.roles import Permission
from portal.admin.openings import RecordedOpeningsMixin
from portal.admin.permissions import RolePermissionsMixin
from portal.audit.labels import describe_event
from portal.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(RecordedOpeningsMixin, RolePermissionsMixin, admin.ModelAdmin):
    list_display = ["at", "account", "text", "about", "before_", "after_", "who"]
    list_display_links = None
    list_filter = ["via"]
    list_select_related = ["account", "actor", "identity", "api_key", "personal_text"]
    search_fields = ["subject_label", "personal_text__label", "account__name"]
    ordering = ["-pk"]
    opened_label = "subject_label"
    show_full_result_count = False
    read_permission = Permission.READ_AUDIT_TRAIL

    @admin.display(description="what")
    def text(self, event: AuditEvent) -> str:
        return describe_event(event).text

    @admin.display(description="about")
    def about(self, event: AuditEvent) -> str:
        return event.texts.label

    @admin.display(description="before")
    def before_(self, event: AuditEvent) -> str:
        return event.texts.before

    @admin.display(description="after")
    def after_(self, event: AuditEvent) -> str:
        return event.texts.after

    @admin.display(description="who")
    def who(self, event: AuditEvent) -> str:
        return describe_event(event).actor
