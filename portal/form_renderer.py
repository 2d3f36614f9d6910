"""How every form of the portal is drawn: label, why it is asked, control, and its error at the field."""

from django import forms


class FormRenderer(forms.renderers.TemplatesSetting):
    form_template_name = "portal/_form.html"
    field_template_name = "portal/_field.html"
