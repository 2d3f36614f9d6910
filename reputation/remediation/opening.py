"""Opening of cases: every new tag belongs to a case, and its engine is asked to remove it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Case as SQLCase
from django.db.models import CharField, Exists, F, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Cast, Concat, Greatest

from portal import audit
from portal.audit import Context
from portal.db.bulk import insert_from
from portal.db.in_list import in_list
from portal.jobs.claims import RELEASED
from reputation.desks.opening import open_requests
from reputation.models import Case, PhoneNumber, Submission, Tag
from reputation.remediation.cases import MAX_DAYS, USUAL_DAYS, State
from reputation.remediation.continuing import CaseEngine, continue_requests
from reputation.service_clock import days


def open_cases(number_ids: Sequence[int], *, now: datetime) -> list[int]:
    """Assigns the active tags of these numbers that have no case to one; returns the ids of the cases it opened.

    A number without an unfinished case gets a new one, which refers to the former case if there was one. Otherwise the
    tag joins the unfinished case.
    """
    if not number_ids:
        return []
    with transaction.atomic():
        new_tags = Tag.objects.active().filter(number__in=in_list(number_ids), case__isnull=True)
        unfinished = Case.objects.unfinished().filter(number=OuterRef("pk"))
        without_case = PhoneNumber.objects.filter(pk__in=new_tags.values("number")).filter(~Exists(unfinished))
        ids = list(without_case.order_by("pk").values_list("pk", flat=True))
        if ids:
            _insert_cases(ids, now)
        opened = Case.objects.unfinished().filter(number__in=in_list(ids))
        audit.record_changes(
            opened,
            context=Context.system(now),
            code="case.opened",
            label=F("number__e164"),
            after=Value(str(State.OPEN)),
            reason=SQLCase(
                When(
                    former__isnull=False,
                    then=Concat(Value("Tagged again, after case "), Cast("former_id", CharField())),
                ),
                default=Value(""),
                output_field=CharField(),
            ),
        )
        _assign_tags_to_cases(new_tags, number_ids, newly_opened=ids, now=now)
        open_requests(number_ids, now=now)
    return list(opened.values_list("pk", flat=True))


def _insert_cases(number_ids: Sequence[int], now: datetime) -> None:
    former = Case.objects.filter(number=OuterRef("pk"), state__in=(State.CLEARED, State.FAILED))
    insert_from(
        Case,
        PhoneNumber.objects.filter(pk__in=in_list(number_ids)),
        account_id="account_id",
        number_id="pk",
        state=Value(State.OPEN),
        state_since=Value(now),
        opened_at=Value(now),
        expected_by=Value(now + days(USUAL_DAYS)),
        deadline_at=Value(now + days(MAX_DAYS)),
        former_id=Subquery(former.order_by("-opened_at", "-pk").values("pk")[:1]),
        outcome=Value(""),
        ticket_reference=Value(""),
        next_action_at=Value(now),
        lease_token=Value(""),
        attempts=Value(0),
    )


def _assign_tags_to_cases(
    new_tags: QuerySet[Tag], number_ids: Sequence[int], *, newly_opened: Sequence[int], now: datetime
) -> None:
    """Assigns each tag to its number's unfinished case, and creates or resets the submission to its engine."""
    joined = list(
        Case.objects.unfinished()
        .filter(number__in=new_tags.values("number"))
        .exclude(number__in=in_list(newly_opened))
        .values_list("pk", flat=True)
    )
    case_of_number = Case.objects.unfinished().filter(number=OuterRef("number")).values("pk")[:1]
    tags = Tag.objects.filter(pk__in=in_list(list(new_tags.values_list("pk", flat=True))))
    tags.update(case_id=Subquery(case_of_number))
    of_cases = tags.filter(case__isnull=False)
    labels = set(of_cases.values_list("case_id", "engine_id"))
    _reset_submissions(labels, joined, now)
    insert_from(
        Submission,
        of_cases,
        ignore_conflicts=True,
        case_id="case_id",
        engine_id="engine_id",
        state=Value(Submission.State.WAITING),
        reference=Value(""),
        reason=Value(""),
        request_count=Value(1),
        continued_key=Value(""),
        next_action_at=Value(now),
    )
    continue_requests(labels, number_ids, now=now)
    _extend_deadlines(joined, now)


def _reset_submissions(labels: Collection[CaseEngine], joined: Sequence[int], now: datetime) -> None:
    """Requests the removal again from an engine that tags the number again during the same case."""
    submissions = Submission.objects.filter(case__in=in_list(joined)).values_list("pk", "case_id", "engine_id")
    repeated = [pk for pk, *label in submissions if tuple(label) in labels]
    Submission.objects.filter(pk__in=in_list(repeated)).request_again(now)


def _extend_deadlines(case_ids: Sequence[int], now: datetime) -> None:
    """Makes the cases that a tag joined due now, with the time that a new case would have."""
    if not case_ids:
        return
    cases = Case.objects.filter(pk__in=in_list(case_ids))
    audit.record_changes(
        cases,
        context=Context.system(now),
        code="case.joined",
        label=F("number__e164"),
        before=F("state"),
        after=F("state"),
        reason=Value("Another engine tagged the number."),
    )
    cases.update(
        next_action_at=now,
        **RELEASED,
        expected_by=Greatest("expected_by", Value(now + days(USUAL_DAYS))),
        deadline_at=Greatest("deadline_at", Value(now + days(MAX_DAYS))),
    )
