"""The form's first section: the business, its address, its calls and its contact person."""

from __future__ import annotations

from typing import cast

from django import forms
from django.http import QueryDict

from enrollment import choices
from enrollment.forms.contact_phone import format_contact_phone
from enrollment.forms.fields import (
    ChoiceField,
    Choices,
    ContactPhoneField,
    DunsField,
    EinField,
    EmailField,
    LongTextField,
    NameField,
    TextField,
    WebsiteField,
    WholeNumberField,
    ZipCodeField,
    build_select,
)


class BusinessForm(forms.Form):
    use_required_attribute = False

    legal_name = NameField(
        label="Legal business name",
        max_length=255,
        help_text="Exactly as registered: reviewers and engines compare it with public registers.",
        widget=forms.TextInput({"autocomplete": "organization"}),
    )
    trade_name = NameField(
        label="Trade name", max_length=255, required=False, help_text="The name that people know you by (DBA)."
    )
    business_type = build_select("Business type", choices.BusinessType.choices)
    ein = EinField(
        label="Employer Identification Number (EIN)",
        help_text="Nine digits, written XX-XXXXXXX. It proves that the business is yours. Never a Social Security "
        "number.",
        widget=forms.TextInput({"autocomplete": "off", "inputmode": "numeric"}),
    )
    duns = DunsField(
        label="D-U-N-S number",
        required=False,
        help_text="Nine digits. Some engines look the business up by it.",
    )
    industry = build_select("Industry", choices.Industry.choices)
    employees = build_select("Employees", choices.Employees.choices)
    website = WebsiteField(
        label="Website",
        max_length=255,
        help_text="Where a person who was called can read who you are.",
        widget=forms.TextInput({"autocomplete": "url", "inputmode": "url"}),
    )

    street = TextField(
        label="Street address",
        max_length=255,
        help_text="Where the business is. A P.O. box makes reviewers ask.",
        widget=forms.TextInput({"autocomplete": "street-address"}),
    )
    city = TextField(label="City", max_length=100, widget=forms.TextInput({"autocomplete": "address-level2"}))
    state = build_select("State or territory", choices.US_STATES)
    zip_code = ZipCodeField(
        label="ZIP code",
        widget=forms.TextInput({"autocomplete": "postal-code", "inputmode": "numeric"}),
    )

    use_case = build_select("Main purpose of the calls", choices.UseCase.choices)
    use_case_details = LongTextField(
        label="What the calls are about",
        max_length=2_000,
        help_text="Whom you call, why, and how they came to be on the list, in a few sentences.",
        widget=forms.Textarea({"rows": 4}),
    )
    on_behalf = ChoiceField(
        label="Whose calls are they?",
        choices=choices.OnBehalf.choices,
        widget=forms.RadioSelect,
        help_text="A call center that calls for others needs each client's letter of authorization.",
    )
    calls_per_day = WholeNumberField(
        label="Calls on a business day",
        max_value=100_000_000,
        help_text="About how many, from all numbers together.",
        widget=forms.TextInput({"inputmode": "numeric"}),
    )
    number_count = WholeNumberField(
        label="Phone numbers",
        max_value=10_000_000,
        help_text="How many numbers you call from.",
        widget=forms.TextInput({"inputmode": "numeric"}),
    )
    phone_company = TextField(
        label="Phone company",
        max_length=255,
        help_text="Who provides the numbers. Several: with commas.",
    )
    complaints = LongTextField(
        label="How you handle complaints",
        max_length=2_000,
        required=False,
        help_text="Who answers people who complain about a call, and what happens then.",
        widget=forms.Textarea({"rows": 3}),
    )

    contact_name = NameField(label="Name", max_length=120, widget=forms.TextInput({"autocomplete": "name"}))
    contact_title = TextField(
        label="Job title",
        max_length=120,
        help_text="Somebody who may speak for the business.",
        widget=forms.TextInput({"autocomplete": "organization-title"}),
    )
    contact_phone = ContactPhoneField(
        label="Phone",
        help_text="Where a reviewer can call, with the extension if there is one.",
        widget=forms.TextInput({"autocomplete": "tel"}),
    )
    contact_email = EmailField(
        label="E-mail",
        max_length=254,
        help_text="Best at the business's own domain. Decisions are sent there, too.",
        widget=forms.TextInput({"autocomplete": "email", "inputmode": "email"}),
    )

    FIELDSETS = (
        (
            "Your business",
            ("legal_name", "trade_name", "business_type", "industry", "ein", "duns", "employees", "website"),
        ),
        ("Where it is", ("street", "city", "state", "zip_code")),
        (
            "What you call about",
            (
                *("use_case", "phone_company", "calls_per_day", "number_count"),
                *("on_behalf", "use_case_details", "complaints"),
            ),
        ),
        ("Whom reviewers may ask", ("contact_name", "contact_title", "contact_phone", "contact_email")),
    )

    @staticmethod
    def extract_data(data: QueryDict) -> dict[str, str]:
        """The fields that a request has, as they were typed."""
        return {name: data.get(name, "") for name in BusinessForm.base_fields if name in data}

    @property
    def fieldsets(self) -> list[tuple[str, list[forms.BoundField]]]:
        return [(name, [self[field] for field in fields]) for name, fields in self.FIELDSETS]

    def get_display_value(self, name: str) -> str:
        """Format the cleaned value for people."""
        value, field = self.cleaned_data[name], self.fields[name]
        if isinstance(field, forms.ChoiceField):
            return dict(cast("Choices", field.choices))[value]
        if isinstance(value, int):
            return f"{value:,}"
        return format_contact_phone(value) if name == "contact_phone" else value
