"""States of the lifecycles as words for a page."""

from django import template

from reputation.models import Case
from reputation.wording import CASE, Said

register = template.Library()


@register.filter
def case_said(case: Case) -> Said:
    return CASE[case.state]
