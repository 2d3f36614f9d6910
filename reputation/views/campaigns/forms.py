"""The forms of the campaign pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.db.keyset import parse_id
from reputation.campaigns import MAX_DAILY_LIMIT
from reputation.matching.labelled import MAX_CONSIDERED
from reputation.models import Campaign

WhenAllLabelled = Campaign.WhenAllLabelled

# What each choice does, for the pages.
WHEN_ALL_LABELLED_EXPLANATIONS = {
    WhenAllLabelled.DEFAULT: "A call shows a number of the called person's State without a label. If there is none, it "
    "shows the default caller ID, even if that is tagged.",
    WhenAllLabelled.LEAST_BAD: "Instead of the default caller ID, a call shows a labelled number of that State: the "
    "one whose label was last found the longest ago; of equals, one that only one network labels, then one with a "
    "category rather than spam or scam. "
    f"It chooses among the {MAX_CONSIDERED} nearest. People may see the label.",
    WhenAllLabelled.NO_CALL: "The dialer gets no caller ID, with the reason all_labelled, and is to make no call. "
    "Where the campaign has no number at all, calls still show the default caller ID.",
}


def explain_choices() -> list[tuple[str, SafeString]]:
    """Return the choices for when every local number is labelled, each with its explanation."""
    return [
        (choice.value, format_html('<span>{}<span class="under">{}</span></span>', choice.label, explanation))
        for choice, explanation in WHEN_ALL_LABELLED_EXPLANATIONS.items()
    ]


class WhenAllLabelledField(forms.ChoiceField):
    """A form without the field, such as an older one, means the default."""

    def clean(self, value: Any) -> Any:
        return super().clean(value or WhenAllLabelled.DEFAULT)


class CampaignForm(forms.Form):
    """The settings of a campaign.

    Hidden fields carry the values that the page showed, so that a stale page changes only what its user changed.
    """

    name = forms.CharField(
        max_length=80,
        show_hidden_initial=True,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Give the campaign a name, such as Spring renewals."},
    )
    automatic_matching = forms.BooleanField(
        label="Automatic caller ID matching",
        required=False,
        show_hidden_initial=True,
        help_text="On: a call shows one of the campaign's numbers that is local to the called person, and tagged "
        "numbers are skipped until their tag is gone. Off: every call shows the default caller ID.",
    )

    daily_limit = forms.IntegerField(
        label="Daily limit of calls per number",
        required=False,
        min_value=1,
        max_value=MAX_DAILY_LIMIT,
        show_hidden_initial=True,
        widget=forms.NumberInput(attrs={"autocomplete": "off"}),
        help_text="So many calls a day show the same number; then it is skipped, like a tagged one, until the next "
        "day. The default caller ID is shown beyond it only where the campaign has no local number. Empty: no limit.",
        error_messages={
            "invalid": "Write a whole number, such as 75, or leave it empty for no limit.",
            "min_value": "A limit is at least 1 call a day. Leave it empty for no limit, or pause the campaign.",
            "max_value": f"A limit is at most {MAX_DAILY_LIMIT:,} calls a day. Leave it empty for no limit.",
        },
    )

    when_all_labelled = WhenAllLabelledField(
        label="When every local number is labelled",
        choices=explain_choices,
        initial=WhenAllLabelled.DEFAULT,
        show_hidden_initial=True,
        widget=forms.RadioSelect,
        help_text="Local are the campaign's numbers of the called person's State. No choice pushes a number over its "
        "daily limit.",
    )
    shows_on_other_networks = forms.BooleanField(
        label="Show a number that only one network labels to people on other networks",
        required=False,
        show_hidden_initial=True,
        help_text="Only for calls whose called_carrier the dialer sends. The number stays skipped if the network of "
        "the call or of a label is not known. Telephone apps may show labels on every network.",
    )

    @property
    def initial_name(self) -> str:
        return self.data.get(self.add_initial_prefix("name"), "").replace("\x00", "")

    @property
    def initial_daily_limit(self) -> int | None:
        return parse_id(self.data.get(self.add_initial_prefix("daily_limit"))) or None


class MatchTestForm(forms.Form):
    """The number to call in *Try it*."""

    call = forms.CharField(
        label="Number to call",
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off", "placeholder": "(206) 555-0143"}),
        error_messages={"required": "Write the number to call, as (206) 555-0143 or +12065550143."},
    )
    carrier = forms.CharField(
        label="Called person's network",
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Verizon"}),
    )
