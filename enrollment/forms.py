"""The three parts of the form: what each field asks and why, and what makes an answer complete.

Their data is what the draft holds (`Application.business` and `.answers`); `typed_in` reads it from a request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.http import QueryDict

from enrollment import business
from enrollment.drafts import SSN_PATTERN, SSN_PLACEHOLDER
from enrollment.models import Application
from enrollment.questions import QUESTIONS, QUESTIONS_BY_ID, Answer, Question
from portal.phone.numbers import InvalidPhoneNumber, format_national, parse_number

Choices = list[tuple[str, str]]
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
    """A whole number from 1; 1,500 is read as people write it."""

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
    business_type = _choice_field("Business type", business.BusinessType.choices)
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
    industry = _choice_field("Industry", business.Industry.choices)
    employees = _choice_field("Employees", business.Employees.choices)
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
    state = _choice_field("State or territory", business.US_STATES)
    zip_code = forms.CharField(
        label="ZIP code",
        validators=[RegexValidator(r"^\d{5}(-\d{4})?$", "Write five digits, or nine as 98101-1234.")],
        widget=forms.TextInput({"autocomplete": "postal-code", "inputmode": "numeric"}),
    )

    use_case = _choice_field("Main purpose of the calls", business.UseCase.choices)
    use_case_details = forms.CharField(
        label="What the calls are about",
        max_length=2_000,
        help_text="Whom you call, why, and how they came to be on the list, in a few sentences.",
        widget=forms.Textarea({"rows": 4}),
    )
    on_behalf = forms.ChoiceField(
        label="Whose calls are they?",
        choices=business.OnBehalf.choices,
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

    GROUPS = (
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
    def typed_in(data: QueryDict) -> dict[str, str]:
        return {name: data[name] for name in BusinessForm.base_fields if name in data}

    @property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        return [(name, [self[field] for field in fields]) for name, fields in self.GROUPS]

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
            return parse_number(self.cleaned_data["contact_phone"], letters=True).e164
        except InvalidPhoneNumber as error:
            raise forms.ValidationError(str(error)) from None

    def shown(self, name: str) -> str:
        """The cleaned value as a person reads it."""
        value, field = self.cleaned_data[name], self.fields[name]
        if isinstance(field, forms.ChoiceField):
            return dict(field.choices)[value]
        if isinstance(value, int):
            return f"{value:,}"
        return format_national(value) if name == "contact_phone" else value


@dataclass(frozen=True)
class QuestionFields:
    """A question with its fields; `reworded` where the answer that is held was given to an older wording."""

    question: Question
    answer: forms.BoundField
    note: forms.BoundField
    wording: forms.BoundField
    reworded: bool

    @property
    def errors(self) -> list[str]:
        return [*self.answer.errors, *self.note.errors]


class PracticesForm(forms.Form):
    """A field each for the answer, the note (why a question doesn't apply, or what will be done about a No), and the
    wording that was answered. An answer to an older wording is asked for again."""

    use_required_attribute = False

    def __init__(self, answers: Mapping[str, Mapping[str, str]], *, check: bool) -> None:
        held = {
            question.id: answers[question.id]
            for question in QUESTIONS
            if answers.get(question.id, {}).get("wording") == question.wording
        }
        self.reworded = {name for name, given in answers.items() if given.get("answer") and name not in held}
        values = {f"{name}-{part}": text for name, given in answers.items() for part, text in given.items()}
        for question in QUESTIONS:
            values[f"{question.id}-wording"] = question.wording
            if question.id in self.reworded:
                values[f"{question.id}-answer"] = ""
        super().__init__(values if check else None, initial=values)
        for question in QUESTIONS:
            self.fields[f"{question.id}-answer"] = forms.ChoiceField(
                label=question.text,
                choices=Answer.choices,
                widget=forms.RadioSelect,
                error_messages={
                    "required": "The question was reworded since it was answered. Read it and answer again."
                    if question.id in self.reworded
                    else "Choose an answer.",
                    "invalid_choice": "Choose one of the answers.",
                },
            )
            self.fields[f"{question.id}-note"] = forms.CharField(
                required=False, max_length=1_000, widget=forms.Textarea({"rows": 2})
            )
            self.fields[f"{question.id}-wording"] = forms.CharField(required=False, widget=forms.HiddenInput)

    @staticmethod
    def typed_in(data: QueryDict) -> dict[str, dict[str, str]]:
        typed = {
            question.id: {part: data.get(f"{question.id}-{part}", "") for part in ("answer", "note", "wording")}
            for question in QUESTIONS
        }
        return {name: given for name, given in typed.items() if any(f"{name}-{part}" in data for part in given)}

    def clean(self) -> None:
        for question in QUESTIONS:
            not_applicable = self.cleaned_data.get(f"{question.id}-answer") == Answer.NOT_APPLICABLE
            if not_applicable and not self.cleaned_data.get(f"{question.id}-note"):
                self.add_error(f"{question.id}-note", "Say why it doesn't apply to you.")

    @property
    def asked(self) -> Iterator[QuestionFields]:
        for question in QUESTIONS:
            parts = (self[f"{question.id}-{part}"] for part in ("answer", "note", "wording"))
            yield QuestionFields(question, *parts, question.id in self.reworded)

    def given(self) -> dict[str, dict[str, str]]:
        """The cleaned answers by question: {answer, note, wording}."""
        return {
            name: {part: self.cleaned_data[f"{name}-{part}"] for part in ("answer", "note", "wording")}
            for name in QUESTIONS_BY_ID
        }


class SubmitForm(forms.Form):
    """`application` and `edits` say which one was read, and in which state; a changed one is not sent unread."""

    use_required_attribute = False

    signed_by = forms.CharField(
        label="Your full name",
        max_length=120,
        help_text="Your name stands as your signature.",
        widget=forms.TextInput({"autocomplete": "name"}),
        error_messages={"required": "Write the name of the person who signs."},
    )
    agreed = forms.BooleanField(
        label="I may speak for this business, and what is written above is true.",
        error_messages={"required": "Tick this to send: answers count only when somebody stands for them."},
    )
    application = forms.IntegerField(widget=forms.HiddenInput)
    edits = forms.IntegerField(widget=forms.HiddenInput)


@dataclass(frozen=True)
class FormError:
    """An error for the list above a form: `anchor` is the id of the control it belongs to."""

    anchor: str
    label: str
    sentence: str


def get_form_errors(form: forms.Form) -> list[FormError]:
    """Every error of the form, in its order; the first control of a group of choices stands for the group."""
    return [
        FormError(
            field.auto_id + ("_0" if isinstance(field.field.widget, forms.RadioSelect) else ""),
            _get_label(field),
            sentence,
        )
        for field in (form[name] for name in form.fields)
        for sentence in field.errors
    ]


def _get_label(field: forms.BoundField) -> str:
    question = QUESTIONS_BY_ID.get(field.name.partition("-")[0])
    return question.text if question else str(field.label)


def build_forms(application: Application, *, check: bool) -> tuple[BusinessForm, PracticesForm]:
    """Both sections filled with what the draft holds; with `check`, their errors are found."""
    typed = application.business
    return (
        BusinessForm(typed if check else None, initial=typed),
        PracticesForm(application.answers, check=check),
    )
