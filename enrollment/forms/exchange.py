"""The forms about an application that a reviewer has: a reply to the reviewer's question, and the withdrawal."""

from django import forms

from enrollment.forms.fields import HiddenIdField, LongTextField


class WithdrawForm(forms.Form):
    """Bound to what was read: `application` is its id, `revision` the submission that the page showed."""

    application = HiddenIdField()
    revision = HiddenIdField()


class ReplyForm(WithdrawForm):
    use_required_attribute = False

    reply = LongTextField(
        label="Your reply",
        max_length=4_000,
        help_text="The reviewer reads it beside the form, and it stays in the history.",
        widget=forms.Textarea({"rows": 6}),
        error_messages={"required": "Write what the reviewer asks for."},
    )
