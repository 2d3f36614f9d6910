"""The form's second section: the dialing practices, with an answer and a note for each question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django import forms
from django.http import QueryDict

from enrollment.forms.fields import LongTextField
from enrollment.questions import QUESTIONS, QUESTIONS_BY_ID, Answer, Question

FIELD_SUFFIXES = ("answer", "note", "wording")


@dataclass(frozen=True)
class QuestionFields:
    """A question with its form fields. `reworded`: the stored answer was given to an older wording."""

    question: Question
    answer: forms.BoundField
    note: forms.BoundField
    wording: forms.BoundField
    reworded: bool

    @property
    def errors(self) -> list[str]:
        return [*self.answer.errors, *self.note.errors]


class PracticesForm(forms.Form):
    """Three fields for each question: the answer, a note, and the wording that was answered.

    The note says why a question does not apply, or what will be done about a No. A Yes has none: a note that was
    typed for another answer stays in the draft and is not submitted. An answer to an older wording has to be given
    again.
    """

    use_required_attribute = False

    def __init__(self, answers: Mapping[str, Mapping[str, str]], *, check: bool) -> None:
        self.reworded = _find_reworded(answers)
        values = self._get_values(answers)
        super().__init__(values if check else None, initial=values)
        for question in QUESTIONS:
            self._add_fields(question)

    def _get_values(self, answers: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        values = {f"{name}-{part}": text for name, given in answers.items() for part, text in given.items()}
        for question in QUESTIONS:
            values[f"{question.id}-wording"] = question.wording
            if question.id in self.reworded:
                values[f"{question.id}-answer"] = ""
        return values

    def _add_fields(self, question: Question) -> None:
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
        self.fields[f"{question.id}-note"] = LongTextField(
            required=False, max_length=1_000, widget=forms.Textarea({"rows": 2})
        )
        self.fields[f"{question.id}-wording"] = forms.CharField(required=False, widget=forms.HiddenInput)

    @staticmethod
    def extract_data(data: QueryDict) -> dict[str, dict[str, str]]:
        """The questions that a request has, as {question id: {answer, note, wording}}."""
        return {
            question.id: {part: data.get(f"{question.id}-{part}", "") for part in FIELD_SUFFIXES}
            for question in QUESTIONS
            if any(f"{question.id}-{part}" in data for part in FIELD_SUFFIXES)
        }

    def clean(self) -> None:
        for question in QUESTIONS:
            answer, note = self.cleaned_data.get(f"{question.id}-answer"), f"{question.id}-note"
            if answer == Answer.YES:
                self.cleaned_data[note] = ""
                self.errors.pop(note, None)
            elif answer == Answer.NOT_APPLICABLE and note not in self.errors and not self.cleaned_data[note]:
                self.add_error(note, "Say why it doesn't apply to you.")

    @property
    def questions(self) -> Iterator[QuestionFields]:
        for question in QUESTIONS:
            answer, note, wording = (self[f"{question.id}-{part}"] for part in FIELD_SUFFIXES)
            yield QuestionFields(question, answer, note, wording, question.id in self.reworded)

    def get_answers(self) -> dict[str, dict[str, str]]:
        """The cleaned answers by question: {answer, note, wording}."""
        return {
            name: {part: self.cleaned_data[f"{name}-{part}"] for part in FIELD_SUFFIXES} for name in QUESTIONS_BY_ID
        }


def _find_reworded(answers: Mapping[str, Mapping[str, str]]) -> set[str]:
    """The ids of answered questions whose wording has changed since, or that no longer exist."""
    wordings = {question.id: question.wording for question in QUESTIONS}
    return {
        name for name, given in answers.items() if given.get("answer") and given.get("wording") != wordings.get(name)
    }
