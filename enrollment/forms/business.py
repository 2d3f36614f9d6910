"""The form's first section: the business, its address, its calls and its contact person."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.core.validators import RegexValidator
from django.http import QueryDict

from enrollment import choices
from enrollment.validators import SSN_PATTERN, SSN_PLACEHOLDER
from portal.phone.numbers import InvalidPhoneNumber, format_national, parse_number

Choices = Iterable[tuple[str, Any]]
EMPTY_LABEL = "Choose one"


def _with_empty_choice(choices: Choices | tuple) -> Choices:
    return [("", EMPTY_LABEL), *choices]


def _choice_field(label: str, choices: Choices | tuple, help_text: str = "") -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label,
        choices=_with_empty_choice(choices),
        help_text=help_text,
        error_messages={"required": "Choose one.", "invalid_choice": "Choose one of the list."},
    )


class WholeNumberField(forms.IntegerField):
    """A whole number, with or without separators between groups of three digits: 1500, 1,500 or 1 500."""

    def to_python(self, value: object) -> int | None:
        return super().to_python(re.sub(r"(?<=\d)[,\s](?=\d{3}\b)", "", str(value or "").strip()))


class BusinessForm(forms.Form):
    use_required_attribute = False

    legal_name = forms.CharField(
        label="Legal business name",
        min_length=3,
        max_length=255,
        help_text="Exactly as registered: reviewers and engines compare it with public registers.",
        widget=forms.TextInput({"autocomplete": "organization"}),
    )
    trade_name = forms.CharField(
        label="Trade name", max_length=255, required=False, help_text="The name that people know you by (DBA)."
    )
    business_type = _choice_field("Business type", choices.BusinessType.choices)
    ein = forms.CharField(
        label="Employer Identification Number (EIN)",
        help_text="Nine digits, written XX-XXXXXXX. It proves that the business is yours. Never a Social Security "
        "number.",
        widget=forms.TextInput({"autocomplete": "off", "inputmode": "numeric"}),
    )
    duns = forms.CharField(
        label="D-U-N-S number",
        required=False,
        validators=[RegexValidator(r"^\d{9}$", "A D-U-N-S number has nine digits.")],
        help_text="Nine digits. Some engines look the business up by it.",
    )
    industry = _choice_field("Industry", choices.Industry.choices)
    employees = _choice_field("Employees", choices.Employees.choices)
    website = forms.URLField(
        label="Website",
        assume_scheme="https",
        max_length=255,
        help_text="Where a person who was called can read who you are.",
        error_messages={"invalid": "This is not a web address. Write it as https://www.example.com."},
        widget=forms.TextInput({"autocomplete": "url", "inputmode": "url"}),
    )

    street = forms.CharField(
        label="Street address",
        max_length=255,
        help_text="Where the business is. A P.O. box makes reviewers ask.",
        widget=forms.TextInput({"autocomplete": "street-address"}),
    )
    city = forms.CharField(label="City", max_length=100, widget=forms.TextInput({"autocomplete": "address-level2"}))
    state = _choice_field("State or territory", choices.US_STATES)
    zip_code = forms.CharField(
        label="ZIP code",
        validators=[RegexValidator(r"^\d{5}(-\d{4})?$", "Write five digits, or nine as 98101-1234.")],
        widget=forms.TextInput({"autocomplete": "postal-code", "inputmode": "numeric"}),
    )

    use_case = _choice_field("Main purpose of the calls", choices.UseCase.choices)
    use_case_details = forms.CharField(
        label="What the calls are about",
        max_length=2_000,
        help_text="Whom you call, why, and how they came to be on the list, in a few sentences.",
        widget=forms.Textarea({"rows": 4}),
    )
    on_behalf = forms.ChoiceField(
        label="Whose calls are they?",
        choices=choices.OnBehalf.choices,
        widget=forms.RadioSelect,
        help_text="A call center that calls for others needs each client's letter of authorization.",
        error_messages={"required": "Choose one."},
    )
    calls_per_day = WholeNumberField(
        label="Calls on a business day",
        min_value=1,
        max_value=100_000_000,
        help_text="About how many, from all numbers together.",
        error_messages={"invalid": "Write a whole number, such as 1500.", "min_value": "Write a number above 0."},
        widget=forms.TextInput({"inputmode": "numeric"}),
    )
    number_count = WholeNumberField(
        label="Phone numbers",
        min_value=1,
        max_value=10_000_000,
        help_text="How many numbers you call from.",
        error_messages={"invalid": "Write a whole number, such as 40.", "min_value": "Write a number above 0."},
        widget=forms.TextInput({"inputmode": "numeric"}),
    )
    phone_company = forms.CharField(
        label="Phone company",
        max_length=255,
        help_text="Who provides the numbers. Several: with commas.",
    )
    complaints = forms.CharField(
        label="How you handle complaints",
        max_length=2_000,
        required=False,
        help_text="Who answers people who complain about a call, and what happens then.",
        widget=forms.Textarea({"rows": 3}),
    )

    contact_name = forms.CharField(label="Name", max_length=120, widget=forms.TextInput({"autocomplete": "name"}))
    contact_title = forms.CharField(
        label="Job title",
        max_length=120,
        help_text="Somebody who may speak for the business.",
        widget=forms.TextInput({"autocomplete": "organization-title"}),
    )
    contact_phone = forms.CharField(
        label="Phone", help_text="Where a reviewer can call.", widget=forms.TextInput({"autocomplete": "tel"})
    )
    contact_email = forms.EmailField(
        label="E-mail",
        max_length=254,
        help_text="Best at the business's own domain. Decisions are sent there, too.",
        error_messages={"invalid": "This is not an e-mail address. Write it as name@example.com."},
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if field.error_messages["required"] == forms.Field.default_error_messages["required"]:
                field.error_messages["required"] = "Fill this in."

    @staticmethod
    def extract_data(data: QueryDict) -> dict[str, str]:
        """The fields that a request has, as they were typed."""
        return {name: data.get(name, "") for name in BusinessForm.base_fields if name in data}

    @property
    def fieldsets(self) -> list[tuple[str, list[forms.BoundField]]]:
        return [(name, [self[field] for field in fields]) for name, fields in self.FIELDSETS]

    def clean_ein(self) -> str:
        text = re.sub(r"[\u2010-\u2015\u2212]", "-", self.cleaned_data["ein"])
        if SSN_PATTERN.fullmatch(text) or text == SSN_PLACEHOLDER:
            raise forms.ValidationError(
                "This had the form of a Social Security number, so it was not kept. Write the business's EIN, as "
                "12-3456789; a sole proprietor can get one from the IRS at no cost."
            )
        digits = text.replace("-", "")
        if not re.fullmatch(r"\d{2}-?\d{7}", text):
            raise forms.ValidationError("An EIN has nine digits: write it as 12-3456789.")
        return f"{digits[:2]}-{digits[2:]}"

    def clean_website(self) -> str:
        address = self.cleaned_data["website"]
        if not address.startswith("https://"):
            raise forms.ValidationError("Write the address with https://: engines refuse sites without it.")
        return address

    def clean_contact_phone(self) -> str:
        try:
            return parse_number(self.cleaned_data["contact_phone"], allow_letters=True).e164
        except InvalidPhoneNumber as error:
            raise forms.ValidationError(str(error)) from None

    def get_display_value(self, name: str) -> str:
        """Format the cleaned value for people."""
        value, field = self.cleaned_data[name], self.fields[name]
        if isinstance(field, forms.ChoiceField):
            return dict(cast("Choices", field.choices))[value]
        if isinstance(value, int):
            return f"{value:,}"
        return format_national(value) if name == "contact_phone" else value
