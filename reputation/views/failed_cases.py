"""What a failed case offers: to ask again, a ticket mailed to support, and to retire the number."""

from __future__ import annotations

import logging
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_POST

from portal.accounts.access import MemberRequest, editor_required
from portal.models import Account
from reputation import phone_numbers
from reputation.models import Case
from reputation.remediation import asking_again, ticket
from reputation.remediation.retiring import get_reason_to_retire
from reputation.views.cases import AskAgainForm, get_case_or_404, render_case

logger = logging.getLogger(__name__)


@require_POST
@editor_required
def ask_again(request: MemberRequest, pk: int) -> HttpResponse:
    """Open the case again, with what changed and from which day on somebody asks."""
    case = get_case_or_404(request, pk)
    form = AskAgainForm(request.POST)
    if not form.is_valid():
        return render_case(request, case, ask_again_form=form)
    try:
        asking_again.ask_again(
            case,
            what_changed=form.cleaned_data["what_changed"],
            not_before=_get_start_of_day(request.account, form.cleaned_data["not_before"]),
            context=request.context,
        )
    except asking_again.NotAskable as error:
        if case.state != Case.State.FAILED:
            messages.error(request, str(error))
            return redirect("case", pk)
        form.add_error(None, str(error))
        return render_case(request, case, ask_again_form=form)
    messages.success(request, "The case is open again.")
    return redirect("case", pk)


@require_POST
@editor_required
def mail_ticket(request: MemberRequest, pk: int) -> HttpResponse:
    """Mail the ticket to support, and note its reference."""
    case = get_case_or_404(request, pk)
    if case.state != Case.State.FAILED:
        messages.error(request, "This case did not fail, so it needs no support ticket. Nothing was changed.")
    elif not settings.SUPPORT_EMAIL:
        messages.error(request, "No address of support is set up here. Copy the text instead.")
    else:
        _mail_ticket(request, case)
    return redirect("case", pk)


def _mail_ticket(request: MemberRequest, case: Case) -> None:
    try:
        is_mailed = ticket.mail_ticket(case, context=request.context)
    except OSError as error:
        logger.warning("the ticket of case %s could not be mailed: %s", case.pk, error)
        messages.error(request, "The mail server did not take the mail. Try again later, or copy the text.")
    else:
        if is_mailed:
            messages.success(request, f"The ticket went to {settings.SUPPORT_EMAIL} as {case.ticket_reference}.")
        else:
            messages.info(request, "The case has a ticket already. Nothing was mailed.")


@require_POST
@editor_required
def retire_number(request: MemberRequest, pk: int) -> HttpResponse:
    """Retire the number of the case. Offered once asking again makes little sense."""
    case = get_case_or_404(request, pk)
    if case.state != Case.State.FAILED or not get_reason_to_retire(case.number_id):
        messages.error(request, "Retiring is offered after several refusals or relapses. Nothing was changed.")
        return redirect("case", pk)
    phone_numbers.retire([case.number_id], account_id=request.account.pk, context=request.context)
    messages.success(request, "The number is retired: it is no longer monitored, and no campaign uses it.")
    return redirect("number", case.number_id)


def _get_start_of_day(account: Account, day: date | None) -> datetime | None:
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(account.time_zone)) if day else None


urls = [
    path("number-management/cases/<int:pk>/ask-again/", ask_again, name="case-ask-again"),
    path("number-management/cases/<int:pk>/ticket/mail/", mail_ticket, name="case-ticket-mail"),
    path("number-management/cases/<int:pk>/retire/", retire_number, name="case-retire"),
]
