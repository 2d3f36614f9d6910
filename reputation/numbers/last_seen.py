"""Labels that were last seen when monitoring ended: read them, and release their numbers with *Use it again*."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from reputation.models import Check, PhoneNumber, Tag
from reputation.numbers import spam_status


def get_last_seen_tags(numbers: Iterable[PhoneNumber]) -> dict[int, list[Tag]]:
    """By id, the tags that the numbers had when their monitoring last ended; one query, none without such numbers.

    Empty for numbers of another status, such as those that were released.
    """
    ids = [number.pk for number in numbers if number.was_labelled]
    tags_by_number: dict[int, list[Tag]] = defaultdict(list)
    if not ids:
        return tags_by_number
    tags = Tag.objects.last_seen().filter(number__in=in_list(ids)).select_related("engine")
    for tag in tags.order_by(F("ended_at").desc(nulls_first=True), "engine__name"):
        latest = tags_by_number[tag.number_id]
        if not latest or latest[0].ended_at == tag.ended_at:
            latest.append(tag)
    return tags_by_number


def release(ids: Sequence[int], *, context: Context, reason: str) -> list[int]:
    """Lets matching show these numbers again, and returns the ids of those that were labelled when last seen.

    Nobody knows whether the labels are gone. Somebody takes responsibility, so the audit event has the reason.
    """
    with transaction.atomic():
        labelled = PhoneNumber.objects.filter(pk__in=in_list(ids), spam_status=PhoneNumber.SpamStatus.LAST_SEEN)
        released = audit.record_changes(
            labelled, context=context, code="number.released", label="e164", reason=Value(reason[:300]), lock=True
        )
        PhoneNumber.objects.filter(pk__in=in_list(released)).update(decision_due_at=None)
        # What a test call or a report showed while the number was not monitored.
        tags = Tag.objects.active().filter(number__in=in_list(released))
        tags.update(
            ended_at=context.now,
            end_reason=Tag.EndReason.NOT_MONITORED,
            last_seen_at=Coalesce("last_seen_at", "detected_at"),
        )
        labels = Check.objects.filter(number__in=in_list(released), is_current=True, effect=Check.Effect.TAGS)
        labels.exclude(number__capability=PhoneNumber.Capability.ON).update(is_current=False)
        spam_status.recompute(released, now=context.now)
    return released
