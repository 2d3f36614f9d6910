"""What is due, for reputation.work.kinds: each query finds the rows that a task would find, by an index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models import (
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce, Greatest

from enrollment.models import Application
from portal.jobs.claims import unclaimed
from portal.models import Licence, Member
from reputation.desks.deadlines import WAITING_FOR_DESK
from reputation.imports.cleanup import get_retention
from reputation.models import (
    BulkAction,
    Connection,
    CoverageLoss,
    DeskRegistration,
    DeskRequest,
    Engine,
    EngineRole,
    FccDataset,
    FtcFile,
    FtcIndexPage,
    NumberCount,
    NumberImport,
    PhoneNumber,
    TestCall,
    TestRound,
)
from reputation.monitoring.engines import BACKFILL_DELAY
from reputation.notifications.digests import get_due_members
from reputation.providers.handset import HandsetProvider

Rows = QuerySet[Any]
GetRows = Callable[[datetime], Rows]

# In every time zone, a day is over so long after midnight in UTC.
LATEST_MIDNIGHT = timedelta(hours=12)
# Members who were to be told this long ago are told late. Nothing says since when a member is to be told, so those who
# are due for a shorter time are not looked for.
DIGESTS_LATE_AFTER = timedelta(hours=2)

# Files and windows ----------------------------------------------------------------------------------------------------


def get_waiting_imports(*states: str) -> GetRows:
    """Imports in these states that no worker holds. They wait since the last worker let go of them, or died."""
    since = _latest("received_at", "confirmed_at", "waiting_since", "lease_until")
    # Every import in progress has rows. Naming them lets the index be used.
    waiting = NumberImport.objects.filter(has_rows=True, state__in=states).annotate(due_since=since)
    return lambda now: waiting.filter(unclaimed(now))


def get_waiting_bulk_actions(state: str) -> GetRows:
    """Bulk actions in this state that no worker holds. They wait since the last worker let go of them, or died."""
    since = _latest("created_at", "confirmed_at", "waiting_since", "lease_until")
    waiting = BulkAction.objects.filter(state=state).annotate(due_since=since)
    return lambda now: waiting.filter(unclaimed(now))


def _latest(first: str, *others: str) -> Greatest:
    """The latest of these times, of which only the first is never null."""
    return Greatest(first, *(Coalesce(other, first) for other in others))


def get_stale_imports(now: datetime) -> Rows:
    states = NumberImport.UNCONFIRMED
    return NumberImport.objects.filter(state__in=states, has_rows=True, received_at__lte=now - get_retention())


# Numbers and cases ----------------------------------------------------------------------------------------------------


def get_due(rows: QuerySet[Any], *, claimable: bool = True) -> GetRows:
    """Those of the rows whose `next_action_at` has come, and which nobody holds if they can be claimed."""
    return lambda now: rows.filter(Q(next_action_at__lte=now), *([unclaimed(now)] if claimable else []))


def get_revoked(now: datetime) -> Rows:
    """Revoked applications of accounts that have no approved one and still have monitored numbers."""
    approved = Application.objects.approved().filter(account=OuterRef("account"))
    counts = NumberCount.objects.monitored().filter(account=OuterRef("account")).order_by().values("account")
    monitored = Subquery(counts.annotate(total=Sum("count")).values("total"))
    revoked = Application.objects.filter(~Exists(approved), state=Application.State.REVOKED)
    return revoked.annotate(monitored=monitored).filter(monitored__gt=0)


def get_risks(now: datetime) -> Rows:
    return PhoneNumber.objects.filter(at_risk_until__lte=now)


def get_new_engines(now: datetime) -> Rows:
    registering = Engine.objects.filter(in_use=True, roles__role=EngineRole.Role.REGISTER)
    return registering.filter(backfill_cursor__isnull=False, in_use_since__lte=now - BACKFILL_DELAY)


def get_retiring_engines(now: datetime) -> Rows:
    # Nothing says since when: the hourly task ends their tags.
    return Engine.objects.filter(needs_retirement=True).annotate(due_since=Value(now, DateTimeField()))


# Desks and test calls -------------------------------------------------------------------------------------------------


def get_silent_requests(now: datetime) -> Rows:
    return DeskRequest.objects.open().filter(state__in=WAITING_FOR_DESK, due_at__lte=now)


def get_silent_registrations(now: datetime) -> Rows:
    return DeskRegistration.objects.filter(due_at__lte=now)


def get_stale_rounds(now: datetime) -> Rows:
    return TestRound.objects.filter(ended_at__isnull=True, created_at__lte=now - get_round_time())


def get_round_time() -> timedelta:
    return timedelta(hours=settings.TEST_CALLS.round_hours)


def get_results_to_count(now: datetime) -> Rows:
    """Results that are held no longer, by their age alone: those of ended rounds count a little earlier.

    None without the provider of test calls: they wait until PROVIDERS has it.
    """
    connection = Connection.objects.filter(provider=HandsetProvider.name, account__isnull=True)
    held_until = now - get_hold_time()
    return TestCall.objects.filter(Exists(connection), state=TestCall.State.DONE, answered_at__lte=held_until)


def get_hold_time() -> timedelta:
    return timedelta(minutes=settings.TEST_CALLS.hold_minutes)


# Licences, mails and complaints ---------------------------------------------------------------------------------------


def get_coverage_losses(now: datetime) -> Rows:
    return CoverageLoss.objects.unfinished().filter(unclaimed(now))


def get_ended_licences(now: datetime) -> Rows:
    """Licences that have ended in every time zone, and that nothing was done about."""
    is_open = Q(warned_for__isnull=True) | ~Q(warned_for=F("valid_until")) | Q(warned_days__gt=0)
    return Licence.objects.filter(is_open, valid_until__lt=(now - LATEST_MIDNIGHT).date())


def get_end(valid_until: date) -> datetime:
    """When a licence with this last day has ended in every time zone."""
    return datetime.combine(valid_until + timedelta(days=1), time.min, tzinfo=UTC) + LATEST_MIDNIGHT


def get_untold_members(now: datetime) -> QuerySet[Member]:
    """Members who were to be told DIGESTS_LATE_AFTER ago already, and were not told since."""
    since = now - DIGESTS_LATE_AFTER
    return get_due_members(since).filter(unclaimed(now)).annotate(due_since=Value(since, DateTimeField()))


def get_complaint_pages(now: datetime) -> Rows:
    pages = FtcIndexPage.objects.filter(unclaimed(now), url=settings.FTC_INDEX_URL, next_action_at__lte=now)
    quiet_is_over = Q(quiet_until__isnull=True) | Q(quiet_until__lte=now)
    since = Greatest("next_action_at", Coalesce("quiet_until", "next_action_at"))
    due = pages.filter(quiet_is_over).annotate(due_since=since)
    return due if settings.FTC_FETCH else due.none()


def get_complaint_files(now: datetime) -> Rows:
    quiet = FtcIndexPage.objects.filter(url=settings.FTC_INDEX_URL, quiet_until__gt=now)
    due = FtcFile.objects.due(now).filter(unclaimed(now), ~Exists(quiet))
    return due if settings.FTC_FETCH else due.none()


def get_fcc_datasets(now: datetime) -> Rows:
    """The FCC's data, if a newer version is to be asked for and the service may be asked."""
    interval = timedelta(minutes=settings.FCC.check_minutes)
    ask_at = ExpressionWrapper(F("checked_at") + interval, output_field=DateTimeField())
    due = FccDataset.objects.filter(unclaimed(now), is_enabled=True, checked_at__lte=now - interval)
    may_be_asked = Q(next_action_at__isnull=True) | Q(next_action_at__lte=now)
    due = due.filter(may_be_asked).annotate(due_since=Greatest(ask_at, Coalesce("next_action_at", ask_at)))
    return due if settings.FCC.fetch else due.none()
