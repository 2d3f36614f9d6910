"""The forms of the desk: a letter, a reply, asking again. What is typed as text is kept as it was typed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone

from portal.text import pluralize
from reputation.models import DeskRequest

State = DeskRequest.State
Refusal = DeskRequest.Refusal


class VerbatimField(forms.CharField):
    """Text as it was typed, with the line ends of the portal."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


class SelectionForm(forms.Form):
    """A form about requests, whose ids it carries."""

    use_required_attribute = False
    ids = forms.CharField(widget=forms.HiddenInput, required=False)


class LetterForm(SelectionForm):
    text = VerbatimField(
        label="Text",
        help_text="Change it as you send it: what is here is kept as the text that was sent.",
        widget=forms.Textarea({"rows": 14, "spellcheck": "true"}),
        error_messages={"required": "Enter the text as you sent it."},
    )
    reference = forms.CharField(
        label="The desk's reference",
        max_length=120,
        required=False,
        help_text="A ticket number, if the form shows one.",
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    mailbox = forms.EmailField(
        label="Mailbox for the answer",
        help_text="The address that you gave the desk. Codes and answers arrive there.",
        widget=forms.TextInput({"autocomplete": "email", "inputmode": "email"}),
        error_messages={
            "required": "Write the address that the desk answers to.",
            "invalid": "This is not an e-mail address. Write it as name@example.com.",
        },
    )
    attested_by = forms.CharField(
        label="Who declares it",
        max_length=120,
        help_text="The person of your business who vouches for the numbers.",
        widget=forms.TextInput({"autocomplete": "name"}),
        error_messages={"required": "Name the person who declares it."},
    )
    declares = forms.BooleanField(
        label="Our business itself uses these numbers",
        help_text="Most desks refuse third parties, such as an agency that sends the request for a client.",
        error_messages={
            "required": "Nothing was stored. Tick this if it is true. If it is not, the business that uses the numbers "
            "has to send the request."
        },
    )
    file_name = forms.CharField(widget=forms.HiddenInput, required=False, max_length=120)
    file_content = forms.CharField(widget=forms.HiddenInput, required=False, strip=False)

    def get_letter(self) -> dict[str, str]:
        """The values that are kept with the letter."""
        return {name: value for name, value in self.cleaned_data.items() if name not in ("ids", "declares")}


class AnswerForm(LetterForm):
    """The answer to a desk's question."""

    field_order = ("text", "reference", "mailbox", "attested_by", "declares")


class ReplyForm(SelectionForm):
    """What a desk wrote, and what it says."""

    text = VerbatimField(
        label="The desk's words",
        help_text="Copy the whole reply, as it came. Nothing is changed in it.",
        widget=forms.Textarea({"rows": 10}),
        error_messages={"required": "Enter the desk's words exactly as they came."},
    )
    received_at = forms.DateTimeField(
        label="When it came",
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"required": "Say when it came.", "invalid": "Write date and time as 2026-11-27 14:30."},
    )
    state = forms.ChoiceField(
        label="What it says",
        choices=[
            (State.ACKNOWLEDGED.value, "It has the request, and answers later"),
            (State.QUESTION.value, "It asks something"),
            (State.DONE.value, "It says that the label is gone"),
            (State.REFUSED.value, "It refuses"),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what the reply says.", "invalid_choice": "Choose one of the list."},
    )
    due_on = forms.DateField(
        label="Answer its question by",
        required=False,
        widget=forms.DateInput({"type": "date"}),
        error_messages={"invalid": "Write the date as 2026-11-30."},
    )
    refusal = forms.ChoiceField(
        label="Why it refuses",
        required=False,
        choices=[("", "It does not refuse"), *Refusal.choices],
        error_messages={"invalid_choice": "Choose one of the list."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        days = pluralize(settings.DESKS.send_days, "business day")
        self.fields["due_on"].help_text = f"The date that the desk names. Without one, you have {days}."

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        state = values.get("state")
        if state == State.REFUSED and not values.get("refusal"):
            self.add_error("refusal", "Choose why the desk refuses. If it gave no reason, choose that.")
        if state and state != State.REFUSED and values.get("refusal"):
            self.add_error("refusal", "You chose a reply that is no refusal. Choose *It refuses*, or no reason here.")
        received = values.get("received_at")
        if received and received > timezone.now():
            self.add_error("received_at", "This is in the future. Write when the reply came.")
        return values


class AskAgainForm(SelectionForm):
    what_changed = VerbatimField(
        label="What changed since",
        required=False,
        help_text="Such as fewer calls a day, or a new script. Needed after a refusal because of how the number is "
        "used: the same request again does nothing.",
        widget=forms.Textarea({"rows": 4}),
    )
    not_before = forms.DateField(
        label="Not before",
        required=False,
        widget=forms.DateInput({"type": "date"}),
        error_messages={"invalid": "Write the date as 2026-11-30."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        days = pluralize(settings.DESKS.behaviour_wait_days, "day")
        field = self.fields["not_before"]
        field.help_text = f"From when it may be sent. After a refusal because of use, {days} later at the earliest."
