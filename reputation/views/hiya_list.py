"""Remediation desk > Hiya Connect list: paste or upload the list of registered numbers and grades."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
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
from portal.files.records import UnreadableFile
from portal.models import today_of
from reputation.engine_lists import hiya
from reputation.engine_lists.reading import ListContent, read_list, read_text
from reputation.models import CarrierEngine, EngineList


class HiyaListForm(forms.Form):
    text = forms.CharField(
        label="The list",
        required=False,
        max_length=5_000_000,
        widget=forms.Textarea({"rows": 8}),
        help_text="Copy it at Hiya Connect and paste it here, with its headings if it has any.",
    )
    file = forms.FileField(
        label="Or a file",
        required=False,
        max_length=1_000,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx,text/csv,text/plain"}),
        help_text="CSV, text or Excel (.xlsx).",
    )
    shown_on = forms.DateField(
        label="When did Hiya show it?",
        widget=forms.DateInput({"type": "date"}),
        help_text="Hiya's grades count for two days from then.",
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def clean_shown_on(self) -> date:
        if self.cleaned_data["shown_on"] > self.today:
            raise ValidationError("This day is in the future.")
        return self.cleaned_data["shown_on"]

    def clean(self) -> dict[str, Any] | None:
        if not self.errors and bool(self.cleaned_data.get("text")) == bool(self.cleaned_data.get("file")):
            raise ValidationError("Paste the list, or choose a file: one of the two.")
        return self.cleaned_data


@takes_upload(may_edit_account)
@editor_required
def bring_list(request: MemberRequest) -> HttpResponse:
    today = today_of(request.account, request.context.now)
    is_post = request.method == "POST"
    form = HiyaListForm(
        request.POST if is_post else None,
        request.FILES if is_post else None,
        today=today,
        initial={"shown_on": today.isoformat()},
    )
    if getattr(request, "too_large", False):
        limit = settings.UPLOAD_LIMIT_MB
        form.errors["file"] = form.error_class(
            [f"The file is larger than {limit} MB. Nothing was changed. A list of numbers is much smaller."]
        )
    elif is_post and form.is_valid() and (response := _read(request, form, today)):
        return response
    lists = EngineList.objects.for_account(request.account).select_related("engine", "read_by")
    context = {
        "form": form,
        "served": _describe_served(hiya.ENGINE),
        "lists": lists.order_by("-pk")[:10],
    }
    return render(request, "reputation/hiya_list/new.html", context)


def _read(request: MemberRequest, form: HiyaListForm, today: date) -> HttpResponse | None:
    """Returns None if the list was refused. Then the form says why."""
    upload = form.cleaned_data["file"]
    try:
        content: ListContent = read_list(upload, name=upload.name) if upload else read_text(form.cleaned_data["text"])
        result = hiya.apply_list(
            request.account,
            content,
            name=upload.name if upload else "",
            shown_at=_get_time(request, form.cleaned_data["shown_on"], today),
            context=request.context,
        )
    except (UnreadableFile, hiya.ListRefused) as error:
        form.add_error("file" if upload else "text", str(error))
        return None
    if not result.is_new:
        messages.info(request, "This list was read before. Nothing was changed.")
    return redirect("desk-hiya-list", result.engine_list.pk)


def _get_time(request: MemberRequest, day: date, today: date) -> datetime:
    """Now for a list of today, else the end of its day."""
    if day == today:
        return request.context.now
    return datetime.combine(day, time.max, tzinfo=ZoneInfo(request.account.time_zone))


@member_required
def show_list(request: MemberRequest, pk: int) -> HttpResponse:
    lists = EngineList.objects.select_related("engine", "read_by")
    found = get_account_object_or_404(request, lists, pk)
    context = {
        "list": found,
        "served": _describe_served(found.engine.slug),
    }
    return render(request, "reputation/hiya_list/result.html", context)


def _describe_served(engine: str) -> str:
    """Whose calls the engine labels, as far as it is known: AT&T, any carrier on Samsung."""
    rows = CarrierEngine.objects.filter(engine__slug=engine).order_by("-carrier", "device")
    return ", ".join(f"{row.carrier or 'any carrier'}{f' on {row.device}' if row.device else ''}" for row in rows)


urls = [
    path("number-management/remediation-desk/hiya-list/", bring_list, name="desk-hiya-list-new"),
    path("number-management/remediation-desk/hiya-list/<int:pk>/", show_list, name="desk-hiya-list"),
]
