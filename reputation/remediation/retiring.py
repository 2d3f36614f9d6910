"""When a number is offered to be retired: its label stays, however often somebody asks.

Retiring is not replacing: a new number that is used in the same way is likely to be labelled as well.
"""

from __future__ import annotations

from django.conf import settings
from django.db.models import Exists, OuterRef

from portal.text import pluralize
from reputation.models import Case, DeskRequest, Submission


def get_reason_to_retire(number_id: int) -> str:
    """Why the number may be retired, as a sentence; empty if it is too early for that. Three queries."""
    refusals = _count_refusals(number_id)
    if refusals >= settings.DESKS.refusals_to_retire:
        return f"The removal of its label was refused {pluralize(refusals, 'time')}."
    relapses = Case.objects.filter(number=number_id, former__state=Case.State.CLEARED).count()
    if relapses >= settings.DESKS.relapses_to_retire:
        return f"Its label came back {pluralize(relapses, 'time')}."
    return ""


def _count_refusals(number_id: int) -> int:
    """Refusals of desks, and of engines that a provider asked."""
    requests = DeskRequest.objects.filter(number=number_id, state=DeskRequest.State.REFUSED)
    at_desks = DeskRequest.objects.filter(case=OuterRef("case"), engine=OuterRef("engine"))
    submissions = Submission.objects.filter(~Exists(at_desks), case__number=number_id, state=Submission.State.REFUSED)
    return requests.count() + submissions.count()
