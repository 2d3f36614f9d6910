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
OURS = "portal: "


@dataclass(frozen=True)
class Entry:
    """`quick`: on a clock whose days are short, the task is also run every second or so, by the rounds."""

    name: str
    func: str
    minutes: int = 1
    quick: bool = True


SCHEDULES = (
    Entry("verify numbers", "reputation.tasks.verification.verify_numbers"),
    Entry("look up numbers", "reputation.tasks.lookups.look_up_numbers"),
    Entry("advance cases", "reputation.tasks.cases.advance_cases"),
    Entry("withdraw requests", "reputation.tasks.cases.withdraw_requests"),
    Entry("stop unenrolled", "reputation.tasks.revocation.stop_unenrolled"),
    Entry("continue confirmations", "reputation.tasks.bulk_actions.continue_confirmations"),
    Entry("continue imports", "reputation.tasks.imports.continue_imports"),
    Entry("send enrollment mails", "enrollment.tasks.send_due_mails"),
    Entry("send digests", "reputation.tasks.digests.send_digests"),
    # Not in the rounds: it may wait for slow receivers, and is begun by each change anyway.
    Entry("deliver webhooks", "portal.webhooks.tasks.deliver_webhooks", quick=False),
    Entry("canary", "reputation.tasks.upkeep.canary", quick=False),
    Entry("end stale imports", "reputation.tasks.imports.end_stale_imports", minutes=10, quick=False),
    Entry("keep engines in step", "reputation.tasks.upkeep.keep_engines_in_step", minutes=60, quick=False),
    Entry("prune", "reputation.tasks.upkeep.prune", minutes=24 * 60, quick=False),
)
ROUNDS = Entry("rounds", "reputation.tasks.rounds.rounds")


def wanted() -> tuple[Entry, ...]:
    """What this portal runs; the rounds only on a clock whose days are shorter than real ones."""
    return (*SCHEDULES, ROUNDS) if timedelta(days=1) > settings.DAY else SCHEDULES


def make_schedules() -> None:
    """Makes what is missing, mends what differs, and removes what is ours and no longer wanted.

    Any number of processes at once leave one row each: the name is unique in the database (migration 0002). When a
    row fires next is never set anew, or each start would put it off.
    """
    now = timezone.now()
    for entry in wanted():
        row = {"func": entry.func, "schedule_type": Schedule.MINUTES, "minutes": entry.minutes, "repeats": -1}
        Schedule.objects.update_or_create(
            name=f"{OURS}{entry.name}", defaults=row, create_defaults={**row, "next_run": now}
        )
    names = [f"{OURS}{entry.name}" for entry in wanted()]
    Schedule.objects.filter(name__startswith=OURS).exclude(name__in=names).delete()
