"""The X next to a number in the confirmation window."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_POST

from portal.accounts.access import MemberRequest, editor_required, get_account_object_or_404
from portal.db.keyset import parse_id
from reputation.bulk_actions import remove_number as removal
from reputation.models import BulkAction


@require_POST
@editor_required
def remove_number(request: MemberRequest, pk: int) -> HttpResponse:
    """Remove one number from the bulk action, then show the window again.

    Nothing is removed if the action was confirmed meanwhile: the window then shows what was done.
    """
    number_id = parse_id(request.POST.get("number"))
    removal.remove_number(get_account_object_or_404(request, BulkAction, pk), number_id)
    params = QueryDict(mutable=True)
    params["after"] = str(number_id)
    if request.POST.get("q"):
        params["q"] = request.POST["q"]
    return HttpResponseRedirect(f"{reverse('bulk-action', args=[pk])}?{params.urlencode()}")
