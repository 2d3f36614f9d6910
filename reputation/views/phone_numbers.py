"""Number Management > Phone Numbers: list, add, change, remove and export numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_safe

from portal import audit
from portal.accounts.access import MemberRequest, editor_required, get_account_object_or_404, member_required
from portal.models import Account
from portal.phone.numbers import US_REGIONS, InvalidPhoneNumber, ParsedNumber, country_name
from reputation import phone_numbers
from reputation.models import Campaign, Case, NumberImport, PhoneNumber
from reputation.number_table.alerts import build_rows
from reputation.number_table.scope import NumberScope
from reputation.numbers import export as number_export
from reputation.numbers.filters import NumberFilter
from reputation.views.number_table import read_number_table


class NumberForm(forms.Form):
    """The fields of a number that can be changed."""

    label = forms.CharField(
        max_length=80,
        required=False,
        help_text="What you call it, such as Seattle outbound 4.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    source = forms.ChoiceField(
        choices=PhoneNumber.Source.choices,
        help_text="Native: it belongs to your phone service here. BYOC: your own carrier provides it.",
    )
    campaign = forms.ModelChoiceField(
        Campaign.objects.none(),
        required=False,
        empty_label="In no campaign",
        help_text="The outbound dialer campaign that calls from it.",
    )

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        campaign = cast("forms.ModelChoiceField", self.fields["campaign"])
        campaign.queryset = Campaign.objects.for_account(account).order_by("name")


class EditNumberForm(NumberForm):
    """`end_monitoring` is shown when it is needed: the number would leave its campaign, and no seat is free."""

    end_monitoring = forms.BooleanField(
        label="End monitoring of this number",
        required=False,
        help_text="It leaves its campaign, and no seat of the Spam Monitoring and Remediation licence is free. The "
        "engines are no longer asked about it, and an open case is cancelled.",
    )

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, account=account, **kwargs)
        self.confirmation = self.fields.pop("end_monitoring")

    def ask_to_end_monitoring(self) -> None:
        """Show the box, and say why nothing was saved."""
        self.fields["end_monitoring"] = self.confirmation
        self.add_error(
            "end_monitoring", "Nothing was saved yet. Tick the box to save, or keep the number in a campaign."
        )


class AddNumberForm(NumberForm):
    number = forms.CharField(
        max_length=60,
        help_text="As you write it: (206) 555-0143, 1-800-FLOWERS, or with + and the country code.",
        error_messages={"required": "Write the phone number."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "tel"}),
    )
    field_order = ("number", "label", "source", "campaign")

    def clean_number(self) -> ParsedNumber:
        try:
            return phone_numbers.parse_caller_id(self.cleaned_data["number"], allow_letters=True)
        except InvalidPhoneNumber as error:
            raise forms.ValidationError(str(error)) from None


@member_required
def number_list(request: MemberRequest) -> HttpResponse:
    table = read_number_table(request, NumberScope(request.account))
    imports = NumberImport.objects.for_account(request.account)
    context = {
        "table": table,
        "imports": imports.in_progress()[:3],
        "unconfirmed_imports": imports.awaiting_confirmation()[:3],
    }
    return render(request, "reputation/phone_numbers.html", context)


@editor_required
def add_number(request: MemberRequest) -> HttpResponse:
    """Add one number. If the number is listed already, the error links to it."""
    form = AddNumberForm(request.POST or None, account=request.account)
    if request.method == "POST" and form.is_valid():
        parsed = form.cleaned_data.pop("number")
        added = phone_numbers.add(account=request.account, parsed=parsed, **form.cleaned_data, context=request.context)
        if added.outcome != "existing":
            messages.success(request, _get_added_message(added, form.data["number"]))
            return redirect("phone-numbers")
        form.add_error("number", _get_duplicate_error(added.number))
    return render(request, "reputation/phone_number_add.html", {"form": form})


def _get_duplicate_error(number: PhoneNumber) -> str:
    return format_html(
        '<a href="{}">{}</a> is already in the list{}. Nothing was changed.',
        reverse("number", args=[number.pk]),
        number,
        f", as {number.label}" if number.label else "",
    )


def _get_added_message(added: phone_numbers.AddResult, typed: str) -> str:
    """What was done, the digits if letters were typed, and a note if the number cannot be monitored."""
    number = added.number
    restored = added.outcome == "restored"
    sentences = [f"{number} was {'added again, with its history' if restored else 'added'}."]
    if any(character.isalpha() for character in typed):
        sentences.append(f"{typed.strip()} is {number} in digits.")
    if number.region not in US_REGIONS:
        country = country_name(number.region)
        sentences.append(f"It belongs to {country}: it is listed, but only United States numbers can be monitored.")
    return " ".join(sentences)


@editor_required
def edit_number(request: MemberRequest, pk: int) -> HttpResponse:
    number = get_account_object_or_404(request, PhoneNumber, pk)
    initial = {"label": number.label, "source": number.source, "campaign": number.campaign_id}
    form = EditNumberForm(request.POST or None, account=request.account, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            changed = phone_numbers.change(
                number,
                **form.cleaned_data,
                context=request.context,
                end_monitoring="end_monitoring" in request.POST,
            )
        except phone_numbers.MonitoringWouldEnd:
            form.ask_to_end_monitoring()
        else:
            messages.success(request, f"{number} was changed." if changed else f"{number} is as it was.")
            return redirect(_get_return_url(request))
    return render(
        request, "reputation/phone_number_edit.html", {"form": form, "number": number, "back": _get_return_url(request)}
    )


@editor_required
def remove_number(request: MemberRequest, pk: int) -> HttpResponse:
    """Ask for confirmation, then remove the number. A second click or a stale page changes nothing and says so."""
    number = get_object_or_404(request.account.phone_numbers.select_related("campaign"), pk=pk)
    if request.method == "POST" or number.removed_at:
        removed = request.method == "POST" and phone_numbers.remove([pk], context=request.context)
        if removed:
            messages.success(request, f"{number} was removed. Its history is kept: adding it again brings it back.")
        else:
            messages.info(request, f"{number} was removed before. Nothing was changed.")
        return redirect(_get_return_url(request))
    context = {
        "row": build_rows([number], timezone.now())[0],
        "case": Case.objects.filter(number=number).unfinished().first(),
        "default_of": Campaign.objects.for_account(request.account).filter(default_number=number),
        "back": _get_return_url(request),
    }
    return render(request, "reputation/phone_number_remove.html", context)


def _get_return_url(request: MemberRequest) -> str:
    """The page in `back`, with its filters. Never another site."""
    back = request.POST.get("back") or request.GET.get("back", "")
    is_local = back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return back if is_local else reverse("phone-numbers")


@require_safe
@member_required
def export_csv(request: MemberRequest) -> StreamingHttpResponse:
    """The filtered list as CSV."""
    now = timezone.now()
    numbers = NumberFilter.from_params(request.GET).apply(PhoneNumber.objects.for_account(request.account), now)
    audit.record_event(account=request.account, context=request.context, code="export.numbers", subject=request.account)
    return csv_response(number_export.stream_csv(numbers, now), f"phone-numbers-{timezone.localdate(now)}.csv")


def csv_response(lines: Iterable[str], file_name: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file_name}"', "Cache-Control": "no-store"},
    )


urls = [
    path("number-management/phone-numbers/", number_list, name="phone-numbers"),
    path("number-management/phone-numbers/add/", add_number, name="phone-number-add"),
    path("number-management/phone-numbers/export/", export_csv, name="phone-numbers-export"),
    path("number-management/phone-numbers/<int:pk>/edit/", edit_number, name="phone-number-edit"),
    path("number-management/phone-numbers/<int:pk>/remove/", remove_number, name="phone-number-remove"),
]
