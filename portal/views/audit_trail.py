"""Service > Audit trail: the changes in the account, with filters."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from portal.accounts.access import MemberRequest, member_required
from portal.audit import browse
from portal.audit.labels import EVENT_KINDS
from portal.models import Member


@member_required
def audit_trail(request: MemberRequest) -> HttpResponse:
    people = Member.objects.for_account(request.account).select_related("user").order_by("user__email")
    context = {
        "page": browse.get_audit_page(request.GET, account=request.account),
        "kinds": [(kind, words) for kind, (words, _) in EVENT_KINDS.items()],
        "whos": [
            *((str(member.user_id), member.user.get_full_name()) for member in people),
            *browse.NON_MEMBER_ACTORS.items(),
        ],
    }
    return render(request, "portal/audit_trail.html", context)


urls = [path("account/audit-trail/", audit_trail, name="audit-trail")]
