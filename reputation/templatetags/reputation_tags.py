"""Template filters for phone numbers and the states of cases."""

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.phone.numbers import format_national
from reputation.labels import CASE_LABELS, StatusLabel
from reputation.models import Case, PhoneNumber

register = template.Library()


@register.filter
def case_label(case: Case) -> StatusLabel:
    return CASE_LABELS[case.state]


@register.filter
def number_link(number: PhoneNumber) -> SafeString:
    """A link to the number's page, in national format. Scripts copy it as E.164."""
    return format_html(
        '<a class="number num" href="{}" data-e164="{}" title="{}">{}</a>',
        reverse("number", args=[number.pk]),
        number.e164,
        number.e164,
        format_national(number.e164),
    )
