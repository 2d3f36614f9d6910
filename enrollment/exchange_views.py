"""The pages about an application that a reviewer has: the reply to the reviewer's question, and the withdrawal."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path

from enrollment import drafts, lifecycle
from enrollment.forms import ReplyForm, WithdrawForm, build_forms, get_form_errors
from enrollment.lifecycle import SubmissionError, WithdrawalError
from enrollment.models import Application
from enrollment.snapshot import is_as_submitted
from enrollment.status import build_enrollment_status, get_review_time
from portal.accounts.access import MemberRequest, editor_required, get_account_object_or_404, member_required


@member_required
def reply(request: MemberRequest) -> HttpResponseBase:
    """The reviewer's question, and the reply to it."""
    if request.method == "POST":
        return send_reply(request)
    application = drafts.get_current_application(request.account)
    if application is None:
        return _redirect_with_error(request, "There is no enrollment yet, so nobody has asked about it.")
    if conflict := lifecycle.get_reply_conflict(application, revision=application.revision):
        return _redirect_with_error(request, conflict)
    shown = {"application": application.pk, "revision": application.revision, "reply": application.reply}
    return _render_reply(request, application, ReplyForm(initial=shown))


@editor_required
def send_reply(request: MemberRequest) -> HttpResponse:
    """Send the reply with the form as it was sent. A form that was changed since is read and signed once more first."""
    form = ReplyForm(request.POST)
    is_valid = form.is_valid()
    application = get_account_object_or_404(request, Application, form.cleaned_data.get("application") or 0)
    if conflict := lifecycle.get_reply_conflict(application, revision=form.cleaned_data.get("revision") or 0):
        return _render_reply(request, application, form, conflict=conflict)
    drafts.save_reply(application, request.POST.get("reply", ""))
    if request.htmx:
        return _render_saved(request)
    if not is_valid:
        return _render_reply(request, application, form)
    if not is_as_submitted(application.snapshot, *build_forms(application, check=True)):
        messages.info(
            request,
            "Your reply is saved, but not sent yet: the form was changed since it was sent. Read it once more and "
            "sign it. The reply goes with it.",
        )
        return redirect("enrollment-check")
    try:
        lifecycle.submit(
            application,
            edit_count=application.edit_count,
            snapshot=application.snapshot,
            context=request.context,
        )
    except SubmissionError as error:
        return _redirect_with_error(request, str(error))
    messages.success(request, f"Your reply is sent. The reviewer reads it and answers{get_review_time()}.")
    return redirect("enrollment")


@editor_required
def withdraw(request: MemberRequest) -> HttpResponse:
    """Ask for confirmation, then take the application back from review."""
    if request.method == "POST":
        return _withdraw_shown(request)
    application = drafts.get_current_application(request.account)
    if application is None:
        return _redirect_with_error(request, "There is no enrollment yet, so there is nothing to withdraw.")
    if not lifecycle.is_withdrawable(application):
        return _redirect_with_error(request, lifecycle.get_withdrawal_conflict(application))
    form = WithdrawForm(initial={"application": application.pk, "revision": application.revision})
    context = {"application": application, "form": form, "status": build_enrollment_status(application)}
    return render(request, "enrollment/withdraw.html", context)


def _withdraw_shown(request: MemberRequest) -> HttpResponse:
    form = WithdrawForm(request.POST)
    form.is_valid()
    application = get_account_object_or_404(request, Application, form.cleaned_data.get("application") or 0)
    try:
        lifecycle.withdraw(application, revision=form.cleaned_data.get("revision") or 0, context=request.context)
    except WithdrawalError as error:
        return _redirect_with_error(request, str(error))
    messages.success(
        request, "Withdrawn: no reviewer sees it any more. What you wrote is kept; change it and send it at any time."
    )
    return redirect("enrollment")


def _render_reply(
    request: MemberRequest, application: Application, form: ReplyForm, *, conflict: str = ""
) -> HttpResponse:
    context = {
        "application": application,
        "form": form,
        "form_errors": get_form_errors(form),
        "conflict": conflict,
        "page": "enrollment-reply",
        "review_time": get_review_time(),
    }
    return render(request, "enrollment/reply.html", context)


def _render_saved(request: MemberRequest) -> HttpResponse:
    """The response to an autosave of the reply."""
    response = render(request, "enrollment/_autosave.html", {"sentence": "Reply saved"})
    response.headers["X-Saved"] = "1"
    return response


def _redirect_with_error(request: MemberRequest, message: str) -> HttpResponse:
    messages.error(request, message)
    return redirect("enrollment")


urls = [
    path("reply/", reply, name="enrollment-reply"),
    path("withdraw/", withdraw, name="enrollment-withdraw"),
]
