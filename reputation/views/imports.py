"""Imports: upload a file, choose its columns, preview what it changes, confirm or cancel it."""

from __future__ import annotations

from dataclasses import replace

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from portal.accounts.access import (
    MemberRequest,
    editor_required,
    get_account_object_or_404,
    may_edit_account,
    member_required,
)
from portal.body_limits import takes_upload
from portal.db.keyset import parse_id
from portal.files.csv_export import csv_lines
from portal.files.encodings import ENCODINGS
from portal.files.records import UnreadableFile
from reputation.imports import cleanup, pipeline, preview
from reputation.imports.choices import Choice, choose
from reputation.imports.columns import IGNORE, ROLES, WrongChoice, move_roles
from reputation.imports.headings import MAX_COLUMNS
from reputation.labels import format_number_count
from reputation.models import NumberImport
from reputation.views.phone_numbers import csv_response

PAGE_SIZE = 25


class ImportForm(forms.Form):
    file = forms.FileField(
        label="CSV file or Excel workbook",
        max_length=1_000,
        allow_empty_file=True,  # UnreadableFile reports an empty file in its own words
        error_messages={"required": "Choose a file first.", "missing": "Choose a file first."},
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx,text/csv,text/plain"}),
    )


@takes_upload(may_edit_account)
@editor_required
def upload(request: MemberRequest) -> HttpResponse:
    """Upload a file. A file that cannot be read is an error of the field. Any other leads to its preview."""
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    if getattr(request, "too_large", False):
        form.errors["file"] = form.error_class(
            [f"The file is larger than {settings.UPLOAD_LIMIT_MB} MB. Nothing was imported. Import it in parts."]
        )
    elif form.is_valid():
        file = form.cleaned_data["file"]
        try:
            batch = pipeline.receive(account=request.account, upload=file, context=request.context)
            return redirect("import", batch.pk)
        except (UnreadableFile, pipeline.TooManyImports) as error:
            form.add_error("file", str(error))
    return render(request, "reputation/import_new.html", {"form": form, "limit": settings.UPLOAD_LIMIT_MB})


@member_required
def import_list(request: MemberRequest) -> HttpResponse:
    """The account's imports, newest first. `before` is the id to continue from."""
    before = parse_id(request.GET.get("before"))
    imports = NumberImport.objects.for_account(request.account).select_related("user", "api_key").order_by("-pk")
    imports = imports.without_contents()
    if before:
        imports = imports.filter(pk__lt=before)
    found = list(imports[: PAGE_SIZE + 1])
    page = found[:PAGE_SIZE]
    context = {
        "imports": [(batch, preview.format_summary(batch)) for batch in page],
        "older": page[-1].pk if len(found) > PAGE_SIZE else None,
        "any_in_progress": any(batch.is_in_progress for batch in page),
    }
    return render(request, "reputation/imports.html", context)


@member_required
def import_detail(request: MemberRequest, pk: int) -> HttpResponse:
    """The progress of the import, its preview, or its result."""
    return _render_import(request, _get_import(request, pk))


def _get_import(request: MemberRequest, pk: int) -> NumberImport:
    imports = NumberImport.objects.select_related("user", "api_key", "confirmed_by", "confirmed_api_key")
    return get_account_object_or_404(request, imports, pk)


def _render_import(request: MemberRequest, batch: NumberImport, *, error: str = "") -> HttpResponse:
    """Render the page. With an error, the choices are those that the person sent."""
    columns = preview.get_columns(batch)
    if error:
        columns = [replace(column, role=request.POST.get(f"column-{column.position}", "")) for column in columns]
    context = {
        "import": batch,
        "groups": [] if batch.is_in_progress else preview.get_outcome_groups(batch),
        "columns": columns,
        "sample_rows": zip(*(column.cells for column in columns), strict=True),
        "ignored": [column for column in columns if column.role == IGNORE],
        "roles": ROLES,
        "encodings": ENCODINGS,
        "encoding_label": ENCODINGS.get(batch.encoding, ""),
        "choice_error": error,
        "harmed_rows": preview.get_lines_with_notes(batch),
        "ranges": preview.get_ranges(batch),
        "ends_at": batch.received_at + cleanup.get_retention(),
        "kept_until": batch.ended_at + cleanup.get_retention() if batch.ended_at else None,
        "summary": preview.format_summary(batch),
        "is_previewed": batch.state == NumberImport.State.READY and not batch.reason and not error,
    }
    return render(request, "reputation/import.html", context, status=422 if error else 200)


@member_required
def refused_lines(request: MemberRequest, pk: int) -> StreamingHttpResponse:
    """The refused lines with their numbers and reasons, as CSV."""
    batch = get_account_object_or_404(request, NumberImport, pk)
    return csv_response(csv_lines(preview.iter_refused_lines(batch)), f"refused-lines-of-import-{batch.pk}.csv")


@require_POST
@editor_required
def choose_columns(request: MemberRequest, pk: int) -> HttpResponse:
    """*Update the preview*: read the file again with these columns, this encoding and this sheet.

    With htmx each change is sent at once, so a role moves to the column that is chosen for it.
    """
    batch = _get_import(request, pk)
    positions = range(1, min(batch.width, MAX_COLUMNS) + 1)
    columns = {str(position): request.POST.get(f"column-{position}", IGNORE) for position in positions}
    if request.htmx:
        columns = move_roles(columns, batch.columns)
    choice = Choice(columns or None, request.POST.get("encoding", ""), request.POST.get("sheet", ""))
    try:
        if not choose(batch, choice, context=request.context):
            messages.info(request, f"This can no longer be changed: {batch.get_state_display().lower()}.")
    except WrongChoice as error:
        return _render_import(request, batch, error=str(error))
    return redirect("import", pk)


@require_POST
@editor_required
def confirm_import(request: MemberRequest, pk: int) -> HttpResponse:
    """*Import 42 numbers*. A second click changes nothing."""
    batch = get_account_object_or_404(request, NumberImport, pk)
    if not pipeline.confirm(batch, context=request.context):
        messages.info(request, f"This was no longer waiting to be confirmed: {batch.get_state_display().lower()}.")
    elif batch.state == NumberImport.State.DONE:
        messages.success(request, f"{format_number_count(batch.added + batch.restored + batch.changed)} imported.")
    return redirect("import", pk)


@require_POST
@editor_required
def cancel_import(request: MemberRequest, pk: int) -> HttpResponse:
    batch = get_account_object_or_404(request, NumberImport, pk)
    if pipeline.cancel(batch, context=request.context):
        messages.success(request, f"The import of {batch.file_name} was cancelled. No number was changed.")
        return redirect("phone-numbers")
    messages.info(request, f"It cannot be cancelled any more: {batch.get_state_display().lower()}.")
    return redirect("import", pk)


@require_POST
@editor_required
def stop_import(request: MemberRequest, pk: int) -> HttpResponse:
    """*Stop*. Numbers not yet imported stay as they are."""
    batch = get_account_object_or_404(request, NumberImport, pk)
    if not pipeline.stop(batch, context=request.context):
        messages.info(request, f"There is nothing to stop any more: {batch.get_state_display().lower()}.")
    return redirect("import", pk)


urls = [
    path("number-management/phone-numbers/import/", upload, name="import-new"),
    path("number-management/phone-numbers/imports/", import_list, name="imports"),
    path("number-management/phone-numbers/imports/<int:pk>/", import_detail, name="import"),
    path("number-management/phone-numbers/imports/<int:pk>/refused/", refused_lines, name="import-refused"),
    path("number-management/phone-numbers/imports/<int:pk>/columns/", choose_columns, name="import-columns"),
    path("number-management/phone-numbers/imports/<int:pk>/confirm/", confirm_import, name="import-confirm"),
    path("number-management/phone-numbers/imports/<int:pk>/cancel/", cancel_import, name="import-cancel"),
    path("number-management/phone-numbers/imports/<int:pk>/stop/", stop_import, name="import-stop"),
]
