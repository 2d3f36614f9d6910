"""When each task runs. The one table of schedules, those of the other apps included.

State and due times are in our own rows: a schedule that fires twice, late or not at all does no harm but delay. None
has arguments, since one that cannot be read would stop all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django_q.models import Schedule

# Rows whose name begins so are ours; any other is left alone.
NAME_PREFIX = "portal: "


@dataclass(frozen=True)
class ScheduleEntry:
    """`quick`: on a clock whose days are short, the task is also run every second or so, by the rounds."""

    name: str
    func: str
    minutes: int = 1
    quick: bool = True


SCHEDULES = (
    ScheduleEntry("verify numbers", "reputation.tasks.verification.verify_numbers"),
    ScheduleEntry("look up numbers", "reputation.tasks.lookups.look_up_numbers"),
    ScheduleEntry("advance cases", "reputation.tasks.cases.advance_cases"),
    ScheduleEntry("withdraw requests", "reputation.tasks.cases.withdraw_requests"),
    ScheduleEntry("stop unenrolled", "reputation.tasks.revocation.disable_revoked_numbers"),
    ScheduleEntry("continue confirmations", "reputation.tasks.bulk_actions.continue_bulk_actions"),
    ScheduleEntry("continue imports", "reputation.tasks.imports.continue_imports"),
    ScheduleEntry("send enrollment mails", "enrollment.tasks.send_due_mails"),
    ScheduleEntry("send digests", "reputation.tasks.digests.send_digests"),
    # Not in the rounds: it may wait for slow receivers, and is begun by each change anyway.
    ScheduleEntry("deliver webhooks", "portal.webhooks.tasks.deliver_webhooks", quick=False),
    ScheduleEntry("canary", "reputation.tasks.maintenance.record_heartbeat", quick=False),
    ScheduleEntry("end stale imports", "reputation.tasks.imports.end_stale_imports", minutes=10, quick=False),
    ScheduleEntry("keep engines in step", "reputation.tasks.maintenance.sync_engines", minutes=60, quick=False),
    ScheduleEntry("prune", "reputation.tasks.maintenance.prune", minutes=24 * 60, quick=False),
)
DEMO_LOOP = ScheduleEntry("rounds", "reputation.tasks.demo_loop.run_demo_loop")


def get_entries() -> tuple[ScheduleEntry, ...]:
    """What this portal runs; the rounds only on a clock whose days are shorter than real ones."""
    return (*SCHEDULES, DEMO_LOOP) if timedelta(days=1) > settings.SERVICE_DAY else SCHEDULES


def sync_schedules() -> None:
    """Makes what is missing, mends what differs, and removes what is ours and no longer wanted.

    Any number of processes at once leave one row each: the name is unique in the database (migration 0002). When a
    row fires next is never set anew, or each start would put it off.
    """
    now = timezone.now()
    for entry in get_entries():
        row = {"func": entry.func, "schedule_type": Schedule.MINUTES, "minutes": entry.minutes, "repeats": -1}
        Schedule.objects.update_or_create(
            name=f"{NAME_PREFIX}{entry.name}", defaults=row, create_defaults={**row, "next_run": now}
        )
    names = [f"{NAME_PREFIX}{entry.name}" for entry in get_entries()]
    Schedule.objects.filter(name__startswith=NAME_PREFIX).exclude(name__in=names).delete()
