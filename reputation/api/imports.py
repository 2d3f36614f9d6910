"""CSV imports: a file is sent, what it will do is answered, and it is confirmed or dropped."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from ninja import File, Router, Status
from ninja.files import UploadedFile

from portal.api.authentication import ApiRequest
from portal.api.operations import operation
from portal.api.pagination import PageQuery, paginate
from portal.api.problems import Problem, validation_problem
from reputation.api.objects import PathId, get_object_or_problem
from reputation.api.schemas.imports import ImportDetailResponse, ImportListResponse, ImportResponse, RefusedRow
from reputation.imports import pipeline, preview
from reputation.imports.csv_reader import UnreadableFile
from reputation.models import ImportRow, NumberImport

router = Router(tags=["Imports"])


@operation(
    router, "GET", "/imports", scope="read", answers={200: ImportListResponse}, refuses=("invalid", "cursor_invalid")
)
def list_imports(request: ApiRequest, asked: PageQuery) -> dict:
    """List imports.

    Newest first.
    """
    imports = NumberImport.objects.for_account(request.caller.account)
    return paginate(
        imports,
        asked,
        of="imports",
        shown=lambda rows: [ImportResponse(**_import_fields(one)) for one in rows],
        newest_first=True,
    )


@operation(
    router,
    "POST",
    "/imports",
    scope="write",
    answers={201: ImportDetailResponse},
    refuses=("file_unreadable",),
    body="file",
    in_one_transaction=False,
)
def import_numbers(request: ApiRequest, file: File[UploadedFile], response: HttpResponse) -> Status:
    """Send a CSV file of numbers.

    Nothing is changed yet: the answer says what will happen once it is confirmed. A large file is read by the workers;
    ask for the import until it is ready.
    """
    try:
        batch = pipeline.receive(account=request.caller.account, upload=file, context=request.context)
    except UnreadableFile as error:
        raise validation_problem("file", str(error), code="file_unreadable") from None
    response["Location"] = reverse("api-1:get-import", args=[batch.pk])
    batch.refresh_from_db()
    return Status(201, _serialize_detail(batch))


@operation(router, "GET", "/imports/{import_id}", scope="read", answers={200: ImportDetailResponse})
def get_import(request: ApiRequest, import_id: PathId) -> ImportDetailResponse:
    """Get an import: how far it is, what it will do, or what it did."""
    return _serialize_detail(get_object_or_problem(request, NumberImport, import_id))


@operation(
    router,
    "POST",
    "/imports/{import_id}/confirm",
    scope="write",
    answers={200: ImportDetailResponse, 202: ImportDetailResponse},
    refuses=("not_possible",),
)
def confirm_import(request: ApiRequest, import_id: PathId) -> Status:
    """Do what an import shows.

    What somebody else changed since it was shown is left alone.
    """
    batch = get_object_or_problem(request, _imports(), import_id)
    if not pipeline.confirm(batch, context=request.context):
        raise Problem("not_possible", f"The import is not waiting to be confirmed: {_state_label(batch)}.")
    return Status(202 if batch.is_under_way else 200, _serialize_detail(batch))


@operation(
    router,
    "POST",
    "/imports/{import_id}/cancel",
    scope="write",
    answers={200: ImportDetailResponse},
    refuses=("not_possible",),
)
def cancel_import(request: ApiRequest, import_id: PathId) -> ImportDetailResponse:
    """Drop an import that was not confirmed."""
    batch = get_object_or_problem(request, _imports(), import_id)
    if not pipeline.cancel(batch, context=request.context):
        raise Problem("not_possible", f"The import cannot be cancelled any more: {_state_label(batch)}.")
    return _serialize_detail(batch)


@operation(
    router,
    "POST",
    "/imports/{import_id}/stop",
    scope="write",
    answers={200: ImportDetailResponse},
    refuses=("not_possible",),
)
def stop_import(request: ApiRequest, import_id: PathId) -> ImportDetailResponse:
    """Stop an import that was confirmed and is under way.

    What is imported stays. Sending the file again goes on from there.
    """
    batch = get_object_or_problem(request, _imports(), import_id)
    if not pipeline.stop(batch, context=request.context):
        raise Problem("not_possible", f"The import is not under way: {_state_label(batch)}.")
    return _serialize_detail(batch)


def _imports() -> QuerySet[NumberImport]:
    return NumberImport.objects.select_related("account", "confirmed_by")


def _state_label(batch: NumberImport) -> str:
    return batch.get_state_display().lower()


def _import_fields(batch: NumberImport) -> dict:
    same = ("file_name", "state", "reason", "will_add", "will_bring_back", "will_change", "unchanged", "refused",
            "added", "brought_back", "changed", "left_alone", "received_at", "ready_at", "confirmed_at",
            "ended_at")  # fmt: skip
    return {
        "id": batch.pk,
        "summary": preview.format_summary(batch),
        **{name: getattr(batch, name) for name in same},
    }


def _serialize_detail(batch: NumberImport) -> ImportDetailResponse:
    refused = batch.rows.filter(outcome=ImportRow.Outcome.REFUSED).order_by("line")[: preview.MAX_LINES]
    return ImportDetailResponse(
        **_import_fields(batch),
        refused_first=[RefusedRow(line=row.line, text=row.text, reason=row.reason) for row in refused],
    )
