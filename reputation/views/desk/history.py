"""The page of a request, with all that was sent and replied, and the page of a letter."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.text import get_valid_filename

from portal.accounts.access import MemberRequest, get_account_object_or_404, member_required
from portal.models import AuditEvent
from reputation.desks.history import get_history
from reputation.desks.listing import RELATED, build_rows
from reputation.models import DeskLetter, DeskRequest
from reputation.views.desk.packet import csv_download

NUMBERS_SHOWN = 50


@member_required
def request_detail(request: MemberRequest, pk: int) -> HttpResponse:
    queryset = DeskRequest.objects.select_related(*RELATED)
    one = get_account_object_or_404(request, queryset, pk)
    context = {
        "request_": one,
        "desk": one.desk,
        "row": build_rows([one], request.context.now)[0],
        "history": get_history(one),
        "later": one.later.order_by("pk").first(),
        "is_others": one.is_claimed_by_other(request.user.pk, request.context.now),
        "events": AuditEvent.objects.for_account(request.account)
        .filter(subject_type="deskrequest", subject_id=one.pk)
        .with_actors()
        .order_by("-pk")[:100],
    }
    return render(request, "reputation/desk/request.html", context)


@member_required
def letter_detail(request: MemberRequest, pk: int) -> HttpResponse:
    letter = _get_letter_or_404(request, pk)
    requests = DeskRequest.objects.for_account(request.account).filter(letter=letter).select_related("number")
    context = {
        "letter": letter,
        "desk": letter.desk,
        "count": requests.count(),
        "open_ids": ",".join(map(str, requests.open().order_by("pk").values_list("pk", flat=True))),
        "requests": requests.order_by("number__e164")[:NUMBERS_SHOWN],
    }
    return render(request, "reputation/desk/letter.html", context)


@member_required
def letter_file(request: MemberRequest, pk: int) -> HttpResponse:
    """The file that went with the letter, as it was sent."""
    letter = _get_letter_or_404(request, pk)
    if not letter.file_content:
        raise Http404("This letter had no file.")
    return csv_download(letter.file_content, get_valid_filename(letter.file_name or "numbers.csv"))


def _get_letter_or_404(request: MemberRequest, pk: int) -> DeskLetter:
    return get_account_object_or_404(request, DeskLetter.objects.select_related("desk", "sent_by"), pk)
