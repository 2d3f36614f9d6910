"""Number Management > Phone Numbers: the list, and adding, changing, removing and exporting numbers."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme

from portal.accounts.access import MemberRequest, editor_required, get_account_object_or_404, member_required
from portal.models import Account
from portal.phone.numbers import US_REGIONS, InvalidPhoneNumber, ParsedNumber, country_name
from reputation import phone_numbers
from reputation.models import Campaign, Case, NumberImport, PhoneNumber
from reputation.number_table import table as number_table
from reputation.number_table.alerts import build_rows
from reputation.numbers import export as number_export
from reputation.numbers.filters import NumberFilter
from reputation.views.number_reputation import get_displayed_ids


class NumberForm(forms.Form):
    """What can be said about a number: its label, source and campaign."""

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

    def __init__(self, *args: object, account: Account, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["campaign"].queryset = Campaign.objects.for_account(account).order_by("name")


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
            return phone_numbers.parse_caller_id(self.cleaned_data["number"], letters=True)
        except InvalidPhoneNumber as error:
            raise forms.ValidationError(str(error)) from None


@member_required
def number_list(request: MemberRequest) -> HttpResponse:
    table = number_table.get_number_table(
        request.GET,
        scope=number_table.NumberScope(request.account),
        now=timezone.now(),
        still_shown=get_displayed_ids(request),
    )
    imports = NumberImport.objects.for_account(request.account)
    context = {"table": table, "under_way": imports.under_way()[:3], "waiting": imports.waiting_for_you()[:3]}
    return render(request, "reputation/phone_numbers.html", context)


@editor_required
def add_number(request: MemberRequest) -> HttpResponse:
    """Adds one number. A second click, or one that is listed already, adds nothing and leads to what is there."""
    form = AddNumberForm(request.POST or None, account=request.account)
    if request.method == "POST" and form.is_valid():
        parsed = form.cleaned_data.pop("number")
        added = phone_numbers.add(account=request.account, parsed=parsed, **form.cleaned_data, context=request.context)
        if added.now_is != "there":
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
    """What was done, with the digits where letters were typed, and what cannot be done with it later."""
    number = added.number
    came_back = added.now_is == "brought_back"
    words = [f"{number} was {'added again, with its history' if came_back else 'added'}."]
    if any(character.isalpha() for character in typed):
        words.append(f"{typed.strip()} is {number} in digits.")
    if number.region not in US_REGIONS:
        where = country_name(number.region)
        words.append(f"It belongs to {where}: it is listed, but only United States numbers can be monitored.")
    return " ".join(words)


@editor_required
def edit_number(request: MemberRequest, pk: int) -> HttpResponse:
    number = get_account_object_or_404(request, PhoneNumber, pk)
    shown = {"label": number.label, "source": number.source, "campaign": number.campaign_id}
    form = NumberForm(request.POST or None, account=request.account, initial=shown)
    if request.method == "POST" and form.is_valid():
        changed = phone_numbers.change(number, **form.cleaned_data, context=request.context)
        messages.success(request, f"{number} was changed." if changed else f"{number} is as it was.")
        return redirect(_get_return_url(request))
    return render(
        request, "reputation/phone_number_edit.html", {"form": form, "number": number, "back": _get_return_url(request)}
    )


@editor_required
def remove_number(request: MemberRequest, pk: int) -> HttpResponse:
    """Says what will happen, and does it when it is confirmed. A second click, or a stale page, is told it was done."""
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
    template = "_phone_number_remove.html" if request.htmx else "phone_number_remove.html"
    return render(request, f"reputation/{template}", context)


def _get_return_url(request: MemberRequest) -> str:
    """The list as it was filtered, or the page that led here; never another site."""
    back = request.POST.get("back") or request.GET.get("back", "")
    is_ours = back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return back if is_ours else reverse("phone-numbers")


@member_required
def export_csv(request: MemberRequest) -> StreamingHttpResponse:
    """What the filters show, as CSV; the same query string as the list."""
    now = timezone.now()
    numbers = NumberFilter.read(request.GET).apply(PhoneNumber.objects.for_account(request.account), now)
    return csv_response(number_export.stream_csv(numbers, now), f"phone-numbers-{timezone.localdate(now)}.csv")


def csv_response(lines: object, file_name: str) -> StreamingHttpResponse:
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
