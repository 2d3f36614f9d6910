"""Reports of labels by the software of agents, and photos of labels."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse
from ninja import File, Query, Router, Status
from ninja.files import UploadedFile

from portal.api.authentication import ApiRequest
from portal.api.operations import operation
from portal.api.pagination import PageQuery, paginate
from portal.api.problems import Problem, validation_problem
from portal.phone.numbers import InvalidPhoneNumber, parse_number
from reputation.api.objects import PathId, get_object_or_problem, get_referenced_object
from reputation.api.schemas.label_reports import (
    LabelPhotoResponse,
    LabelReportFilters,
    LabelReportListResponse,
    LabelReportRequest,
    LabelReportResponse,
    serialize_report,
)
from reputation.models import LabelPhoto, LabelReport, PhoneNumber
from reputation.test_calls import photos, reports

router = Router(tags=["Reports of labels"])


@operation(
    router,
    "GET",
    "/label-reports",
    scope="read",
    responses={200: LabelReportListResponse},
    problems=("invalid", "cursor_invalid"),
)
def list_label_reports(request: ApiRequest, filters: Query[LabelReportFilters], page_params: PageQuery) -> dict:
    """List reports of labels.

    Newest first.
    """
    found = LabelReport.objects.for_account(request.caller.account).select_related("number")
    if filters.state:
        found = found.filter(state=filters.state)
    if filters.number_id:
        found = found.filter(number=int(filters.number_id))
    return paginate(
        found,
        page_params,
        list_name="label-reports",
        serialize=lambda rows: [serialize_report(report) for report in rows],
        newest_first=True,
    )


@operation(
    router,
    "POST",
    "/label-reports",
    scope="report",
    responses={201: LabelReportResponse},
    problems=("not_possible", "not_a_number"),
    body="json",
)
def report_label(request: ApiRequest, payload: LabelReportRequest, response: HttpResponse) -> Status:
    """Report a label.

    One report puts a monitored number at risk. It tags the number once a test call shows a label, a second called
    person reports one, or an owner or admin confirms it.
    """
    photo = get_referenced_object(request, LabelPhoto, payload.photo_id, location="body.photo_id")
    try:
        report = reports.add_report(
            _find_number(request, payload.number),
            payload.label,
            context=request.context,
            carrier=payload.carrier,
            called_number=payload.called_number,
            seen_on=payload.seen_on,
            photo=photo,
        )
    except InvalidPhoneNumber as error:
        raise validation_problem("body.called_number", str(error)) from None
    except reports.DayRefused as refused:
        raise validation_problem("body.seen_on", str(refused)) from None
    except reports.ReportRefused as refused:
        raise Problem("not_possible", str(refused)) from None
    response["Location"] = reverse("api-1:get-label-report", args=[report.pk])
    return Status(201, serialize_report(report))


@operation(router, "GET", "/label-reports/{label_report_id}", scope="read", responses={200: LabelReportResponse})
def get_label_report(request: ApiRequest, label_report_id: PathId) -> LabelReportResponse:
    """Get a report of a label."""
    return serialize_report(
        get_object_or_problem(request, LabelReport.objects.select_related("number"), label_report_id)
    )


@operation(
    router,
    "POST",
    "/label-photos",
    scope="report",
    responses={200: LabelPhotoResponse},
    body="photo",
    atomic=False,
)
def add_label_photo(request: ApiRequest, file: File[UploadedFile]) -> LabelPhotoResponse:
    """Send a photo of a label.

    JPEG, PNG or WebP, as `file`. Place, time and camera are removed. A report or a result then names its id.
    """
    try:
        photo = photos.store_photo(request.caller.account, file, now=request.context.now, name=file.name or "")
    except photos.PhotoRefused as refused:
        raise validation_problem("body.file", str(refused)) from None
    return LabelPhotoResponse(id=photo.pk, created_at=photo.created_at)


def _find_number(request: ApiRequest, text: str) -> PhoneNumber:
    """The account's number, monitored or not. Raises a Problem."""
    try:
        e164 = parse_number(text).e164
    except InvalidPhoneNumber as error:
        raise validation_problem("body.number", str(error), code="not_a_number") from None
    numbers = PhoneNumber.objects.for_account(request.caller.account).select_related("account")
    number = numbers.filter(e164=e164).first()
    if number is None:
        raise validation_problem("body.number", "The account has no such number.")
    return number
