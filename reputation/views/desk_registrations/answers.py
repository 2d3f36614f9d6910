"""Record what an engine answered about registrations, for one number or many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from portal.accounts.access import MemberRequest, editor_required
from portal.models import Account
from portal.text import pluralize
from reputation.desks import registration_answers
from reputation.desks.registration_answers import ANSWERS
from reputation.desks.registrations import NotRegistrable, get_engines, get_registry_desks
from reputation.models import Engine
from reputation.views.desk_registrations.chosen_numbers import CHOICE_FIELDS, choose_numbers, read_typed_numbers

# More numbers than this are not listed in the form, but counted.
MAX_LISTED = 50


class AnswerForm(forms.Form):
    from_engine = forms.ModelChoiceField(
        Engine.objects.none(),
        to_field_name="slug",
        label="Which engine answered?",
        empty_label="Choose the engine",
        help_text="The engines of one registry answer apart.",
        error_messages={"required": "Choose the engine that answered."},
    )
    numbers = forms.CharField(
        label="About which numbers?",
        help_text="One a line, or as the engine lists them.",
        widget=forms.Textarea({"rows": 5, "inputmode": "tel"}),
        error_messages={"required": "Enter the numbers that the answer is about."},
    )
    answer = forms.ChoiceField(
        label="What does it say?",
        choices=[(state.value, state.label) for state in ANSWERS],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what the engine answered."},
    )
    text = forms.CharField(
        label="The answer, word for word",
        strip=False,
        max_length=20_000,
        help_text="Paste the whole mail or message. It is kept as it is.",
        widget=forms.Textarea({"rows": 6}),
        error_messages={"required": "Paste what the engine wrote, so that it can be read later."},
    )

    def __init__(self, *args: Any, account: Account, engines: Sequence[Engine], count: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        choices = cast("forms.ModelChoiceField", self.fields["from_engine"])
        choices.queryset = Engine.objects.filter(pk__in=[engine.pk for engine in engines])
        if count:
            del self.fields["numbers"]

    def clean_numbers(self) -> list[int]:
        ids, problems = read_typed_numbers(self.account, self.cleaned_data["numbers"])
        if problems:
            raise ValidationError(problems)
        return ids


@editor_required
def record_answer(request: MemberRequest) -> HttpResponse:
    engines = get_engines(get_registry_desks())
    params = request.POST if request.method == "POST" else request.GET
    chosen = choose_numbers(request.account, params, engines)
    count = chosen.count() if params.get("all") else 0
    initial = {"from_engine": params.get("engine")}
    if request.method == "GET" and not count:
        initial["numbers"] = "\n".join(str(number) for number in chosen.order_by("e164")[:MAX_LISTED])
    form = AnswerForm(
        request.POST if request.method == "POST" else None,
        account=request.account,
        engines=engines,
        count=count,
        initial=initial,
    )
    if request.method == "POST" and form.is_valid() and _record(request, form, chosen if count else None):
        return redirect("desk-registrations")
    context = {
        "form": form,
        "count": count,
        "hidden": [(name, value) for name in CHOICE_FIELDS for value in params.getlist(name)] if count else [],
    }
    return render(request, "reputation/desk_registrations/answer.html", context)


def _record(request: MemberRequest, form: AnswerForm, chosen: Any) -> bool:
    """Returns whether it was recorded. If not, the form says why."""
    values = form.cleaned_data
    engine = values["from_engine"]
    ids = list(chosen.values_list("pk", flat=True)) if chosen is not None else values["numbers"]
    try:
        changed = registration_answers.record_answer(
            request.account, engine, ids, state=values["answer"], text=values["text"], context=request.context
        )
    except NotRegistrable as error:
        form.add_error(None, str(error))
        return False
    if changed:
        messages.success(request, f"The answer of {engine} about {pluralize(changed, 'number')} is noted.")
    else:
        messages.info(request, "This answer was noted before. Nothing was changed.")
    return True


urls = [
    path("number-management/remediation-desk/registrations/answer/", record_answer, name="desk-registration-answer")
]
