"""Failed cases about which somebody asks again: they open again, or join the number's unfinished case."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Subquery

from portal.db.in_list import in_list
from reputation.desks import requests
from reputation.models import Case, DeskRequest, PhoneNumber, Submission, Tag
from reputation.remediation import cases
from reputation.remediation.opening import open_cases

State = Case.State
CHUNK = 500


def reopen_due(now: datetime) -> int:
    """Opens one chunk of the failed cases again about which somebody asks a desk; returns how many it looked at."""
    due = Case.objects.filter(state=State.FAILED).due(now)
    ids = list(due.order_by("next_action_at", "pk").values_list("pk", flat=True)[:CHUNK])
    if ids:
        reopen(ids, now=now)
    return len(ids)


def reopen(case_ids: Sequence[int], *, now: datetime) -> None:
    """Opens those of these failed cases again that have a request to send."""
    with transaction.atomic():
        failed = Case.objects.filter(pk__in=in_list(case_ids), state=State.FAILED)
        # Numbers are locked before cases, as where a label is found.
        numbers = PhoneNumber.objects.filter(pk__in=in_list(list(failed.values_list("number_id", flat=True))))
        numbers.lock()
        failed.update(next_action_at=None)
        # Nobody asks about a number that is not monitored any more.
        unmonitored = failed.exclude(number__in=PhoneNumber.objects.looked_up())
        requests.close_for_cases(list(unmonitored.values_list("pk", flat=True)), now=now)
        failed = failed.filter(number__in=PhoneNumber.objects.looked_up())
        asked = DeskRequest.objects.open().filter(case=OuterRef("pk"))
        waiting = Submission.objects.with_active_tag().filter(
            case=OuterRef("pk"), state=Submission.State.WAITING, next_action_at__isnull=False
        )
        again = failed.filter(Exists(asked) | Exists(waiting))
        other = Case.objects.unfinished().filter(number=OuterRef("number"))
        joining = again.filter(Exists(other))
        _join(list(joining.values_list("pk", flat=True)), now=now)
        cases.reopen(list(again.exclude(Exists(other)).values_list("pk", flat=True)), now=now)


def _join(case_ids: Sequence[int], *, now: datetime) -> None:
    """Moves the labels and the open requests of these cases to the unfinished case of their number."""
    if not case_ids:
        return
    tags = Tag.objects.active().filter(case__in=in_list(case_ids))
    numbers = list(tags.values_list("number_id", flat=True).distinct())
    unfinished = Case.objects.unfinished().filter(number=OuterRef("number")).values("pk")[:1]
    tags.update(case=None)
    DeskRequest.objects.open().filter(case__in=in_list(case_ids)).update(case_id=Subquery(unfinished))
    open_cases(numbers, now=now)
