"""What staff opened of a customer: events of the customer's account."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Left

from portal.audit.record import LABEL_LENGTH, Context, record_changes
from portal.db.bulk import Source
from portal.models import AuditEvent

CODE = "staff.opened"
# A person who opens an object again within this time adds no event.
MERGED_FOR = timedelta(hours=1)


def record_openings(opened: QuerySet, *, context: Context, label: Source) -> list[int]:
    """Add an event for each of the rows that the actor opened, except those of no account; return their ids.

    Rows have a column or an annotation `account_id`. Two queries if the actor opened all of them a while ago.
    """
    before = AuditEvent.objects.filter(
        account=OuterRef("account_id"),
        subject_type=opened.model._meta.model_name,
        subject_id=OuterRef("pk"),
        code=CODE,
        actor=context.actor.user,
        at__gt=context.now - MERGED_FOR,
    )
    new = opened.filter(~Exists(before), account_id__isnull=False)
    return record_changes(new, context=context, code=CODE, label=Left(label, LABEL_LENGTH))
