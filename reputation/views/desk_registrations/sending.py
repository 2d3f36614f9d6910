"""Send numbers to a registry: a question first, then the sheet, then the note that it was sent.

The pages keep the choice of numbers in the form, so nothing is stored before the note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from portal.accounts.access import MemberRequest, editor_required
from portal.models import Account
from portal.phone.numbers import format_national
from portal.text import pluralize
from reputation.desks import registrations
from reputation.desks.packets.content import Packet
from reputation.desks.registration_sheet import build_registration
from reputation.desks.registrations import NotRegistrable, RegistrationDraft, get_engines, get_registry_desks
from reputation.models import Desk
from reputation.views.desk_registrations.chosen_numbers import (
    CHOICE_FIELDS,
    choose_numbers,
    get_digest,
    read_typed_numbers,
)
from reputation.views.desk_registrations.letters import file_response

# Numbers of one letter, and those that the question lists one by one.
MAX_NUMBERS = 100_000
MAX_LISTED = 50
QUESTION_FIELDS = ("desk", "answers", "without_name", "unnamed")
KEPT_FIELDS = (*CHOICE_FIELDS, *QUESTION_FIELDS)


@dataclass(frozen=True)
class Choice:
    """The numbers that may be sent to the desk now (id and E.164), and how many others were chosen."""

    desk: Desk
    numbers: list[tuple[int, str]]
    other_count: int
    without_name: set[int] = field(default_factory=set)
    leaves_out: bool = False

    @property
    def to_send(self) -> list[tuple[int, str]]:
        if not self.leaves_out:
            return self.numbers
        return [number for number in self.numbers if number[0] not in self.without_name]

    @property
    def unnamed(self) -> list[str]:
        return [format_national(e164) for pk, e164 in self.numbers if pk in self.without_name]

    @property
    def digest(self) -> str:
        return get_digest([pk for pk, _ in self.to_send])


class QuestionForm(forms.Form):
    answers = forms.ChoiceField(
        label="Call them back. Do they answer with your business's name?",
        choices=[("all", "Yes, all of them"), ("some", "No, not all of them")],
        widget=forms.RadioSelect,
        help_text="A greeting or a recording will do. Of many numbers that end at one place, call a few.",
        error_messages={"required": "Call the numbers back, then say whether they answer with the name."},
    )
    without_name = forms.CharField(
        label="Those that do not",
        required=False,
        widget=forms.Textarea({"rows": 4, "inputmode": "tel"}),
        help_text="One a line. An engine may call a number to see whose it is. One that does not answer with the name "
        "may be refused, or removed later.",
    )
    unnamed = forms.ChoiceField(
        label="What to do with those",
        choices=[("leave_out", "Leave them out until they answer with the name"), ("send", "Send them as well")],
        widget=forms.RadioSelect,
        initial="leave_out",
    )

    def __init__(self, *args: Any, account: Account, numbers: Sequence[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        self.ids = {pk for pk, _ in numbers}
        if len(numbers) <= MAX_LISTED:
            typed = self.fields["without_name"]
            self.fields["without_name"] = forms.MultipleChoiceField(
                label=typed.label,
                required=False,
                choices=[(str(pk), format_national(e164)) for pk, e164 in numbers],
                widget=forms.CheckboxSelectMultiple,
                help_text=str(typed.help_text).removeprefix("One a line. "),
            )

    def clean_without_name(self) -> set[int]:
        value = self.cleaned_data["without_name"]
        if isinstance(value, list):
            return set(map(int, value))
        ids, problems = read_typed_numbers(self.account, value)
        if problems:
            raise ValidationError(problems)
        return self.ids.intersection(ids)

    def clean(self) -> dict[str, Any] | None:
        answers, without_name = self.cleaned_data.get("answers"), self.cleaned_data.get("without_name")
        if answers == "some" and without_name == set():
            self.add_error("without_name", "Name those that do not.")
        if answers == "all" and without_name:
            self.add_error("answers", "You named numbers that do not. Choose the other answer, or clear them.")
        return self.cleaned_data


class RecordForm(forms.Form):
    text = forms.CharField(
        label="What you entered in the form",
        max_length=50_000,
        strip=False,
        widget=forms.Textarea({"rows": 8}),
        help_text="Correct it if you entered anything else. It is kept as it is.",
    )
    attested_by = forms.CharField(
        label="Who declares that the business itself uses these numbers?", max_length=120, help_text="A person's name."
    )
    mailbox = forms.EmailField(
        label="Mailbox that receives the answers",
        help_text="The work address that you gave. Each engine may write to it, and may ask for an account.",
    )
    reference = forms.CharField(label="Reference that the form showed", max_length=120, required=False)


@editor_required
def send_registration(request: MemberRequest) -> HttpResponse:
    """GET asks the question. POST shows the sheet, gives the file, or records that it was sent, by `step`."""
    params = request.POST if request.method == "POST" else request.GET
    choice = _read_choice(request)
    if choice is None:
        messages.error(request, "No desk takes registrations. The operator of the portal can add one.")
        return redirect("desk-registrations")
    if not choice.numbers:
        messages.error(
            request,
            f"None of these numbers can be sent to {choice.desk} now: sent already, confirmed, or none was chosen.",
        )
        return redirect("desk-registrations")
    data = request.POST if "step" in request.POST else None
    question = QuestionForm(data, account=request.account, numbers=choice.numbers)
    if data is None or not question.is_valid():
        hidden = _get_hidden(params, CHOICE_FIELDS)
        context = {"choice": choice, "form": question, "hidden": hidden, "desks": get_registry_desks()}
        return render(request, "reputation/desk_registrations/question.html", context)
    values = question.cleaned_data
    choice = Choice(
        choice.desk, choice.numbers, choice.other_count, values["without_name"], values["unnamed"] == "leave_out"
    )
    return _show_sheet(request, choice, question)


def _read_choice(request: MemberRequest) -> Choice | None:
    params = request.POST if request.method == "POST" else request.GET
    desks = get_registry_desks()
    desk = next((desk for desk in desks if desk.slug == params.get("desk")), desks[0] if desks else None)
    if desk is None:
        return None
    chosen = choose_numbers(request.account, params, get_engines(desks))
    only_new = bool(params.get("all")) and not params.get("state")
    sendable = registrations.select_sendable(request.account, desk, only_new=only_new)
    numbers = sendable.filter(pk__in=chosen.values("pk")).order_by("e164").values_list("pk", "e164")
    limit = min(desk.batch_limit or MAX_NUMBERS, MAX_NUMBERS)
    found = list(numbers[:limit])
    return Choice(desk, found, chosen.count() - len(found))


def _show_sheet(request: MemberRequest, choice: Choice, question: QuestionForm) -> HttpResponse:
    if not choice.to_send:
        question.add_error("without_name", "No number is left to send. Let them answer with the name first.")
        context = {"choice": choice, "form": question, "hidden": _get_hidden(request.POST, CHOICE_FIELDS)}
        return render(request, "reputation/desk_registrations/question.html", context)
    packet = build_registration(request.account, choice.desk, choice.to_send, now=request.context.now)
    step = request.POST["step"]
    if step == "file":
        return file_response(packet.file_content, packet.file_name)
    form = RecordForm(request.POST) if step == "record" else RecordForm(initial=_get_initial(request, packet))
    if step == "record" and form.is_valid():
        if request.POST.get("digest") != choice.digest:
            form.add_error(
                None, "The numbers have changed since this page was shown. Nothing was noted. Download the file again."
            )
        elif (response := _record(request, choice, packet, form)) is not None:
            return response
    context = {
        "choice": choice,
        "packet": packet,
        "form": form,
        "hidden": _get_hidden(request.POST, KEPT_FIELDS),
        "typed": len(choice.to_send) <= 20,
    }
    return render(request, "reputation/desk_registrations/sheet.html", context)


def _get_initial(request: MemberRequest, packet: Packet) -> dict[str, str]:
    fields = {field.name: field.value for field in packet.fields}
    return {
        "text": packet.text,
        "attested_by": request.user.get_full_name(),
        "mailbox": fields.get("Contact e-mail", ""),
    }


def _record(request: MemberRequest, choice: Choice, packet: Packet, form: RecordForm) -> HttpResponse | None:
    draft = RegistrationDraft(
        file_name=packet.file_name,
        file_content=packet.file_content,
        without_name=() if choice.leaves_out else choice.without_name,
        **form.cleaned_data,
    )
    ids = [pk for pk, _ in choice.to_send]
    try:
        letter = registrations.send(request.account, choice.desk, ids, draft, context=request.context)
    except NotRegistrable as error:
        form.add_error(None, str(error))
        return None
    messages.success(request, f"{pluralize(len(ids), 'number')} noted as sent to {choice.desk}.")
    return redirect("desk-registration-letter", letter.pk)


def _get_hidden(params: Any, names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, value) for name in names for value in params.getlist(name)]


urls = [
    path("number-management/remediation-desk/registrations/send/", send_registration, name="desk-registration-send")
]
