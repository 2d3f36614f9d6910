"""CSV imports: a file is chosen, what it will do is shown, and it is confirmed or dropped."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_POST

from portal.accounts.access import MemberRequest, changing_view, member_view, owned
from reputation.imports import pipeline, preview
from reputation.imports.csv_reader import CannotRead
from reputation.labels import so_many
from reputation.models import NumberImport
from reputation.numbers.export import csv_lines
from reputation.views.phone_numbers import csv_response

SHOWN = 25


class ImportForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        max_length=1_000,
        allow_empty_file=True,  # the import says itself, at the field, that a file is empty
        error_messages={"required": "Choose a CSV file first.", "missing": "Choose a CSV file first."},
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv,text/plain"}),
    )


@changing_view
def new(request: MemberRequest) -> HttpResponse:
    """Takes a file. What cannot be imported at all is answered at the field; everything else shows a preview first."""
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    if getattr(request, "too_large", False):
        form.errors["file"] = form.error_class(
            [f"The file is larger than {settings.UPLOAD_LIMIT_MB} MB. Nothing was imported. Import it in parts."]
        )
    elif form.is_valid():
        file = form.cleaned_data["file"]
        try:
            batch = pipeline.receive(account=request.account, upload=file, actor=request.actor, now=timezone.now())
            return redirect("import", batch.pk)
        except CannotRead as error:
            form.add_error("file", str(error))
    return render(request, "reputation/import_new.html", {"form": form, "limit": settings.UPLOAD_LIMIT_MB})


@member_view
def import_list(request: MemberRequest) -> HttpResponse:
    """The account's imports, the newest first; older ones go by key."""
    before = request.GET.get("before", "")
    imports = NumberImport.objects.for_account(request.account).select_related("user", "api_key").order_by("-pk")
    if before.isdecimal() and len(before) < 19:
        imports = imports.filter(pk__lt=int(before))
    shown = list(imports[: SHOWN + 1])
    context = {
        "imports": [(one, preview.summary_of(one)) for one in shown[:SHOWN]],
        "older": shown[SHOWN - 1].pk if len(shown) > SHOWN else None,
        "any_under_way": any(one.is_under_way for one in shown[:SHOWN]),
    }
    return render(request, "reputation/imports.html", context)


@member_view
def import_page(request: MemberRequest, pk: int) -> HttpResponse:
    """How far it is; what it will do; or what it did."""
    batch = owned(request, NumberImport.objects.select_related("user", "api_key", "confirmed_by", "confirmed_with"), pk)
    context = {
        "import": batch,
        "groups": [] if batch.is_under_way else preview.groups_of(batch),
        "columns": preview.columns_of(batch),
        "ends_at": batch.received_at + pipeline.kept_for(),
        "kept_until": batch.ended_at + pipeline.kept_for() if batch.ended_at else None,
        "summary": preview.summary_of(batch),
    }
    return render(request, "reputation/import.html", context)


@member_view
def refused(request: MemberRequest, pk: int) -> StreamingHttpResponse:
    """Every refused line with its number and reason, as CSV."""
    batch = owned(request, NumberImport, pk)
    return csv_response(csv_lines(preview.refused_lines(batch)), f"refused-lines-of-import-{batch.pk}.csv")


@require_POST
@changing_view
def confirm(request: MemberRequest, pk: int) -> HttpResponse:
    """*Import 42 numbers*: done once, however often it is pressed."""
    batch = owned(request, NumberImport, pk)
    if not pipeline.confirm(batch, actor=request.actor, now=timezone.now()):
        messages.info(request, f"This was no longer waiting to be confirmed: {batch.get_state_display().lower()}.")
    elif batch.state == NumberImport.State.DONE:
        messages.success(request, f"{so_many(batch.added + batch.brought_back + batch.changed)} imported.")
    return redirect("import", pk)


@require_POST
@changing_view
def cancel(request: MemberRequest, pk: int) -> HttpResponse:
    batch = owned(request, NumberImport, pk)
    if pipeline.cancel(batch, actor=request.actor, now=timezone.now()):
        messages.success(request, f"The import of {batch.file_name} was cancelled. No number was changed.")
        return redirect("phone-numbers")
    messages.info(request, f"It cannot be cancelled any more: {batch.get_state_display().lower()}.")
    return redirect("import", pk)


@require_POST
@changing_view
def stop(request: MemberRequest, pk: int) -> HttpResponse:
    """*Stop*: the rest is left as it is. The page says how far it came."""
    batch = owned(request, NumberImport, pk)
    if not pipeline.stop(batch, actor=request.actor, now=timezone.now()):
        messages.info(request, f"There is nothing to stop any more: {batch.get_state_display().lower()}.")
    return redirect("import", pk)


urls = [
    path("number-management/phone-numbers/import/", new, name="import-new"),
    path("number-management/phone-numbers/imports/", import_list, name="imports"),
    path("number-management/phone-numbers/imports/<int:pk>/", import_page, name="import"),
    path("number-management/phone-numbers/imports/<int:pk>/refused/", refused, name="import-refused"),
    path("number-management/phone-numbers/imports/<int:pk>/confirm/", confirm, name="import-confirm"),
    path("number-management/phone-numbers/imports/<int:pk>/cancel/", cancel, name="import-cancel"),
    path("number-management/phone-numbers/imports/<int:pk>/stop/", stop, name="import-stop"),
]
