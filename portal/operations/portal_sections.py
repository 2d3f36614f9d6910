"""The sections of this app: failed tasks, workers, queue, schedules, due work, webhooks, mails, area codes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Count, Min
from django_q.brokers import get_broker
from django_q.models import OrmQ, Schedule

from portal.jobs import clock
from portal.jobs.work import DueWork, due_work
from portal.mail import queue as mail_queue
from portal.models import Canary, Heartbeat, TaskFailure, WebhookDelivery, WebhookEndpoint
from portal.operations.sections import Cell, Content, Problem, Section
from portal.phone.current_plan import get_numbering_plan
from portal.text import pluralize

LATE: Final = timedelta(minutes=3)
QUEUE_LATE: Final = timedelta(minutes=5)
# A few area codes begin service each year. After a year without a newer report, the banner says so, too.
AREA_CODES_OLD: Final = timedelta(days=183)
AREA_CODES_LATE: Final = timedelta(days=365)
START_WORKERS: Final = (
    "Look at the log of the workers (journalctl -u portal-worker), and start them again if they are not running."
)


def describe_failures(now: datetime) -> Content:
    """Failures that nobody has seen yet. One query. The list of the page has all of them."""
    names = list(TaskFailure.objects.unseen().order_by("task").values_list("task", flat=True).distinct()[:20])
    if not names:
        return Content(note="No task fails that nobody has seen yet.")
    text = f"{pluralize(len(names), 'task')} failed and did not succeed since: {', '.join(names)}."
    advice = "Open the failure in the list below, repair its cause, or mark it as seen."
    return Content(problems=[Problem(text, advice)], note="The list below has them.")


def describe_workers(now: datetime) -> Content:
    """When a canary last went through each cluster, and when a scheduled task last ran. Two queries."""
    canaries = list(Canary.objects.order_by("name"))
    heartbeats = list(Heartbeat.objects.exclude(name__in=(clock.LATEST, clock.SET_BACK)).order_by("name"))
    rows: list[Sequence[Cell]] = [
        (canary.name, canary.last_run_at, canary.replacements, canary.last_replaced_at, canary.last_fault)
        for canary in canaries
    ]
    rows += [(f"Schedules: {heartbeat.name}", heartbeat.at, "", "", "") for heartbeat in heartbeats]
    times = [canary.last_run_at for canary in canaries if canary.last_run_at]
    newest = max([*times, *(heartbeat.at for heartbeat in heartbeats)], default=None)
    problems = []
    if newest is None:
        problems.append(Problem("No task has ever run.", START_WORKERS))
    elif now - newest > LATE:
        problems.append(Problem(f"No task has run since {newest:%Y-%m-%d %H:%M} UTC.", START_WORKERS))
    columns = ("Cluster", "Last task", "Replaced", "Last replaced", "Why")
    return Content(columns, rows, problems, empty="No worker has started yet.")


def describe_queue(now: datetime) -> Content:
    """How many tasks wait, and since when. One query, unless the queue is in Redis."""
    if not settings.Q_CLUSTER.get("orm"):
        return Content(("Waiting tasks",), [(_count_in_redis(),)])
    queue = OrmQ.objects.filter(lock__lte=now).aggregate(count=Count("pk"), oldest=Min("lock"))
    problems = []
    if queue["oldest"] and now - queue["oldest"] > QUEUE_LATE:
        problems.append(Problem(f"A task waits since {queue['oldest']:%Y-%m-%d %H:%M} UTC.", START_WORKERS))
    return Content(("Waiting tasks", "Oldest"), [(queue["count"], queue["oldest"])], problems)


def _count_in_redis() -> int | str:
    try:
        return get_broker().queue_size()
    except Exception as error:
        return f"Redis does not answer ({type(error).__name__})"


def describe_schedules(now: datetime) -> Content:
    """When each schedule started its task, and when it does so next. One query."""
    rows: list[Sequence[Cell]] = []
    late = []
    for schedule in Schedule.objects.order_by("name"):
        next_run = schedule.next_run
        interval = timedelta(minutes=schedule.minutes or 1)
        rows.append((schedule.name, next_run and next_run - interval, next_run))
        if next_run and now - next_run > LATE:
            late.append(schedule.name)
    problems = [Problem(f"{pluralize(len(late), 'schedule')} late: {', '.join(late)}.", START_WORKERS)] if late else []
    return Content(("Schedule", "Last", "Next"), rows, problems, empty="There is no schedule. Run manage.py migrate.")


def describe_work(now: datetime) -> Content:
    """What is due, and how late it may be. One query for each kind of work, one more for each that is due."""
    due = due_work(now, counted=True)
    rows: list[Sequence[Cell]] = [
        (work.kind.label, work.count, work.since, _format_minutes(work.kind.late_after)) for work in due
    ]
    problems = [_build_problem(work) for work in due if work.is_late(now)]
    return Content(("Work", "Due", "Since", "Late after"), rows, problems, empty="Nothing is due.")


def _build_problem(work: DueWork) -> Problem:
    text = f"{work.kind.label}: due since {work.since:%Y-%m-%d %H:%M} UTC."
    return Problem(text, f"Its task is {work.kind.task}: see whether it fails, and whether the workers run.")


def _format_minutes(bound: timedelta) -> str:
    minutes = bound // timedelta(minutes=1)
    return pluralize(minutes // 60, "hour") if minutes % 60 == 0 else pluralize(minutes, "minute")


def describe_webhooks(now: datetime) -> Content:
    """Deliveries that wait, and endpoints that are paused. Two queries."""
    waiting = WebhookDelivery.objects.pending().aggregate(count=Count("pk"), oldest=Min("next_action_at"))
    paused = WebhookEndpoint.objects.filter(state=WebhookEndpoint.State.PAUSED).count()
    return Content(
        ("Waiting deliveries", "First attempt due", "Paused endpoints"),
        [(waiting["count"], waiting["oldest"], paused)],
        note="Receivers that fail are tried again for days. Owners are told when an endpoint is paused.",
    )


def describe_mails(now: datetime) -> Content:
    """The outbox, and the mail server. Four queries."""
    summary = mail_queue.get_summary(now)
    problems = []
    if summary.server.failing_since:
        advice = "Check EMAIL_URL, and try it with manage.py send_test_mail. All mails wait meanwhile."
        problems.append(Problem("The mail server takes no mail.", advice))
    if summary.unsent_count:
        text = f"{pluralize(summary.unsent_count, 'mail')} could not be sent."
        advice = "Outgoing mails lists them with the reason, and sends them again."
        problems.append(Problem(text, advice, is_urgent=False))
    rows = [(summary.waiting_count, summary.oldest_due_at, summary.unsent_count)]
    return Content(("Waiting mails", "Oldest due", "Not sent"), rows, problems)


def describe_area_codes(now: datetime) -> Content:
    """How old the table of area codes is. No query, or one."""
    report_date = get_numbering_plan().report_date
    age = now.date() - report_date
    problems = []
    if age > AREA_CODES_OLD:
        advice = (
            "Load a newer report with manage.py load_area_codes. Until then, numbers of new area codes are refused."
        )
        text = f"The table of area codes is of {report_date}."
        problems.append(Problem(text, advice, is_urgent=age > AREA_CODES_LATE))
    return Content(problems=problems, note=f"Report of {report_date}.")


SECTIONS = (
    Section("failures", "Failed tasks", describe_failures, rank=0),
    Section("workers", "Workers", describe_workers, rank=0),
    Section("queue", "Queue", describe_queue, rank=0),
    Section("work", "Due work", describe_work, rank=0),
    Section("schedules", "Schedules", describe_schedules, rank=2),
    Section("webhooks", "Webhooks", describe_webhooks),
    Section("mails", "Mails", describe_mails, "admin:portal_outgoingmail_changelist"),
    Section("area-codes", "Area codes", describe_area_codes),
)
