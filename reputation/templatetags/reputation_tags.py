"""Template filters for phone numbers and the states of cases, campaigns and imports."""

from datetime import datetime
from functools import cache
from typing import cast

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from portal.accounts.access import MemberRequest
from portal.accounts.roles import Permission
from portal.models import Account
from portal.phone.numbers import format_national
from portal.templatetags.components import badge
from portal.templatetags.formatting import icon
from portal.text import name_in_sentence
from reputation.desks import your_turn
from reputation.labels import (
    CAMPAIGN_PAUSED,
    CAMPAIGN_RUNNING,
    CASE_LABELS,
    DESK_REQUEST_LABELS,
    IMPORT_LABELS,
    NOT_REGISTERED,
    REASON_TEXTS,
    REGISTRATION_LABELS,
    RESULT_LABELS,
    StatusLabel,
    describe_check,
    describe_submission_reason,
    describe_submission_state,
    explain_unknown_complaints,
    get_call_label,
)
from reputation.models import BulkAction, Campaign, Case, DeskRegistration, DeskRequest, NumberImport, PhoneNumber
from reputation.monitoring.lateness import get_last_lookup_if_late
from reputation.remediation import ticket
from reputation.remediation.outlook import Outlook, get_outlook
from reputation.work.waiting import get_waiting_since

register = template.Library()
register.filter("check_answer", describe_check)
register.filter("unknown_complaints", explain_unknown_complaints)
register.filter("submission_state", describe_submission_state)
register.filter("submission_reason", describe_submission_reason)
register.filter("call_label", get_call_label)
register.filter("in_sentence", name_in_sentence)


@register.simple_tag(takes_context=True)
def whose_turn(context: template.RequestContext, sentence: str) -> str:
    """A sentence that may begin with "Your turn", for the member who reads the page."""
    return your_turn.address(
        sentence, may_act=Permission.EDIT_ACCOUNT in cast("MemberRequest", context.request).permissions
    )


@register.simple_tag(takes_context=True)
def remediation_badge(context: template.RequestContext, label: StatusLabel) -> SafeString:
    """The state of remediation, for the member who reads the page: it may be "Your turn"."""
    return badge(label.tone, label.icon, whose_turn(context, label.word))


@register.filter
def case_label(case: Case) -> StatusLabel:
    return CASE_LABELS[case.state]


@register.simple_tag
def remediation_outlook() -> Outlook:
    """Who works on labels here, and how long that takes."""
    return get_outlook()


@register.simple_tag
def waiting_since(work: NumberImport | BulkAction | datetime | None) -> datetime | None:
    """Since when no worker is at it; None if one is, or if it does not wait for long yet."""
    return get_waiting_since(work, timezone.now())


@register.simple_tag
def failed_case_link_text() -> str:
    """What the link to a failed case offers."""
    return "Open a support ticket" if ticket.is_offered() else "Ask again"


@register.filter
def campaign_label(campaign: Campaign) -> StatusLabel:
    return CAMPAIGN_PAUSED if campaign.is_paused else CAMPAIGN_RUNNING


@register.filter
def call_reason(reason: str) -> str:
    """Why a round calls a number, in words."""
    return REASON_TEXTS[reason]


@register.filter
def result_label(result: str) -> StatusLabel:
    return RESULT_LABELS[result]


@register.filter
def import_label(number_import: NumberImport) -> StatusLabel:
    return IMPORT_LABELS[number_import.state]


@register.filter
def number_link(number: PhoneNumber) -> SafeString:
    """A link to the number's page, in national format. Scripts copy it as E.164."""
    before, after = _get_url_parts("number")
    e164 = escape(number.e164)
    return mark_safe(  # all parts are escaped
        f'<a class="number num" href="{before}{number.pk}{after}" data-e164="{e164}" title="{e164}">'
        f"{escape(format_national(number.e164))}</a>"
    )


@register.filter
def report_label_link(number: PhoneNumber) -> SafeString:
    """A link to the form that reports a label of the number, for the end of its row."""
    before, after = _get_url_parts("number-report-label")
    return mark_safe(  # all parts are escaped
        f'<a class="button quiet small" href="{before}{number.pk}{after}" '
        f'aria-label="Report a label of {escape(format_national(number.e164))}">{icon("flag", 14)}Report a label</a>'
    )


@cache
def _get_url_parts(name: str) -> tuple[str, str]:
    """What stands before and after the number's id in the URL of this name. To resolve a URL takes long in each row."""
    before, _, after = reverse(name, args=[0]).rpartition("0")
    return before, after


@register.filter
def desk_request_label(request: DeskRequest) -> StatusLabel:
    return DESK_REQUEST_LABELS[request.state]


@register.filter
def registration_label(registration: DeskRegistration | None) -> StatusLabel:
    return REGISTRATION_LABELS[registration.state] if registration else NOT_REGISTERED


@register.filter
def by_day(at: datetime | None) -> str:
    """A date by which something is due, in the account's time zone: "by 30 Nov", or "overdue since 25 Nov"."""
    if at is None:
        return "—"
    local = timezone.localtime(at)
    return f"{'overdue since' if at < timezone.now() else 'by'} {local.day} {local:%b}"


@register.inclusion_tag("reputation/_late_lookups.html")
def late_lookups(account: Account) -> dict[str, datetime | None]:
    """A line that says of when the statuses are, if look-ups are late."""
    return {"last_at": get_last_lookup_if_late(account, timezone.now())}
