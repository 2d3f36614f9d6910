"""The remediation desks in Django admin. Operators correct addresses, limits and days, and say where they read them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError

from reputation.admin.providers import AuditedAdmin
from reputation.models import Desk


class DeskForm(forms.ModelForm):
    address = forms.URLField(
        max_length=300,
        required=False,
        assume_scheme="https",
        help_text="The page of the form. Pages show it beside what to send. Try it before you call it verified.",
    )

    class Meta:
        model = Desk
        fields = [
            *("name", "slug", "kind", "form", "engines", "carrier", "registers", "reviews"),
            *("address", "email", "answer_days", "usual_time", "daily_limit", "batch_limit", "notes"),
            *("source", "read_on", "certainty", "in_use"),
        ]
        widgets = {"engines": forms.CheckboxSelectMultiple}
        help_texts = {
            "slug": "A short name for the portal. Leave that of a shipped desk as it is.",
            "form": "What the portal prepares: a sheet, one text, a CSV file, or one number after the other.",
            "engines": "Whose labels it reviews, and with which it registers numbers.",
            "carrier": "It then gets the labels that this carrier's telephones show. Empty: those of its engines.",
            "email": "If the desk takes requests by mail.",
            "daily_limit": "How many numbers one account may send a day. Empty: no limit.",
            "batch_limit": "How many numbers go into one letter. Empty: no limit.",
            "notes": "What people should know before they send. Pages show it.",
            "read_on": "When this was read. Enter today when you correct something.",
            "certainty": "Pages show the last two as not verified.",
            "in_use": "If it is off, nothing new is sent to the desk. Earlier requests stay.",
        }

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        values = self.cleaned_data
        if values.get("in_use") and not (values.get("registers") or values.get("reviews")):
            raise ValidationError("A desk in use takes registrations, or requests to review labels, or both.")
        if values.get("registers") and "engines" in values and not values["engines"]:
            raise ValidationError("A desk that takes registrations registers with an engine. Choose at least one.")
        return cleaned


@admin.register(Desk)
class DeskAdmin(AuditedAdmin):
    """A desk to which something was sent cannot be deleted, because its letters are kept. It can be put out of use."""

    form = DeskForm
    list_display = ["name", "kind", "in_use", "is_verified", "answer_days", "address", "read_on"]
    list_filter = ["in_use", "kind", "certainty", "registers", "reviews"]
    search_fields = ["name", "carrier", "address", "notes", "source"]
    event_prefix = "desk"

    @admin.display(description="verified", boolean=True)
    def is_verified(self, desk: Desk) -> bool:
        return desk.is_verified

    def describe(self, obj: Desk) -> str:
        state = "in use" if obj.in_use else "not in use"
        where = obj.address or obj.email or "no address"
        limit = f", {obj.daily_limit} a day" if obj.daily_limit else ""
        certainty = obj.get_certainty_display().lower()
        return f"{state}, {obj.answer_days} days{limit}, {where}, {certainty} ({obj.read_on:%Y-%m-%d})"
