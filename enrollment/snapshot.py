"""An application as it was submitted.

A snapshot includes labels, questions and law, so that it reads the same after these change in the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from enrollment.questions import QUESTIONS_BY_ID, Answer

if TYPE_CHECKING:
    from enrollment.forms import BusinessForm, PracticesForm

Snapshot = dict[str, Any]


def take_snapshot(business: BusinessForm, practices: PracticesForm, *, signed_by: str) -> Snapshot:
    """Build the snapshot of two valid forms, as JSON values.

    {business: [{group, fields: [{name, label, value, shown}]}],
     answers: [{id, question, law, wording, answer, note}], signed_by}
    """
    return {
        "business": [
            {
                "group": group,
                "fields": [
                    {
                        "name": field.name,
                        "label": field.label,
                        "value": business.cleaned_data[field.name],
                        "shown": business.get_display_value(field.name),
                    }
                    for field in fields
                ],
            }
            for group, fields in business.fieldsets
        ],
        "answers": [
            {"id": name, "question": QUESTIONS_BY_ID[name].text, "law": QUESTIONS_BY_ID[name].law, **given}
            for name, given in practices.get_answers().items()
        ],
        "signed_by": signed_by,
    }


def is_as_submitted(snapshot: Snapshot, business: BusinessForm, practices: PracticesForm) -> bool:
    """Whether both forms are valid and read as they did when they were submitted."""
    if not (business.is_valid() and practices.is_valid() and snapshot):
        return False
    return take_snapshot(business, practices, signed_by=snapshot["signed_by"]) == snapshot


def get_business_values(snapshot: Snapshot) -> dict[str, Any]:
    """The business fields by name."""
    return {field["name"]: field["value"] for group in snapshot.get("business", ()) for field in group["fields"]}


def get_answers(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """The answers by question: {answer, note, ...}."""
    return {given["id"]: given for given in snapshot.get("answers", ())}


@dataclass(frozen=True)
class FieldChange:
    label: str
    before: str
    after: str


def diff_snapshots(previous: Snapshot, current: Snapshot) -> list[FieldChange]:
    """What the applicant changed between two submissions, in the order of the form."""
    before, after = dict(_flatten(previous)), dict(_flatten(current))
    return [
        FieldChange(label, before.get(label, ""), after.get(label, ""))
        for label in after | before
        if before.get(label, "") != after.get(label, "")
    ]


def _flatten(snapshot: Snapshot) -> list[tuple[str, str]]:
    fields = [
        (f"{group['group']}: {field['label']}", field["shown"])
        for group in snapshot.get("business", ())
        for field in group["fields"]
    ]
    answers = [
        (given["question"], f"{Answer(given['answer']).label}. {given['note']}".strip())
        for given in snapshot.get("answers", ())
    ]
    return [*fields, *answers, ("Signed by", snapshot.get("signed_by", ""))]
