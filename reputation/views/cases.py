"""A case's page: its state at each engine, the next step, and the support ticket if it failed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from portal.accounts.access import MemberRequest, editor_required, get_account_object_or_404, member_required
from portal.models import AuditEvent
from reputation.labels import CASE_LABELS
from reputation.models import Case
from reputation.number_table.alerts import build_rows
from reputation.remediation import next_step, ticket


class TicketForm(forms.ModelForm):
    class Meta:
        model = Case
        fields = ["ticket_reference"]
        labels = {"ticket_reference": "The ticket's reference"}
        help_texts = {
            "ticket_reference": "What support calls your ticket, such as 48213. Whoever comes next finds it here."
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["ticket_reference"].required = True


@member_required
def case_detail(request: MemberRequest, pk: int) -> HttpResponse:
    return _render_case(request, _get_case_or_404(request, pk))


@require_POST
@editor_required
def record_ticket(request: MemberRequest, pk: int) -> HttpResponse:
    """Record the reference of the support ticket. Only a failed case needs one."""
    case = _get_case_or_404(request, pk)
    form = TicketForm(request.POST, instance=_get_case_or_404(request, pk))
    if case.state != Case.State.FAILED:
        messages.error(request, "This case did not fail, so it needs no support ticket. Nothing was changed.")
    elif not form.is_valid():
        return _render_case(request, case, form=form)
    else:
        reference = form.cleaned_data["ticket_reference"]
        ticket.record_ticket(case, reference=reference, context=request.context)
        messages.success(request, f"Ticket {reference} is noted.")
    return redirect("case", pk)


def _get_case_or_404(request: MemberRequest, pk: int) -> Case:
    return get_account_object_or_404(
        request, Case.objects.select_related("number", "number__campaign", "former", "account"), pk
    )


def _render_case(request: MemberRequest, case: Case, *, form: TicketForm | None = None) -> HttpResponse:
    now = request.context.now
    failed = case.state == Case.State.FAILED
    context = {
        "case": case,
        "label": CASE_LABELS[case.state],
        "row": build_rows([case.number], now)[0],
        "next": next_step.get_next_step(case, now) if case.is_unfinished else None,
        "tags": case.tags.select_related("engine").order_by("detected_at"),
        "submissions": case.submissions.select_related("engine", "case").order_by("engine__name"),
        "later": case.later.order_by("pk").first(),
        "events": AuditEvent.objects.for_account(request.account)
        .filter(subject_type="case", subject_id=case.pk)
        .select_related("actor", "api_key")
        .order_by("-pk")[:200],
        "ticket_text": ticket.get_ticket_text(case) if failed else "",
        "ticket_subject": f"Spam label on {case.number}",
        "support_email": settings.SUPPORT_EMAIL,
        "form": (form or TicketForm(instance=case)) if failed else None,
    }
    return render(request, "reputation/case.html", context, status=422 if form else 200)


urls = [
    path("number-management/cases/<int:pk>/", case_detail, name="case"),
    path("number-management/cases/<int:pk>/ticket/", record_ticket, name="case-ticket"),
]
