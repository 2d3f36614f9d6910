"""Clearing of a label: the tag ends when a later look-up no longer finds it, and its case closes with its last tag.

An engine's answer that it removed a label is only a claim: engines clear labels without an answer, and answer without
clearing them. So nothing but a look-up ends a tag of a monitored number.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from reputation.desks import requests
from reputation.models import Case, Submission, Tag
from reputation.remediation import cases


def end_cleared_tags(ids: Sequence[int], *, now: datetime) -> list[int]:
    """Ends these active tags, whose label a look-up no longer found; returns the number id of each.

    Call `close_cases_without_tags` with the numbers afterwards.
    """
    if not ids:
        return []
    tags = Tag.objects.filter(pk__in=in_list(ids))
    # Update before recording: webhooks tell whether the number has other active tags, and several may end at once.
    tags.update(ended_at=now, end_reason=Tag.EndReason.CLEARED)
    audit.record_changes(
        tags,
        context=Context.system(now),
        code="tag.cleared",
        label=F("number__e164"),
        before="label",
        reason=F("engine__name"),
    )
    return list(tags.values_list("number_id", flat=True))


def close_cases_without_tags(number_ids: Sequence[int], *, now: datetime) -> list[int]:
    """Closes the unfinished cases of these numbers that have no active tag left; returns the ids of those cleared.

    Also closes the open submissions and requests to engines that no longer label the number. A case is cancelled
    instead of cleared if one of its tags ended because its engine is no longer in use.
    """
    if not number_ids:
        return []
    with transaction.atomic():
        of_engine = Tag.objects.active().filter(case=OuterRef("case"), engine=OuterRef("engine"))
        submissions = Submission.objects.filter(
            ~Exists(of_engine),
            case__number__in=in_list(number_ids),
            case__state__in=Case.UNFINISHED,
            state__in=cases.OPEN_SUBMISSION_STATES,
        )
        submissions.update(state=Submission.State.MOOT, next_action_at=None)
        requests.close_without_label(number_ids, now=now)
        tags = Tag.objects.filter(case=OuterRef("pk"))
        without_tags = Case.objects.unfinished().filter(~Exists(tags.active()), number__in=in_list(number_ids))
        not_counted = Exists(tags.filter(end_reason__in=(Tag.EndReason.NOT_MONITORED, Tag.EndReason.RETIRED)))
        cancelled = list(without_tags.filter(not_counted).values_list("pk", flat=True))
        cleared = list(without_tags.exclude(not_counted).values_list("pk", flat=True))
        cases.cancel(cancelled, context=Context.system(now), reason="The label does not count any more.")
        return cases.clear(cleared, now=now)
