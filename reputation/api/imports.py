"""Imports: upload a file, get a preview, choose its columns, then confirm or cancel it."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from ninja import File, Form, Router, Status
from ninja.files import UploadedFile
from pydantic import ValidationError

from portal.api.authentication import ApiRequest
from portal.api.operations import operation
from portal.api.pagination import PageQuery, paginate
from portal.api.problems import Problem, validation_problem
from portal.files.records import UnreadableFile
from reputation.api.objects import PathId, get_object_or_problem
from reputation.api.schemas.imports import (
    COLUMNS,
    ColumnsRequest,
    ImportColumn,
    ImportDetailResponse,
    ImportListResponse,
    ImportRequest,
    ImportResponse,
    RefusedRow,
)
from reputation.imports import pipeline, preview
from reputation.imports.choices import Choice, choose
from reputation.imports.columns import ROLES, WrongChoice
from reputation.models import ImportRow, NumberImport

router = Router(tags=["Imports"])


@operation(
    router, "GET", "/imports", scope="read", responses={200: ImportListResponse}, problems=("invalid", "cursor_invalid")
)
def list_imports(request: ApiRequest, page_params: PageQuery) -> dict:
    """List imports.

    Newest first.
    """
    imports = NumberImport.objects.for_account(request.caller.account).without_contents()
    return paginate(
        imports,
        page_params,
        list_name="imports",
        serialize=lambda rows: [ImportResponse(**_import_fields(row)) for row in rows],
        newest_first=True,
    )


@operation(
    router,
    "POST",
    "/imports",
    scope="write",
    responses={201: ImportDetailResponse},
    problems=("file_unreadable", "columns_invalid", "too_many_imports"),
    body="file",
    atomic=False,
)
def import_numbers(
    request: ApiRequest, file: File[UploadedFile], reading: Form[ImportRequest], response: HttpResponse
) -> Status:
    """Send a CSV file or an Excel workbook of numbers.

    Nothing is changed yet: the answer says what will happen once it is confirmed. Columns and encoding that are not
    given are found by headings and content. A large file and a workbook are read by the workers; ask for the import
    until it is ready.
    """
    try:
        number_import = pipeline.receive(
            account=request.caller.account,
            upload=file,
            context=request.context,
            columns=_parse_columns(reading.columns),
            encoding=reading.encoding,
            sheet=reading.sheet,
        )
    except UnreadableFile as error:
        raise validation_problem("file", str(error), code="file_unreadable") from None
    except pipeline.TooManyImports as error:
        raise Problem("too_many_imports", str(error)) from None
    response["Location"] = reverse("api-1:get-import", args=[number_import.pk])
    number_import.refresh_from_db()
    return Status(201, _serialize_detail(number_import))


@operation(router, "GET", "/imports/{import_id}", scope="read", responses={200: ImportDetailResponse})
def get_import(request: ApiRequest, import_id: PathId) -> ImportDetailResponse:
    """Get an import: how far it is, what it will do, or what it did."""
    return _serialize_detail(get_object_or_problem(request, NumberImport, import_id))


def _parse_columns(text: str) -> dict[str, str]:
    """Parse the field `columns` of a form, which holds JSON. Raises a Problem."""
    try:
        return COLUMNS.validate_json(text or "{}")
    except ValidationError:
        detail = f"This is no JSON object of columns, each with one of {', '.join(ROLES)}."
        raise validation_problem("columns", detail, code="columns_invalid") from None


@operation(
    router,
    "POST",
    "/imports/{import_id}/columns",
    scope="write",
    responses={200: ImportDetailResponse, 202: ImportDetailResponse},
    problems=("not_possible", "columns_invalid"),
    body="json",
    atomic=False,
)
def choose_columns(request: ApiRequest, import_id: PathId, payload: ColumnsRequest) -> Status:
    """Read the file of an unconfirmed import with other columns, another encoding or another sheet.

    What is left out stays as it is; with another sheet, the columns are found anew. The next file with these headings
    is read with the same columns, once this import is confirmed.
    """
    number_import = get_object_or_problem(request, _imports(), import_id)
    choice = Choice(payload.columns, payload.encoding, payload.sheet)
    try:
        is_chosen = choose(number_import, choice, context=request.context)
    except WrongChoice as error:
        raise validation_problem("body", str(error), code="columns_invalid") from None
    if not is_chosen:
        raise Problem("not_possible", f"The import is not waiting to be confirmed: {_state_label(number_import)}.")
    return Status(202 if number_import.is_in_progress else 200, _serialize_detail(number_import))


@operation(
    router,
    "POST",
    "/imports/{import_id}/confirm",
    scope="write",
    responses={200: ImportDetailResponse, 202: ImportDetailResponse},
    problems=("not_possible",),
)
def confirm_import(request: ApiRequest, import_id: PathId) -> Status:
    """Do what an import shows.

    What somebody else changed since it was shown is left alone.
    """
    number_import = get_object_or_problem(request, _imports(), import_id)
    if not pipeline.confirm(number_import, context=request.context):
        raise Problem("not_possible", f"The import is not waiting to be confirmed: {_state_label(number_import)}.")
    return Status(202 if number_import.is_in_progress else 200, _serialize_detail(number_import))


@operation(
    router,
    "POST",
    "/imports/{import_id}/cancel",
    scope="write",
    responses={200: ImportDetailResponse},
    problems=("not_possible",),
)
def cancel_import(request: ApiRequest, import_id: PathId) -> ImportDetailResponse:
    """Drop an import that was not confirmed."""
    number_import = get_object_or_problem(request, _imports(), import_id)
    if not pipeline.cancel(number_import, context=request.context):
        raise Problem("not_possible", f"The import cannot be cancelled any more: {_state_label(number_import)}.")
    return _serialize_detail(number_import)


@operation(
    router,
    "POST",
    "/imports/{import_id}/stop",
    scope="write",
    responses={200: ImportDetailResponse},
    problems=("not_possible",),
)
def stop_import(request: ApiRequest, import_id: PathId) -> ImportDetailResponse:
    """Stop an import that was confirmed and is under way.

    What is imported stays. Sending the file again goes on from there.
    """
    number_import = get_object_or_problem(request, _imports(), import_id)
    if not pipeline.stop(number_import, context=request.context):
        raise Problem("not_possible", f"The import is not under way: {_state_label(number_import)}.")
    return _serialize_detail(number_import)


def _imports() -> QuerySet[NumberImport]:
    return NumberImport.objects.select_related("account", "confirmed_by")


def _state_label(number_import: NumberImport) -> str:
    return number_import.get_state_display().lower()


def _import_fields(number_import: NumberImport) -> dict:
    same = ("file_name", "state", "reason", "will_add", "will_change", "unchanged", "refused", "added", "changed",
            "received_at", "ready_at", "confirmed_at", "ended_at")  # fmt: skip
    return {
        "id": number_import.pk,
        "summary": preview.format_summary(number_import),
        "will_bring_back": number_import.will_restore,
        "brought_back": number_import.restored,
        "left_alone": number_import.skipped,
        **{name: getattr(number_import, name) for name in same},
    }


def _serialize_detail(number_import: NumberImport) -> ImportDetailResponse:
    refused = number_import.rows.filter(outcome=ImportRow.Outcome.REFUSED).order_by("line", "part")[: preview.MAX_LINES]
    return ImportDetailResponse(
        **_import_fields(number_import),
        encoding=number_import.encoding,
        sheet=number_import.sheet,
        sheets=number_import.sheets,
        columns=[
            ImportColumn(position=column.position, heading=column.heading, role=column.role, note=column.note)
            for column in preview.get_columns(number_import)
        ],
        from_ranges=number_import.from_ranges,
        harmed=number_import.harmed,
        refused_first=[RefusedRow(line=row.line, text=row.raw_text, reason=row.reason) for row in refused],
    )
