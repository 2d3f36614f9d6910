"""The enrollment pages: the status, the form in three steps, and what was submitted."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path, reverse

from enrollment import drafts, lifecycle
from enrollment.assessment import Assessment, assess_draft, assess_submitted
from enrollment.forms import BusinessForm, PracticesForm, SubmitForm, build_forms, get_form_errors
from enrollment.lifecycle import SubmissionError
from enrollment.models import Application
from enrollment.snapshot import take_snapshot
from enrollment.status import build_enrollment_status, get_review_time
from portal.accounts.access import MemberRequest, editor_required, get_account_object_or_404, member_required

# URL name and label of each step, in order.
FORM_STEPS = (
    ("enrollment-business", "Business information"),
    ("enrollment-practices", "Dialing practices"),
    ("enrollment-check", "Check and send"),
)


@member_required
def enrollment_status(request: MemberRequest) -> HttpResponse:
    """The status, its reason, and the next step."""
    application = drafts.get_current_application(request.account)
    context = {
        "status": build_enrollment_status(application),
        "application": application,
        "history": application.transitions.order_by("-pk") if application else [],
        "assessment": _get_assessment(application) if application else None,
        "can_withdraw": application is not None and lifecycle.is_withdrawable(application),
    }
    return render(request, "enrollment/status.html", context)


@member_required
def business(request: MemberRequest) -> HttpResponseBase:
    if request.method == "POST":
        return save_business(request)
    application = _get_form_application(request)
    if not application.is_editable:
        return _render_submitted(request, application)
    form, _ = build_forms(application, check="check" in request.GET)
    context = {
        "application": application,
        "form": form,
        "form_errors": get_form_errors(form),
        **_get_step_context("enrollment-business"),
    }
    return render(request, "enrollment/business.html", context)


@editor_required
def save_business(request: MemberRequest) -> HttpResponse:
    return _save_section(request, "enrollment-business", business=BusinessForm.extract_data(request.POST))


@member_required
def practices(request: MemberRequest) -> HttpResponseBase:
    if request.method == "POST":
        return save_practices(request)
    application = _get_form_application(request)
    if not application.is_editable:
        return _render_submitted(request, application)
    _, form = build_forms(application, check="check" in request.GET)
    context = {
        "application": application,
        "form": form,
        "form_errors": get_form_errors(form),
        "assessment": assess_draft(application),
        **_get_step_context("enrollment-practices"),
    }
    return render(request, "enrollment/practices.html", context)


@editor_required
def save_practices(request: MemberRequest) -> HttpResponse:
    return _save_section(request, "enrollment-practices", answers=PracticesForm.extract_data(request.POST))


@member_required
def check_and_send(request: MemberRequest) -> HttpResponseBase:
    """The whole form to read once more, what its No answers mean, and the signature."""
    if request.method == "POST":
        return submit(request)
    application = _get_form_application(request)
    if not application.is_editable:
        return _render_submitted(request, application)
    if application.pk is None:
        return redirect("enrollment-business")
    signature = {"signed_by": application.signed_by, "application": application.pk, "edits": application.edit_count}
    return _render_check_and_send(request, application, SubmitForm(initial=signature))


@editor_required
def submit(request: MemberRequest) -> HttpResponse:
    """Submit what was read on the page. A second click, a reload or a stale page changes nothing and says so."""
    form = SubmitForm(request.POST)
    signed = form.is_valid()
    application = get_account_object_or_404(request, Application, form.cleaned_data.get("application") or 0)
    drafts.save_signature(application, request.POST.get("signed_by", ""))
    if request.htmx:
        return _render_autosave(request, "enrollment-check", application)
    if not application.is_editable:
        return _redirect_with_error(request, lifecycle.get_submission_conflict(application))
    sections = build_forms(application, check=True)
    if not all([signed, *(section.is_valid() for section in sections)]):
        return _render_check_and_send(request, application, form)
    try:
        lifecycle.submit(
            application,
            edit_count=form.cleaned_data["edits"],
            snapshot=take_snapshot(*sections, signed_by=form.cleaned_data["signed_by"]),
            context=request.context,
        )
    except SubmissionError as error:
        return _redirect_with_error(request, str(error))
    messages.success(request, f"Sent. A reviewer reads it and answers{get_review_time()}.")
    return redirect("enrollment")


def _get_form_application(request: MemberRequest) -> Application:
    """The application that the form shows. A new one has the current user as its contact person."""
    application = drafts.get_form_application(request.account)
    if application.pk is None and not application.business:
        application.business = {"contact_name": request.user.name, "contact_email": request.user.email}
    return application


def _save_section(request: MemberRequest, page: str, **typed: Any) -> HttpResponse:
    """Save one step. *Save and continue* goes to the next one only if this one has no errors."""
    try:
        application = drafts.save(request.account, **typed, context=request.context)
    except drafts.NotEditable as error:
        if request.htmx:
            return _render_autosave(request, page, None, str(error))
        return _redirect_with_error(request, str(error))
    if request.htmx:
        return _render_autosave(request, page, application)
    if "continue" not in request.POST:
        messages.success(request, "Draft saved. You can come back at any time.")
        return redirect(page)
    index = [name for name, _ in FORM_STEPS].index(page)
    if not build_forms(application, check=True)[index].is_valid():
        return redirect(f"{reverse(page)}?check=1")
    return redirect(FORM_STEPS[index + 1][0])


def _render_autosave(
    request: MemberRequest, page: str, application: Application | None, message: str = "Draft saved"
) -> HttpResponse:
    """The response to an autosave: the live region, and what the answers now mean."""
    context = {
        "sentence": message,
        "application": application,
        "assessment": assess_draft(application) if application and page == "enrollment-practices" else None,
    }
    response = render(request, "enrollment/_autosave.html", context)
    response.headers["X-Saved"] = "1"
    return response


def _render_check_and_send(request: MemberRequest, application: Application, form: SubmitForm) -> HttpResponse:
    sections = build_forms(application, check=True)
    missing = [(*step, get_form_errors(section)) for step, section in zip(FORM_STEPS, sections, strict=False)]
    is_complete = not any(errors for _, _, errors in missing)
    context = {
        "application": application,
        "form": form,
        "form_errors": get_form_errors(form),
        "missing": [] if is_complete else missing,
        "snapshot": take_snapshot(*sections, signed_by="") if is_complete else None,
        "assessment": assess_draft(application),
        **_get_step_context("enrollment-check"),
    }
    return render(request, "enrollment/check_and_send.html", context)


def _render_submitted(request: MemberRequest, application: Application) -> HttpResponse:
    context = {
        "application": application,
        "status": build_enrollment_status(application),
        "snapshot": application.snapshot,
    }
    return render(request, "enrollment/submitted.html", context)


def _redirect_with_error(request: MemberRequest, message: str) -> HttpResponse:
    messages.error(request, message)
    return redirect("enrollment")


def _get_assessment(application: Application) -> Assessment:
    return assess_draft(application) if application.is_editable else assess_submitted(application)


def _get_step_context(page: str) -> dict[str, Any]:
    return {"steps": FORM_STEPS, "page": page, "review_time": get_review_time()}


urls = [
    path("", enrollment_status, name="enrollment"),
    path("business/", business, name="enrollment-business"),
    path("practices/", practices, name="enrollment-practices"),
    path("check/", check_and_send, name="enrollment-check"),
]
