"""Number Management > Test calls: the telephones that test calls go to, and the set-up check of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_POST

from portal.accounts.access import MemberRequest, editor_required, get_account_object_or_404, member_required
from portal.phone.numbers import InvalidPhoneNumber
from reputation.models import Telephone
from reputation.test_calls import setup, telephones
from reputation.test_calls.networks import explain_unknown_network, get_known_networks
from reputation.test_calls.setup import SetupStep
from reputation.test_calls.telephones import TelephoneExists


class TelephoneForm(forms.ModelForm):
    class Meta:
        model = Telephone
        fields = ["name", "carrier", "plan", "make", "system", "phone_app"]
        labels = {"phone_app": "Phone app"}
        help_texts = {
            "name": "What you call it, such as Anna's iPhone.",
            "carrier": "The network whose name the telephone shows. Choose one of the list, or type another.",
            "plan": "Some networks label postpaid lines only, so a prepaid or MVNO line shows labels, but never that "
            "there is none.",
            "make": "Such as Apple or Samsung: some makers show labels of their own.",
            "phone_app": "The app that shows calls, if it is not the one that came with the telephone.",
        }
        error_messages = {
            "name": {"required": "Give the telephone a name, such as Anna's iPhone."},
            "carrier": {"required": "Write the network, such as T-Mobile."},
        }
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
            "carrier": forms.TextInput(attrs={"autocomplete": "off", "list": "networks"}),
            "make": forms.TextInput(attrs={"autocomplete": "off"}),
            "phone_app": forms.TextInput(attrs={"autocomplete": "off"}),
        }


class AddTelephoneForm(TelephoneForm):
    number = forms.CharField(
        max_length=60,
        help_text="As you write it, such as (206) 555-0143. Test calls go to it, and it is deleted 90 days after you "
        "remove the telephone.",
        error_messages={"required": "Write the number of the telephone."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "tel"}),
    )
    field_order = ("name", "number", "carrier", "plan", "make", "system", "phone_app")


class ConfirmForm(forms.Form):
    seen_on = forms.DateField(
        label="Seen on",
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"required": "Choose the day.", "invalid": "This is not a date. Write it as 2026-11-27."},
    )

    def clean_seen_on(self) -> datetime:
        """Noon of the day in the account's time zone, or now if it is today."""
        day, today = self.cleaned_data["seen_on"], timezone.localdate()
        if day > today:
            raise ValidationError("This day is still to come. Choose today or an earlier one.")
        if day <= today - timedelta(days=settings.TEST_CALLS.proven_days):
            raise ValidationError(
                f"This is {settings.TEST_CALLS.proven_days} days ago or more, so it proves nothing any more."
            )
        return timezone.now() if day == today else timezone.make_aware(datetime.combine(day, time(12)))


@dataclass(frozen=True)
class TelephoneRow:
    """A telephone, why its *no label* does not count yet (empty if it does), and its open set-up steps."""

    telephone: Telephone
    not_counted: str
    is_proven: bool
    open_steps: int


def build_telephone_rows(found: Iterable[Telephone], now: datetime) -> list[TelephoneRow]:
    return [
        TelephoneRow(
            telephone,
            telephones.get_reason_not_counted(telephone, now),
            telephone.is_proven(now),
            len(setup.get_open_steps(telephone)),
        )
        for telephone in found
    ]


@member_required
def telephone_detail(request: MemberRequest, pk: int) -> HttpResponse:
    return _render_telephone(request, _get_telephone(request, pk))


def _render_telephone(request: MemberRequest, telephone: Telephone, form: ConfirmForm | None = None) -> HttpResponse:
    now = request.context.now
    open_codes = {step.code for step in setup.get_open_steps(telephone)}
    context = {
        "row": build_telephone_rows([telephone], now)[0],
        "telephone": telephone,
        "steps": [
            (step, _get_setting(telephone, step), step.code in open_codes) for step in setup.get_steps(telephone)
        ],
        "unknown_network": explain_unknown_network(telephone),
        "form": form or ConfirmForm(initial={"seen_on": timezone.localdate(now)}),
        "testers": telephone.testers.select_related("invited_by").order_by("-pk")[:20],
        "now": now,
        "proven_days": settings.TEST_CALLS.proven_days,
    }
    return render(request, "reputation/telephone.html", context, status=422 if form else 200)


def _get_setting(telephone: Telephone, step: SetupStep) -> str:
    return {True: "on", False: "off"}.get(telephone.protection.get(step.code), "")


@editor_required
def add_telephone(request: MemberRequest) -> HttpResponse:
    form = AddTelephoneForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            added = telephones.add_telephone(
                request.account, form.cleaned_data["number"], form.cleaned_data, context=request.context
            )
        except (InvalidPhoneNumber, TelephoneExists) as error:
            form.add_error("number", str(error))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"{added} was added. Go through its set-up check next.")
            return redirect("telephone", added.pk)
    return render(
        request, "reputation/telephone_add.html", {"form": form, "networks": get_known_networks(request.account)}
    )


@editor_required
def edit_telephone(request: MemberRequest, pk: int) -> HttpResponse:
    telephone = _get_telephone(request, pk)
    initial = {name: getattr(telephone, name) for name in TelephoneForm.Meta.fields}
    form = TelephoneForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        was_proven = telephone.is_proven(request.context.now)
        telephones.change_telephone(telephone, form.cleaned_data, context=request.context)
        lost = was_proven and not telephone.is_proven(request.context.now)
        messages.success(request, f"{telephone} was changed.{_LOST_PROOF if lost else ''}")
        return redirect("telephone", pk)
    context = {"form": form, "telephone": telephone, "networks": get_known_networks(request.account)}
    return render(request, "reputation/telephone_edit.html", context)


_LOST_PROOF = " It may show labels differently now, so it has to be proven again."


@editor_required
def remove_telephone(request: MemberRequest, pk: int) -> HttpResponse:
    """Ask for confirmation, then remove the telephone. A second click changes nothing and says so."""
    telephone = get_account_object_or_404(request, Telephone.objects.select_related("account"), pk)
    if request.method == "POST" or telephone.removed_at:
        if request.method == "POST" and not telephone.removed_at:
            telephones.remove_telephone(telephone, context=request.context)
            messages.success(request, f"{telephone} was removed. What it showed is kept.")
        else:
            messages.info(request, f"{telephone} was removed before. Nothing was changed.")
        return redirect("test-calls")
    return render(request, "reputation/telephone_remove.html", {"telephone": telephone})


@require_POST
@editor_required
def check_setup(request: MemberRequest, pk: int) -> HttpResponse:
    """Store which settings are on. A setting that is left out of the form stays as it is."""
    telephone = _get_telephone(request, pk)
    protection: dict[str, Any] = dict(telephone.protection)
    for step in setup.get_steps(telephone):
        if step.code in request.POST:
            protection[step.code] = {"on": True, "off": False}.get(request.POST[step.code])
    telephones.change_telephone(telephone, {"protection": protection}, context=request.context)
    left = len(setup.get_open_steps(telephone))
    messages.success(
        request, f"Saved. {left} of the settings are still wrong or not known." if left else "Saved. All is set up."
    )
    return redirect("telephone", pk)


@require_POST
@editor_required
def confirm_label(request: MemberRequest, pk: int) -> HttpResponse:
    """*Confirm label seen*: the telephone displayed the label of any caller."""
    telephone = _get_telephone(request, pk)
    form = ConfirmForm(request.POST)
    if not form.is_valid():
        return _render_telephone(request, telephone, form)
    telephones.confirm_label_seen(telephone, form.cleaned_data["seen_on"], context=request.context)
    messages.success(request, f"{telephone} is proven: it displays labels.")
    return redirect("telephone", pk)


def _get_telephone(request: MemberRequest, pk: int) -> Telephone:
    in_use = Telephone.objects.in_use().select_related("account")
    return get_account_object_or_404(request, in_use, pk)


urls = [
    path("number-management/test-calls/telephones/add/", add_telephone, name="telephones-add"),
    path("number-management/test-calls/telephones/<int:pk>/", telephone_detail, name="telephone"),
    path("number-management/test-calls/telephones/<int:pk>/edit/", edit_telephone, name="telephone-edit"),
    path("number-management/test-calls/telephones/<int:pk>/remove/", remove_telephone, name="telephone-remove"),
    path("number-management/test-calls/telephones/<int:pk>/set-up/", check_setup, name="telephone-setup"),
    path("number-management/test-calls/telephones/<int:pk>/label-seen/", confirm_label, name="telephone-label-seen"),
]
