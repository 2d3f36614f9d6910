"""Requests that a cancelled case left at an engine: a later case of the same label continues them.

Disabling monitoring cancels a case, but what an engine has received stays with it. Enabled again, the same label must
not be reported twice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from portal.db.bulk import update_rows
from portal.db.in_list import in_list
from reputation.models import Case, Check, Submission
from reputation.remediation.cases import OPEN_SUBMISSION_STATES

State = Submission.State


# The ids of a case and an engine.
CaseEngine = tuple[int, int]


def continue_requests(labels: Collection[CaseEngine], number_ids: Sequence[int], *, now: datetime) -> int:
    """Gives the new submissions of these labels the requests that were left at their engines; returns how many.

    Only where the engine's last request was of a cancelled case, and the engine has not called the number clean since.
    """
    cancelled = Case.objects.filter(number__in=in_list(number_ids), state=Case.State.CANCELLED)
    new = Submission.objects.filter(
        case__number__in=in_list(set(cancelled.values_list("number", flat=True))),
        state=State.WAITING,
        continued_key="",
        request_count=1,
    )
    new_ids = {
        (number, engine): pk
        for pk, number, case, engine in new.values_list("pk", "case__number", "case", "engine")
        if (case, engine) in labels
    }
    if not new_ids:
        return 0
    rows, continued = [], []
    for former in _get_former_requests([number for number, _ in new_ids], set(new_ids.values())):
        pk = new_ids.get((former.case.number_id, former.engine_id))
        if pk is None:
            continue
        continued.append(former.pk)
        rows.append(
            {
                "id": pk,
                "state": State.WAITING if former.state == State.WITHDRAWN else former.state,
                "continued_key": former.idempotency_key,
                "reference": former.reference,
                "sent_at": former.sent_at,
                "expected_by": former.expected_by,
                "next_action_at": now,
            }
        )
    Submission.objects.filter(pk__in=in_list(continued)).update(state=State.CONTINUED, next_action_at=None)
    return update_rows(Submission, rows)


def get_waiting_requests(number_ids: Sequence[int]) -> list[Submission]:
    """The requests that the engines still have, although the cases of these numbers were cancelled; one query.

    Without numbers, none.
    """
    if not number_ids:
        return []
    waiting = Submission.objects.filter(
        case__number__in=in_list(number_ids), case__state=Case.State.CANCELLED, state__in=OPEN_SUBMISSION_STATES
    ).exclude(reference="")
    return list(waiting.select_related("case", "engine").order_by("pk"))


def _get_former_requests(number_ids: Sequence[int], new_ids: set[int]) -> list[Submission]:
    """The last request of each of these numbers to each engine, if it can be continued; one query.

    A request without a reference was never sent, or its answer was lost. Under the same key, an engine takes it once.
    """
    later = Submission.objects.filter(
        case__number=OuterRef("case__number"), engine=OuterRef("engine"), pk__gt=OuterRef("pk")
    )
    seen_clean = Check.objects.filter(
        number=OuterRef("case__number"),
        engine=OuterRef("engine"),
        effect=Check.Effect.CLEARS,
        last_at__gt=OuterRef("case__closed_at"),
    )
    former = Submission.objects.filter(
        ~Exists(later.exclude(pk__in=in_list(new_ids))),
        ~Exists(seen_clean),
        Q(state__in=OPEN_SUBMISSION_STATES) | Q(state=State.WITHDRAWN, reference=""),
        case__number__in=in_list(number_ids),
        case__state=Case.State.CANCELLED,
    ).exclude(pk__in=in_list(new_ids))
    return list(former.select_related("case").order_by("pk"))
