"""The templates of all forms: label, help text, control, and the error at its field."""

from django import forms


class FormRenderer(forms.renderers.TemplatesSetting):
    form_template_name = "portal/_form.html"
    field_template_name = "portal/_field.html"
