"""Reports of labels: report one, list them, and confirm or dismiss one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from portal.accounts.access import (
    MemberRequest,
    editor_required,
    get_account_object_or_404,
    may_edit_account,
    member_required,
)
from portal.body_limits import takes_upload
from portal.db.keyset import paginate
from portal.models import Account, today_of
from portal.phone.numbers import InvalidPhoneNumber
from reputation.models import LabelPhoto, LabelReport, PhoneNumber
from reputation.test_calls import reports
from reputation.test_calls.networks import get_known_networks
from reputation.views.label_photos import PhotoField, get_upload_limit_mb, keep_photo

State = LabelReport.State


class SuggestionInput(forms.TextInput):
    """A field for text, with suggestions to choose from."""

    template_name = "reputation/_suggestions.html"

    def __init__(self, suggestions: Sequence[str] = ()) -> None:
        super().__init__(attrs={"autocomplete": "off"})
        self.suggestions = suggestions

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        return context | {"suggestions": self.suggestions}


class ReportForm(forms.Form):
    label = forms.CharField(
        label="What the telephone showed",
        max_length=80,
        help_text="As it was written, such as Scam Likely. Choose one or type it.",
        error_messages={"required": "Type the label that was shown."},
        widget=SuggestionInput(reports.COMMON_LABELS),
    )
    carrier = forms.CharField(
        label="Network of the called telephone",
        max_length=60,
        required=False,
        help_text="Leave it empty if nobody knows.",
        widget=SuggestionInput(),
    )
    called_number = forms.CharField(
        max_length=60,
        required=False,
        help_text="It tells two people apart: a second person's report confirms the first.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "tel"}),
    )
    seen_on = forms.DateField(
        label="Day on which it was shown",
        required=False,
        help_text="Empty: today.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    photo = PhotoField()
    stored_photo = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        config = settings.TEST_CALLS
        self.fields["carrier"].widget = SuggestionInput(get_known_networks(account))
        self.fields["called_number"].help_text = (
            f"It tells two people apart: a second person's report within {config.report_days} days confirms the first. "
            f"It is deleted after {config.called_kept_days} days."
        )


@takes_upload(may_edit_account, limit_mb=get_upload_limit_mb)
@editor_required
def report_label(request: MemberRequest, pk: int) -> HttpResponse:
    """Report a label of the number. What is wrong is said at its field, and nothing typed is lost."""
    number = get_account_object_or_404(request, PhoneNumber.objects.select_related("account"), pk)
    if request.method != "POST":
        form = ReportForm(account=request.account, initial={"seen_on": today_of(request.account, request.context.now)})
        return _render_form(request, number, form)
    form = ReportForm(request.POST, request.FILES, account=request.account)
    photo = keep_photo(request, form)
    report = _add_report(request, number, form, photo) if form.is_valid() else None
    if report is None:
        return _render_form(request, number, form)
    messages.success(request, f"{_describe(report)} of {number} was reported. {_describe_effect(report)}")
    return redirect("number", pk)


def _render_form(request: MemberRequest, number: PhoneNumber, form: ReportForm) -> HttpResponse:
    context = {
        "number": number,
        "form": form,
        "is_on": reports.can_report(),
        "days": settings.TEST_CALLS.report_days,
        "risk_days": settings.RISK_DAYS,
    }
    return render(request, "reputation/label_report_add.html", context, status=422 if form.errors else 200)


def _add_report(
    request: MemberRequest, number: PhoneNumber, form: ReportForm, photo: LabelPhoto | None
) -> LabelReport | None:
    """The new report; None if something typed is no use, which is an error of its field then."""
    typed = form.cleaned_data
    try:
        return reports.add_report(
            number,
            typed["label"],
            context=request.context,
            carrier=typed["carrier"],
            called_number=typed["called_number"],
            seen_on=typed["seen_on"],
            photo=photo,
        )
    except InvalidPhoneNumber as error:
        form.add_error("called_number", str(error))
    except reports.DayRefused as refused:
        form.add_error("seen_on", str(refused))
    except reports.ReportRefused as refused:
        form.add_error(None, str(refused))
    return None


def _describe(report: LabelReport) -> str:
    return f"“{report.label}”{f' on {report.carrier}' if report.carrier else ''}"


def _describe_effect(report: LabelReport) -> str:
    if report.state == State.CONFIRMED:
        return "A second person had reported a label, so both reports are confirmed."
    if report.number.capability == PhoneNumber.Capability.OFF:
        return "The number is not monitored, so its status stays as it is until the report is confirmed."
    return f"The number is at risk until the report is confirmed or dismissed, or {settings.RISK_DAYS} days are over."


@member_required
def report_list(request: MemberRequest) -> HttpResponse:
    """The account's reports, newest first; `state` filters."""
    found = LabelReport.objects.for_account(request.account).select_related("number", "reported_by")
    state = request.GET.get("state", "")
    if state in State.values:
        found = found.filter(state=state)
    page = paginate(found, request.GET)
    context = {"page": page, "state": state, "states": State.choices, "is_filtered": state in State.values}
    return render(request, "reputation/label_reports.html", context)


@editor_required
def confirm_report(request: MemberRequest, pk: int) -> HttpResponse:
    """Say what confirming does; with POST, do it."""
    return _settle(request, pk, is_confirmed=True)


@editor_required
def dismiss_report(request: MemberRequest, pk: int) -> HttpResponse:
    """Say what dismissing does; with POST, do it."""
    return _settle(request, pk, is_confirmed=False)


def _settle(request: MemberRequest, pk: int, *, is_confirmed: bool) -> HttpResponse:
    report = get_account_object_or_404(request, LabelReport.objects.select_related("number", "account"), pk)
    if request.method == "POST":
        settle = reports.confirm_report if is_confirmed else reports.dismiss_report
        try:
            is_settled = settle(report, context=request.context)
        except reports.ReportRefused as refused:
            messages.error(request, str(refused))
            return redirect("number", report.number_id)
        if is_settled:
            messages.success(request, f"The report of {_describe(report)} was {report.get_state_display().lower()}.")
        else:
            before = report.get_state_display().lower()
            messages.info(request, f"The report of {_describe(report)} was {before} before. Nothing was changed.")
        return redirect("number", report.number_id)
    context = {
        "report": report,
        "is_confirmed": is_confirmed,
        "effect": reports.get_effect_of_confirming(report),
        "risk_days": settings.RISK_DAYS,
        "is_monitored": report.number.capability != PhoneNumber.Capability.OFF,
    }
    return render(request, "reputation/label_report_settle.html", context)


urls = [
    path("number-management/number-reputation/<int:pk>/report/", report_label, name="number-report-label"),
    path("number-management/label-reports/", report_list, name="label-reports"),
    path("number-management/label-reports/<int:pk>/confirm/", confirm_report, name="label-report-confirm"),
    path("number-management/label-reports/<int:pk>/dismiss/", dismiss_report, name="label-report-dismiss"),
]
