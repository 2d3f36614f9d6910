"""The forms of the campaign pages."""

from __future__ import annotations

from django import forms

from portal.db.keyset import parse_id
from reputation.campaigns import MAX_DAILY_LIMIT


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
        "day. The default caller ID is shown beyond it. Empty: no limit.",
        error_messages={
            "invalid": "Write a whole number, such as 75, or leave it empty for no limit.",
            "min_value": "A limit is at least 1 call a day. Leave it empty for no limit, or pause the campaign.",
            "max_value": f"A limit is at most {MAX_DAILY_LIMIT:,} calls a day. Leave it empty for no limit.",
        },
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
