"""Opens requests to desks: one for each label of a case that the account's own people ask to remove."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from portal.audit import Context
from portal.db.bulk import update_rows
from portal.db.in_list import in_list
from reputation.desks.choosing import choose_desks
from reputation.desks.deadlines import add_business_days
from reputation.desks.new_requests import NewRequest, build_row, insert
from reputation.desks.submissions import update_submissions
from reputation.models import Case, Desk, DeskRequest, PhoneNumber, Submission, Tag
from reputation.providers.connections import get_engines_asked_by_people

# Number id and desk id.
_Key = tuple[int, int]


def open_requests(number_ids: Sequence[int], *, now: datetime) -> int:
    """Opens the requests that these numbers' cases need; returns how many. Repeated, it opens none.

    A request that was sent for a cancelled case, and is not answered, goes on in the case that continues that one. So
    nobody sends the same twice.
    """
    people = get_engines_asked_by_people() if number_ids else set()
    if not people:
        return 0
    with transaction.atomic():
        # A number that is removed at this moment either has its request closed, or gets none.
        PhoneNumber.objects.filter(pk__in=in_list(number_ids)).lock()
        labels = list(_get_labels_without_request(number_ids, people))
        if not labels:
            return 0
        desks = choose_desks(labels)
        former = _get_last_requests(labels, desks)
        new: dict[_Key, NewRequest] = {}
        continued = []
        for label in labels:
            if not (desk := desks.get(label.pk)):
                continue
            key = (label.number_id, desk.pk)
            last = former.get(key)
            if last and last.is_open:
                continue
            if last and label.continues and last.state in DeskRequest.WITH_DESK:
                due_at = add_business_days(last.state_since, desk.answer_days, label.account.time_zone)
                continued.append({"id": last.pk, "case_id": label.case_id, "closed_at": None, "due_at": due_at})
            else:
                new.setdefault(key, build_row(label.account, label, desk.pk, last, now=now))
        update_rows(DeskRequest, continued)
        opened = insert(list(new.values()), context=Context.system(now))
        update_submissions({label.case_id for label in labels if label.case_id}, now=now)
    return len(opened)


def _get_labels_without_request(number_ids: Sequence[int], people: Collection[int]) -> QuerySet[Any]:
    """The labels that people ask to remove, and about which nobody has asked since they were found."""
    submissions = Submission.objects.filter(case=OuterRef("case"), engine=OuterRef("engine"))
    asked = DeskRequest.objects.filter(
        case=OuterRef("case"), engine=OuterRef("engine"), created_at__gte=OuterRef("detected_at")
    )
    labels = Tag.objects.active().filter(
        Exists(submissions.filter(state__in=Submission.OPEN)),
        ~Exists(asked),
        number__in=in_list(number_ids),
        engine__in=in_list(people),
        case__state__in=Case.UNFINISHED,
    )
    continues = Exists(submissions.exclude(continued_key=""))
    return labels.annotate(continues=continues).select_related("account").order_by("pk")


def _get_last_requests(labels: Sequence[Tag], desks: dict[int, Desk]) -> dict[_Key, DeskRequest]:
    """The last request of each number to each desk; one query."""
    requests = DeskRequest.objects.filter(
        number__in=in_list({label.number_id for label in labels}),
        desk__in=in_list({desk.pk for desk in desks.values()}),
    )
    found = requests.select_related("former").order_by("pk")
    return {(request.number_id, request.desk_id): request for request in found}
