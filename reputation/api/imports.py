"""CSV imports: a file is sent, what it will do is answered, and it is confirmed or dropped."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from ninja import File, Router, Status
from ninja.files import UploadedFile

from portal.api.authentication import ApiRequest
from portal.api.operations import endpoint
from portal.api.pagination import Page, page
from portal.api.problems import Problem, wrong
from reputation.api.objects import IdInPath, owned
from reputation.api.schemas.imports import ImportDetail, ImportOut, Imports, RefusedLine
from reputation.imports import pipeline, preview
from reputation.imports.csv_reader import CannotRead
from reputation.models import ImportRow, NumberImport

router = Router(tags=["Imports"])


@endpoint(router, "GET", "/imports", scope="read", answers={200: Imports}, refuses=("invalid", "cursor_invalid"))
def list_imports(request: ApiRequest, asked: Page) -> dict:
    """List imports.

    Newest first.
    """
    imports = NumberImport.objects.for_account(request.caller.account)
    return page(
        imports, asked, of="imports", shown=lambda rows: [ImportOut(**_said(one)) for one in rows], newest_first=True
    )


@endpoint(
    router,
    "POST",
    "/imports",
    scope="write",
    answers={201: ImportDetail},
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
        batch = pipeline.receive(account=request.caller.account, upload=file, actor=request.actor, now=request.now)
    except CannotRead as error:
        raise wrong("file", str(error), code="file_unreadable") from None
    response["Location"] = reverse("api-1:get-import", args=[batch.pk])
    batch.refresh_from_db()
    return Status(201, _detail(batch))


@endpoint(router, "GET", "/imports/{import_id}", scope="read", answers={200: ImportDetail})
def get_import(request: ApiRequest, import_id: IdInPath) -> ImportDetail:
    """Get an import: how far it is, what it will do, or what it did."""
    return _detail(owned(request, NumberImport, import_id))


@endpoint(
    router,
    "POST",
    "/imports/{import_id}/confirm",
    scope="write",
    answers={200: ImportDetail, 202: ImportDetail},
    refuses=("not_possible",),
)
def confirm_import(request: ApiRequest, import_id: IdInPath) -> Status:
    """Do what an import shows.

    What somebody else changed since it was shown is left alone.
    """
    batch = owned(request, _imports(), import_id)
    if not pipeline.confirm(batch, actor=request.actor, now=request.now):
        raise Problem("not_possible", f"The import is not waiting to be confirmed: {_state(batch)}.")
    return Status(202 if batch.is_under_way else 200, _detail(batch))


@endpoint(
    router,
    "POST",
    "/imports/{import_id}/cancel",
    scope="write",
    answers={200: ImportDetail},
    refuses=("not_possible",),
)
def cancel_import(request: ApiRequest, import_id: IdInPath) -> ImportDetail:
    """Drop an import that was not confirmed."""
    batch = owned(request, _imports(), import_id)
    if not pipeline.cancel(batch, actor=request.actor, now=request.now):
        raise Problem("not_possible", f"The import cannot be cancelled any more: {_state(batch)}.")
    return _detail(batch)


@endpoint(
    router,
    "POST",
    "/imports/{import_id}/stop",
    scope="write",
    answers={200: ImportDetail},
    refuses=("not_possible",),
)
def stop_import(request: ApiRequest, import_id: IdInPath) -> ImportDetail:
    """Stop an import that was confirmed and is under way.

    What is imported stays. Sending the file again goes on from there.
    """
    batch = owned(request, _imports(), import_id)
    if not pipeline.stop(batch, actor=request.actor, now=request.now):
        raise Problem("not_possible", f"The import is not under way: {_state(batch)}.")
    return _detail(batch)


def _imports() -> QuerySet[NumberImport]:
    return NumberImport.objects.select_related("account", "confirmed_by")


def _state(batch: NumberImport) -> str:
    return batch.get_state_display().lower()


def _said(batch: NumberImport) -> dict:
    same = ("file_name", "state", "reason", "will_add", "will_bring_back", "will_change", "unchanged", "refused",
            "added", "brought_back", "changed", "left_alone", "received_at", "ready_at", "confirmed_at",
            "ended_at")  # fmt: skip
    return {
        "id": batch.pk,
        "summary": preview.summary_of(batch),
        **{name: getattr(batch, name) for name in same},
    }


def _detail(batch: NumberImport) -> ImportDetail:
    refused = batch.rows.filter(outcome=ImportRow.Outcome.REFUSED).order_by("line")[: preview.SHOWN]
    return ImportDetail(
        **_said(batch),
        refused_first=[RefusedLine(line=row.line, text=row.text, reason=row.reason) for row in refused],
    )
