"""Wrong passwords: one row each, which a task turns into events within a minute or two.

The page writes the same row whether somebody has the address or not, so that the time it takes does not tell. Failures
are merged: a run of the task adds at most one event for each person, and one for all addresses that nobody has.
Guesses at a person are few (see throttling.py), and addresses that nobody has cannot fill the trail.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import BigIntegerField, CharField, Count, Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat, Left
from django.http import HttpRequest

from portal import audit
from portal.audit import Actor, Context
from portal.audit.record import LABEL_LENGTH
from portal.authentication.security_events.record import describe_origin
from portal.db.in_list import in_list
from portal.jobs.work import WorkKind
from portal.models import FailedSignIn, Member, User
from portal.text import pluralize

TASK = "portal.authentication.security_events.tasks.record_failed_sign_ins"
CODE = "sign_in.failed"
CHUNK = 1_000
UNKNOWN = "Addresses that nobody has"


def get_due(now: datetime) -> QuerySet[FailedSignIn]:
    return FailedSignIn.objects.all()


WORK = WorkKind(
    "failed_sign_ins",
    "Failed sign-ins to record",
    TASK,
    get_due,
    "at",
    late_after=timedelta(minutes=15),
    sweeps=("failed sign-ins",),
)


def note_failed_sign_in(request: HttpRequest, email: str, *, now: datetime) -> None:
    """Keep the failure for the audit trail. One query, the same for every address. `email` is in lower case."""
    FailedSignIn.objects.create(email=email[:254], client=describe_origin(request)[:200], at=now)


def record_chunk() -> int:
    """Add events for a chunk of failures; return how many failures it was. The number of queries is fixed."""
    with transaction.atomic():
        rows = list(FailedSignIn.objects.select_for_update().order_by("pk")[:CHUNK])
        if not rows:
            return 0
        chunk = FailedSignIn.objects.filter(pk__in=in_list([row.pk for row in rows]))
        context = Context(Actor(None, via="web"), max(row.at for row in rows))
        _record_about_people(chunk, context)
        _record_about_nobody(chunk, context)
        chunk.delete()
    return len(rows)


def _record_about_people(chunk: QuerySet[FailedSignIn], context: Context) -> None:
    """An event in each account of the people who have these addresses, or one without an account."""
    emails = chunk.values("email")
    members = Member.objects.filter(user__email__in=emails)
    alone = User.objects.filter(~Exists(Member.objects.filter(user=OuterRef("pk"))), email__in=emails)
    no_account = Cast(Value(None), BigIntegerField())
    _record(members, chunk, context, email="user__email")
    _record(alone.annotate(account_id=no_account), chunk, context, email="email")


def _record(people: QuerySet, chunk: QuerySet[FailedSignIn], context: Context, *, email: str) -> None:
    failures = chunk.filter(email=OuterRef(email)).order_by()
    counts = failures.values("email").annotate(times=Count("pk")).values("times")
    audit.record_changes(
        people,
        context=context,
        code=CODE,
        label=Left(email, LABEL_LENGTH),
        after=Concat(Cast(Subquery(counts), CharField()), Value(" ×")),
        reason=Subquery(failures.order_by("-pk").values("client")[:1]),
    )


def _record_about_nobody(chunk: QuerySet[FailedSignIn], context: Context) -> None:
    unknown = chunk.filter(~Exists(User.objects.filter(email=OuterRef("email"))))
    if count := unknown.count():
        audit.record_about_address(UNKNOWN, context=context, code=CODE, reason=pluralize(count, "attempt"))
