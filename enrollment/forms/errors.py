"""The list of errors above a form."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms

from enrollment.questions import QUESTIONS_BY_ID


@dataclass(frozen=True)
class FormError:
    """An error, with the id and the label of the control it belongs to."""

    control_id: str
    label: str
    message: str


def get_form_errors(form: forms.Form) -> list[FormError]:
    """Every error of the form, in the order of its fields. Radio buttons are represented by the first one."""
    return [
        FormError(
            field.auto_id + ("_0" if isinstance(field.field.widget, forms.RadioSelect) else ""),
            _get_label(field),
            str(message),
        )
        for field in (form[name] for name in form.fields)
        for message in field.errors
    ]


def _get_label(field: forms.BoundField) -> str:
    question = QUESTIONS_BY_ID.get(field.name.partition("-")[0])
    return question.text if question else str(field.label)
