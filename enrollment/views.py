"""The enrollment pages: where it stands, the form in three steps, and what was sent."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone

from enrollment import drafts, lifecycle, snapshot
from enrollment.assessment import Assessment, assess_draft, assess_sent
from enrollment.drafts import NotEditable
from enrollment.forms import BusinessForm, PracticesForm, SendForm, forms_of, mistakes_in
from enrollment.lifecycle import NotSent
from enrollment.models import Application
from enrollment.status import standing
from portal.accounts.access import MemberRequest, changing_view, member_view, owned

# In their order: the page's name, and the words for it.
STEPS = (
    ("enrollment-business", "Business information"),
    ("enrollment-practices", "Dialing practices"),
    ("enrollment-check", "Check and send"),
)


@member_view
def entry(request: MemberRequest) -> HttpResponse:
    """Where the enrollment stands, why, and the next step."""
    application = drafts.current(request.account)
    context = {
        "status": standing(application),
        "application": application,
        "history": application.steps.order_by("-pk") if application else [],
        "assessment": _assessment(application) if application else None,
    }
    return render(request, "enrollment/entry.html", context)


@member_view
def business(request: MemberRequest) -> HttpResponse:
    if request.method == "POST":
        return save_business(request)
    application = _to_be_filled(request)
    if not application.is_editable:
        return _as_sent(request, application)
    form, _ = forms_of(application, check="check" in request.GET)
    context = {"application": application, "form": form, "mistakes": mistakes_in(form), **_at("enrollment-business")}
    return render(request, "enrollment/business.html", context)


@changing_view
def save_business(request: MemberRequest) -> HttpResponse:
    return _save(request, "enrollment-business", business=BusinessForm.typed_in(request.POST))


@member_view
def practices(request: MemberRequest) -> HttpResponse:
    if request.method == "POST":
        return save_practices(request)
    application = _to_be_filled(request)
    if not application.is_editable:
        return _as_sent(request, application)
    _, form = forms_of(application, check="check" in request.GET)
    context = {
        "application": application,
        "form": form,
        "mistakes": mistakes_in(form),
        "assessment": assess_draft(application),
        **_at("enrollment-practices"),
    }
    return render(request, "enrollment/practices.html", context)


@changing_view
def save_practices(request: MemberRequest) -> HttpResponse:
    return _save(request, "enrollment-practices", answers=PracticesForm.typed_in(request.POST))


@member_view
def check(request: MemberRequest) -> HttpResponse:
    """Everything to read once more, what several No mean, and the signature."""
    if request.method == "POST":
        return send(request)
    application = _to_be_filled(request)
    if not application.is_editable:
        return _as_sent(request, application)
    if application.pk is None:
        return redirect("enrollment-business")
    signature = {"signed_by": application.signed_by, "application": application.pk, "edits": application.edits}
    return _check_page(request, application, SendForm(initial=signature))


@changing_view
def send(request: MemberRequest) -> HttpResponse:
    """Sends what was read on the page; a second click, a reload or a stale page sends nothing and is told so."""
    form = SendForm(request.POST)
    signed = form.is_valid()
    application = owned(request, Application, form.cleaned_data.get("application") or 0)
    drafts.keep_signature(application, request.POST.get("signed_by", ""))
    if request.htmx:
        return _saved(request, "enrollment-check", application)
    if not application.is_editable:
        return _not_sent(request, lifecycle.why_not_sent(application))
    sections = forms_of(application, check=True)
    if not all([signed, *(section.is_valid() for section in sections)]):
        return _check_page(request, application, form)
    try:
        lifecycle.submit(
            application,
            edits=form.cleaned_data["edits"],
            snapshot=snapshot.taken(*sections, signed_by=form.cleaned_data["signed_by"]),
            actor=request.actor,
            now=timezone.now(),
        )
    except NotSent as error:
        return _not_sent(request, str(error))
    messages.success(request, "Sent. A reviewer reads it and answers within two working days as a rule.")
    return redirect("enrollment")


def _to_be_filled(request: MemberRequest) -> Application:
    """What the form shows; a new one names the person who fills it as the contact."""
    application = drafts.form_of(request.account)
    if application.pk is None and not application.business:
        application.business = {"contact_name": request.user.name, "contact_email": request.user.email}
    return application


def _save(request: MemberRequest, page: str, **typed: Any) -> HttpResponse:
    """Keeps what was typed; `Save and continue` goes on only when this step has no mistakes."""
    try:
        application = drafts.save(request.account, **typed, actor=request.actor, now=timezone.now())
    except NotEditable as error:
        return _saved(request, page, None, str(error)) if request.htmx else _not_sent(request, str(error))
    if request.htmx:
        return _saved(request, page, application)
    if "continue" not in request.POST:
        messages.success(request, "Draft saved. You can come back at any time.")
        return redirect(page)
    number = [name for name, _ in STEPS].index(page)
    if not forms_of(application, check=True)[number].is_valid():
        return redirect(f"{reverse(page)}?check=1")
    return redirect(STEPS[number + 1][0])


def _saved(
    request: MemberRequest, page: str, application: Application | None, sentence: str = "Draft saved"
) -> HttpResponse:
    """The answer to a draft that saves itself: the live region, and what the answers now mean."""
    context = {
        "sentence": sentence,
        "application": application,
        "assessment": assess_draft(application) if application and page == "enrollment-practices" else None,
    }
    answer = render(request, "enrollment/_saved.html", context)
    answer.headers["X-Saved"] = "1"
    return answer


def _check_page(request: MemberRequest, application: Application, form: SendForm) -> HttpResponse:
    sections = forms_of(application, check=True)
    missing = [(*step, mistakes_in(section)) for step, section in zip(STEPS, sections, strict=False)]
    is_complete = not any(found for _, _, found in missing)
    context = {
        "application": application,
        "form": form,
        "mistakes": mistakes_in(form),
        "missing": [] if is_complete else missing,
        "snapshot": snapshot.taken(*sections, signed_by="") if is_complete else None,
        "assessment": assess_draft(application),
        **_at("enrollment-check"),
    }
    return render(request, "enrollment/check.html", context)


def _as_sent(request: MemberRequest, application: Application) -> HttpResponse:
    context = {
        "application": application,
        "status": standing(application),
        "snapshot": application.snapshot,
    }
    return render(request, "enrollment/sent.html", context)


def _not_sent(request: MemberRequest, sentence: str) -> HttpResponse:
    messages.error(request, sentence)
    return redirect("enrollment")


def _assessment(application: Application) -> Assessment:
    return assess_draft(application) if application.is_editable else assess_sent(application)


def _at(page: str) -> dict[str, Any]:
    return {"steps": STEPS, "page": page}


urls = [
    path("", entry, name="enrollment"),
    path("business/", business, name="enrollment-business"),
    path("practices/", practices, name="enrollment-practices"),
    path("check/", check, name="enrollment-check"),
]
