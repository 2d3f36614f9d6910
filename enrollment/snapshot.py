"""An application as it was sent: labels, questions and law included, so that it reads the same when they change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from enrollment.forms import BusinessForm, PracticesForm
from enrollment.questions import QUESTIONS_BY_ID, Answer

Snapshot = dict[str, Any]


def take_snapshot(business: BusinessForm, practices: PracticesForm, *, signed_by: str) -> Snapshot:
    """Of two valid forms: {business: [{group, fields: [{name, label, value, shown}]}], answers: [{id, question, law,
    wording, answer, note}], signed_by}. Only what JSON holds."""
    return {
        "business": [
            {
                "group": group,
                "fields": [
                    {
                        "name": field.name,
                        "label": field.label,
                        "value": business.cleaned_data[field.name],
                        "shown": business.shown(field.name),
                    }
                    for field in fields
                ],
            }
            for group, fields in business.groups
        ],
        "answers": [
            {"id": name, "question": QUESTIONS_BY_ID[name].text, "law": QUESTIONS_BY_ID[name].law, **given}
            for name, given in practices.given().items()
        ],
        "signed_by": signed_by,
    }


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


def diff_snapshots(former: Snapshot, later: Snapshot) -> list[FieldChange]:
    """What an applicant changed between two sendings, in the order of the form."""
    before, after = dict(_flatten(former)), dict(_flatten(later))
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
