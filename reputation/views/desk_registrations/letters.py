"""A letter: what was sent to register numbers, exactly, by whom, and the file that went with it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from portal.accounts.access import MemberRequest, get_account_object_or_404, member_required
from reputation.models import DeskLetter

SHOWN = 50


@member_required
def letter(request: MemberRequest, pk: int) -> HttpResponse:
    letters = DeskLetter.objects.select_related("desk", "sent_by")
    found = get_account_object_or_404(request, letters, pk)
    rows = found.registrations.select_related("number").order_by("number__e164", "engine__name")
    numbers = list(dict.fromkeys(row.number for row in rows.only("number", "number__e164")[: 4 * SHOWN]))
    context = {
        "letter": found,
        "numbers": numbers[:SHOWN],
        "count": found.registrations.values("number").distinct().count(),
    }
    return render(request, "reputation/desk_registrations/letter.html", context)


@member_required
def letter_file(request: MemberRequest, pk: int) -> HttpResponse:
    found = get_account_object_or_404(request, DeskLetter, pk)
    return file_response(found.file_content, found.file_name)


def file_response(content: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name or "letter.csv"}"'}
    return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)


urls = [
    path("number-management/remediation-desk/registrations/letters/<int:pk>/", letter, name="desk-registration-letter"),
    path(
        "number-management/remediation-desk/registrations/letters/<int:pk>/file/",
        letter_file,
        name="desk-registration-letter-file",
    ),
]
