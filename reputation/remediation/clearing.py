"""Clearing of a label: the tag ends when a later look-up no longer finds it, and its case closes with its last tag.

An engine's answer that it removed a label is only a claim: engines clear labels without an answer, and answer without
clearing them. So nothing but a look-up ends a tag of a monitored number.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from reputation.models import Case, Submission, Tag
from reputation.remediation import cases


def end_cleared_tags(number_ids: Sequence[int], clean: Set[tuple[int, int]], *, now: datetime) -> list[int]:
    """Ends the active tags of these numbers that a look-up no longer found.

    `clean` has the pairs of number id and engine id that were looked up without a label. Returns the id of the number
    of each tag that ended. Call `close_cases_without_tags` with them afterwards.
    """
    active = Tag.objects.active().filter(number__in=in_list(number_ids))
    cleared = {
        pk: number
        for pk, number, engine in active.values_list("pk", "number_id", "engine_id")
        if (number, engine) in clean
    }
    tags = Tag.objects.filter(pk__in=in_list(cleared))
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
    return list(cleared.values())


def close_cases_without_tags(number_ids: Sequence[int], *, now: datetime) -> list[int]:
    """Closes the unfinished cases of these numbers that have no active tag left; returns the ids of those cleared.

    Also closes the open submissions to engines that no longer label the number. A case is cancelled instead of
    cleared if one of its tags ended because its engine is no longer in use.
    """
    with transaction.atomic():
        of_engine = Tag.objects.active().filter(case=OuterRef("case"), engine=OuterRef("engine"))
        submissions = Submission.objects.filter(
            ~Exists(of_engine),
            case__number__in=in_list(number_ids),
            case__state__in=Case.UNFINISHED,
            state__in=cases.OPEN_SUBMISSION_STATES,
        )
        submissions.update(state=Submission.State.MOOT, next_action_at=None)
        tags = Tag.objects.filter(case=OuterRef("pk"))
        without_tags = Case.objects.unfinished().filter(~Exists(tags.active()), number__in=in_list(number_ids))
        not_monitored = Exists(tags.filter(end_reason=Tag.EndReason.NOT_MONITORED))
        cancelled = list(without_tags.filter(not_monitored).values_list("pk", flat=True))
        cleared = list(without_tags.exclude(not_monitored).values_list("pk", flat=True))
        cases.cancel(cancelled, context=Context.system(now), reason="The engine is no longer asked.")
        return cases.clear(cleared, now=now)
