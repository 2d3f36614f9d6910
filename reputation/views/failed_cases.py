"""What a failed case offers: to ask again, a ticket mailed to support, and to retire the number."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_POST

from portal.accounts.access import MemberRequest, editor_required
from reputation import phone_numbers
from reputation.models import Case
from reputation.remediation import asking_again, ticket
from reputation.views.cases import AskAgainForm, get_case_or_404, render_case


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
            first_day=form.cleaned_data["not_before"],
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
    try:
        ticket.mail_ticket(case, context=request.context)
    except ticket.TicketNotMailed as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"The ticket goes to {settings.SUPPORT_EMAIL} as {case.ticket_reference}.")
    return redirect("case", pk)


@require_POST
@editor_required
def retire_number(request: MemberRequest, pk: int) -> HttpResponse:
    """Retire the number of the case. Offered once asking again makes little sense."""
    case = get_case_or_404(request, pk)
    try:
        phone_numbers.retire_of_case(case, context=request.context)
    except phone_numbers.NotRetirable as error:
        messages.error(request, str(error))
        return redirect("case", pk)
    messages.success(request, "The number is retired: it is no longer monitored, and no campaign uses it.")
    return redirect("number", case.number_id)


urls = [
    path("number-management/cases/<int:pk>/ask-again/", ask_again, name="case-ask-again"),
    path("number-management/cases/<int:pk>/ticket/mail/", mail_ticket, name="case-ticket-mail"),
    path("number-management/cases/<int:pk>/retire/", retire_number, name="case-retire"),
]
