"""The schedules of all tasks, those of the other apps included.

State and due times are in the portal's own tables, so a schedule that fires twice or late only causes delay. No
schedule has arguments: one that django-q2 cannot parse would stop all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django_q.models import Schedule

# Schedules with other names are never changed.
NAME_PREFIX = "portal: "


@dataclass(frozen=True)
class ScheduleEntry:
    """`in_demo_loop`: with short service days, the demo loop also runs the task about every second."""

    name: str
    func: str
    minutes: int = 1
    in_demo_loop: bool = True


SCHEDULES = (
    ScheduleEntry("verify numbers", "reputation.tasks.verification.verify_numbers"),
    ScheduleEntry("look up numbers", "reputation.tasks.lookups.look_up_numbers"),
    ScheduleEntry("advance cases", "reputation.tasks.cases.advance_cases"),
    # Not in the demo loop: desks answer by real days.
    ScheduleEntry("advance requests", "reputation.tasks.desks.advance_requests", in_demo_loop=False),
    ScheduleEntry("count test calls", "reputation.tasks.test_calls.count_results", in_demo_loop=False),
    ScheduleEntry("withdraw requests", "reputation.tasks.cases.withdraw_requests"),
    ScheduleEntry("stop unenrolled", "reputation.tasks.revocation.disable_revoked_numbers"),
    # Not in the demo loop: licences end by real days.
    ScheduleEntry("end uncovered", "reputation.tasks.coverage.end_uncovered_numbers", in_demo_loop=False),
    ScheduleEntry("continue confirmations", "reputation.tasks.bulk_actions.continue_bulk_actions"),
    ScheduleEntry("continue imports", "reputation.tasks.imports.continue_imports"),
    ScheduleEntry("send enrollment mails", "enrollment.tasks.send_due_mails"),
    ScheduleEntry("send mails", "portal.mail.tasks.send_mails"),
    ScheduleEntry("send digests", "reputation.tasks.digests.send_digests"),
    # Not in the demo loop: the FTC publishes by real days.
    ScheduleEntry(
        "fetch complaint files", "reputation.tasks.complaint_files.fetch_complaint_files", in_demo_loop=False
    ),
    # Not in the demo loop: it may wait for slow receivers, and each change enqueues it anyway.
    ScheduleEntry("deliver webhooks", "portal.webhooks.tasks.deliver_webhooks", in_demo_loop=False),
    # Often, because new numbers are asked about at once. The FCC is asked for newer data once an hour at most.
    ScheduleEntry("ask the FCC", "reputation.tasks.fcc.ask_fcc", minutes=10, in_demo_loop=False),
    # Not in the demo loop: desks answer by real business days.
    ScheduleEntry(
        "end silent registrations",
        "reputation.tasks.desk_registrations.end_silent_registrations",
        minutes=10,
        in_demo_loop=False,
    ),
    ScheduleEntry("canary", "reputation.tasks.maintenance.record_heartbeat", in_demo_loop=False),
    ScheduleEntry("check operations", "portal.operations.tasks.check_operations", in_demo_loop=False),
    ScheduleEntry(
        "warn about API keys", "portal.accounts.api_keys.tasks.warn_about_expiry", minutes=60, in_demo_loop=False
    ),
    ScheduleEntry(
        "record failed sign-ins",
        "portal.authentication.security_events.tasks.record_failed_sign_ins",
        in_demo_loop=False,
    ),
    ScheduleEntry("end stale imports", "reputation.tasks.imports.end_stale_imports", minutes=10, in_demo_loop=False),
    ScheduleEntry("keep engines in step", "reputation.tasks.maintenance.sync_engines", minutes=60, in_demo_loop=False),
    ScheduleEntry("encrypt secrets", "portal.operations.tasks.encrypt_secrets", minutes=24 * 60, in_demo_loop=False),
    ScheduleEntry("prune", "reputation.tasks.maintenance.prune", minutes=24 * 60, in_demo_loop=False),
)
DEMO_LOOP = ScheduleEntry("rounds", "reputation.tasks.demo_loop.run_demo_loop")


def get_entries() -> tuple[ScheduleEntry, ...]:
    """The schedules of this portal. The demo loop runs only if service days are shorter than real ones."""
    return (*SCHEDULES, DEMO_LOOP) if timedelta(days=1) > settings.SERVICE_DAY else SCHEDULES


def sync_schedules() -> None:
    """Creates missing schedules, updates changed ones, and deletes the portal's obsolete ones.

    Several processes may call it at once: the name is unique in the database. An update keeps `next_run`, because
    resetting it would delay the schedule at every start.
    """
    now = timezone.now()
    known = {schedule.name: schedule for schedule in Schedule.objects.filter(name__startswith=NAME_PREFIX)}
    wanted = {f"{NAME_PREFIX}{entry.name}": _get_row(entry) for entry in get_entries()}
    missing = [Schedule(name=name, next_run=now, **row) for name, row in wanted.items() if name not in known]
    if missing:
        Schedule.objects.bulk_create(missing, ignore_conflicts=True)
    for name in known.keys() & wanted.keys():
        if any(getattr(known[name], field) != value for field, value in wanted[name].items()):
            Schedule.objects.filter(name=name).update(**wanted[name])
    if obsolete := known.keys() - wanted.keys():
        Schedule.objects.filter(name__in=obsolete).delete()


def _get_row(entry: ScheduleEntry) -> dict[str, object]:
    return {"func": entry.func, "schedule_type": Schedule.MINUTES, "minutes": entry.minutes, "repeats": -1}
