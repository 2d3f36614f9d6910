"""Service > Audit trail: the changes in the account, with filters, and as a file."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal import audit
from portal.accounts.access import MemberRequest, member_required
from portal.audit import browse, export
from portal.audit.filters import NON_MEMBER_ACTORS, AuditFilter
from portal.audit.labels import EVENT_KINDS
from portal.files.csv_export import csv_lines
from portal.models import Member


@member_required
def audit_trail(request: MemberRequest) -> HttpResponse:
    people = Member.objects.for_account(request.account).select_related("user").order_by("user__email")
    context = {
        "page": browse.get_audit_page(request.GET, account=request.account),
        "kinds": [(kind, words) for kind, (words, _) in EVENT_KINDS.items()],
        "whos": [
            *((str(member.user_id), member.user.get_full_name()) for member in people),
            *NON_MEMBER_ACTORS.items(),
        ],
    }
    return render(request, "portal/audit_trail.html", context)


@require_safe
@member_required
def export_csv(request: MemberRequest) -> StreamingHttpResponse:
    """The events that the page lists with the same query string, one by one. The export is an event itself."""
    chosen = _begin_export(request, "CSV")
    return _respond(request, csv_lines(export.iter_csv_rows(request.account, chosen)), "csv", "text/csv")


@require_safe
@member_required
def export_json_lines(request: MemberRequest) -> StreamingHttpResponse:
    chosen = _begin_export(request, "JSON lines")
    return _respond(request, export.iter_json_lines(request.account, chosen), "jsonl", "application/jsonl")


def _begin_export(request: MemberRequest, file_format: str) -> AuditFilter:
    chosen = AuditFilter.from_params(request.GET)
    audit.record_event(
        account=request.account,
        context=request.context,
        code="export.audit_trail",
        subject=request.account,
        after=file_format,
        reason="" if chosen.is_empty else "Some of its events, by a filter",
    )
    return chosen


def _respond(request: MemberRequest, lines: Iterator[str], ending: str, kind: str) -> StreamingHttpResponse:
    name = f"audit-trail-{timezone.localdate(request.context.now)}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(lines, content_type=f"{kind}; charset=utf-8", headers=headers)


urls = [
    path("account/audit-trail/", audit_trail, name="audit-trail"),
    path("account/audit-trail/export.csv", export_csv, name="audit-trail-csv"),
    path("account/audit-trail/export.jsonl", export_json_lines, name="audit-trail-json-lines"),
]
