"""A case's page: its state at each engine, the next step, and what it offers if it failed (see failed_cases.py)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from portal.accounts.access import MemberRequest, editor_required, get_account_object_or_404, member_required
from portal.models import AuditEvent
from reputation.desks.new_requests import get_earliest
from reputation.desks.your_turn import describe_wait
from reputation.labels import CASE_LABELS
from reputation.models import Case
from reputation.number_table.alerts import build_rows
from reputation.remediation import next_step, ticket
from reputation.remediation.retiring import get_reason_to_retire


class AskAgainForm(forms.Form):
    what_changed = forms.CharField(
        max_length=4_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        label="What changed since the request was refused",
        help_text="Such as fewer calls a day, or callers who say the business's name. It goes with the request: "
        "without a change, a desk has little reason to answer otherwise.",
    )
    not_before = forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        label="Ask again from",
        help_text="Leave it empty to ask as soon as it may be.",
    )


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
    return render_case(request, get_case_or_404(request, pk))


@require_POST
@editor_required
def record_ticket(request: MemberRequest, pk: int) -> HttpResponse:
    """Record the reference of the support ticket. Only a failed case needs one."""
    case = get_case_or_404(request, pk)
    form = TicketForm(request.POST, instance=get_case_or_404(request, pk))
    if case.state != Case.State.FAILED:
        messages.error(request, "This case did not fail, so it needs no support ticket. Nothing was changed.")
    elif not form.is_valid():
        return render_case(request, case, form=form)
    else:
        reference = form.cleaned_data["ticket_reference"]
        ticket.record_ticket(case, reference=reference, context=request.context)
        messages.success(request, f"Ticket {reference} is noted.")
    return redirect("case", pk)


def get_case_or_404(request: MemberRequest, pk: int) -> Case:
    return get_account_object_or_404(
        request, Case.objects.select_related("number", "number__campaign", "former", "account"), pk
    )


def render_case(
    request: MemberRequest, case: Case, *, form: TicketForm | None = None, ask_again_form: AskAgainForm | None = None
) -> HttpResponse:
    """The page. A form with errors is shown as it was sent."""
    now = request.context.now
    failed = case.state == Case.State.FAILED
    may_ask_again = failed and case.tags.active().exists()
    requests = list(case.desk_requests.select_related("desk", "letter", "account").order_by("pk"))
    context = {
        "case": case,
        "label": CASE_LABELS[case.state],
        "row": build_rows([case.number], now)[0],
        "next": next_step.get_next_step(case, now) if case.is_unfinished else None,
        "tags": case.tags.select_related("engine").order_by("detected_at"),
        "submissions": case.submissions.select_related("engine", "case").order_by("engine__name"),
        "later": case.later.order_by("pk").first(),
        "requests": requests,
        "events": AuditEvent.objects.for_account(request.account)
        .filter(
            Q(subject_type="case", subject_id=case.pk)
            | Q(subject_type="deskrequest", subject_id__in=[one.pk for one in requests])
        )
        .with_actors()
        .order_by("-pk")[:200],
        "ticket_text": ticket.get_ticket_text(case) if failed else "",
        "ticket_subject": f"Spam label on {case.number}",
        "support_email": settings.SUPPORT_EMAIL,
        "form": (form or TicketForm(instance=case)) if failed else None,
        "waits": [
            describe_wait(one, earliest, now)
            for one in requests
            if may_ask_again and (earliest := get_earliest(one)) and earliest > now
        ],
        "ask_again_form": (ask_again_form or AskAgainForm()) if may_ask_again else None,
        "reason_to_retire": get_reason_to_retire(case.number_id) if may_ask_again else "",
    }
    return render(request, "reputation/case.html", context, status=422 if form or ask_again_form else 200)


urls = [
    path("number-management/cases/<int:pk>/", case_detail, name="case"),
    path("number-management/cases/<int:pk>/ticket/", record_ticket, name="case-ticket"),
]
