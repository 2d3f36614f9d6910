"""Complaint files in Django admin, read-only: what is loaded, what was skipped, and which days are missing and why."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html_join

from portal.accounts.roles import Permission
from portal.admin.permissions import RolePermissionsMixin
from portal.templatetags.formatting import exact
from reputation.ftc import days
from reputation.models import ComplaintFile, FtcIndexPage


@admin.register(ComplaintFile)
class ComplaintFileAdmin(RolePermissionsMixin, admin.ModelAdmin):
    read_permission = Permission.READ_COMPLAINT_FILES
    list_display = ["day", "name", "loaded", "rows", "complaints", "duplicates", "skipped_rows"]
    list_display_links = ["name"]
    ordering = ["-day", "-pk"]
    search_fields = ["name"]
    show_full_result_count = False
    fields = ["name", "day", "loaded", "rows", "complaints", "duplicates", "skipped_rows", "skipped_reasons", "sha256"]

    class Media:
        css = {"all": ["css/review.css"]}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list of loaded files, below what is missing."""
        missing = days.get_missing_days(timezone.now())
        context = {
            "title": "Complaint files",
            "is_fetching": settings.FTC_FETCH,
            "page": FtcIndexPage.objects.filter(url=settings.FTC_INDEX_URL).first(),
            "loaded_through": days.get_loaded_through(),
            "missing": [day for day in missing if not day.is_over],
            "lost": [day for day in missing if day.is_over],
        }
        return super().changelist_view(request, context | (extra_context or {}))

    @admin.display(description="loaded", ordering="done_at")
    def loaded(self, file: ComplaintFile) -> str:
        return exact(file.done_at) or "not completely"

    @admin.display(description="rows", ordering="row_count")
    def rows(self, file: ComplaintFile) -> str:
        return f"{file.row_count:,}"

    @admin.display(description="complaints", ordering="loaded_count")
    def complaints(self, file: ComplaintFile) -> str:
        return f"{file.loaded_count:,}"

    @admin.display(description="duplicates")
    def duplicates(self, file: ComplaintFile) -> str:
        return _format_count(file.duplicate_count)

    @admin.display(description="skipped", ordering="skipped_count")
    def skipped_rows(self, file: ComplaintFile) -> str:
        return _format_count(file.skipped_count)

    @admin.display(description="why rows were skipped")
    def skipped_reasons(self, file: ComplaintFile) -> str:
        reasons = sorted(file.skipped.items(), key=lambda item: -item[1]["rows"])
        return format_html_join(
            "",
            "<p>{}: {}<br>{}{}</p>",
            (
                (f"{skipped['rows']:,}", reason, ", ".join(skipped["lines"]), _more(skipped))
                for reason, skipped in reasons
            ),
        )


def _format_count(count: int | None) -> str:
    return "not counted" if count is None else f"{count:,}"


def _more(skipped: dict[str, Any]) -> str:
    return ", …" if skipped["rows"] > len(skipped["lines"]) else ""
