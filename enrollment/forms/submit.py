"""The form's last section: the signature."""

from django import forms

from enrollment.forms.fields import HiddenIdField, NameField


class SubmitForm(forms.Form):
    """The signature, bound to what was read: `application` is its id, `edits` its `edit_count` at that time."""

    use_required_attribute = False

    signed_by = NameField(
        label="Your full name",
        max_length=120,
        help_text="Your name stands as your signature.",
        widget=forms.TextInput({"autocomplete": "name"}),
        error_messages={"required": "Write the name of the person who signs."},
    )
    agreed = forms.BooleanField(
        label="I may speak for this business, and what is written above is true.",
        error_messages={"required": "Tick this to send: answers count only when somebody stands for them."},
    )
    application = HiddenIdField()
    edits = HiddenIdField()
