"""Leases of work, signs that tasks run (the heartbeat of the schedules, the canary of each cluster), and failures."""

from __future__ import annotations

from datetime import datetime

from django.db import models


class Claimable(models.Model):
    """A row that one worker at a time holds: see portal/jobs/claims.py."""

    lease_until = models.DateTimeField(null=True, editable=False)
    lease_token = models.CharField(max_length=32, blank=True, editable=False)

    class Meta:
        abstract = True


class Lease(Claimable):
    """A named lease: who may run a kind of sweep, and until when."""

    name = models.CharField(max_length=60, primary_key=True)

    def __str__(self) -> str:
        return self.name


class Heartbeat(models.Model):
    """When the tasks last ran. A task writes it, because a stuck cluster still reports itself as alive."""

    name = models.CharField(max_length=60, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Canary(models.Model):
    """A task cluster, and the last canary that went through it: a task that only says that it ran.

    `manage.py run_workers` has one row, for all clusters that it starts one after the other. The row stays when it
    ends, and is deleted a day later. All times are in UTC.
    """

    name = models.CharField("cluster", max_length=100, primary_key=True)
    # When the supervisor of the cluster started, and when it last wrote to the database.
    started_at = models.DateTimeField()
    checked_at = models.DateTimeField()
    # The last canary that ran. Null until the first one does.
    last_run_at = models.DateTimeField(null=True)
    last_number = models.PositiveBigIntegerField(default=0, db_default=0)
    # How many clusters were killed or died, and why the last one.
    replacements = models.PositiveIntegerField(default=0, db_default=0)
    last_replaced_at = models.DateTimeField(null=True)
    last_fault = models.CharField(max_length=200, blank=True, db_default="")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def get_last_run_at(cls) -> datetime | None:
        """When a canary last ran in any cluster. None if none ever did. One query."""
        return cls.objects.aggregate(last=models.Max("last_run_at"))["last"]


class TaskFailureQuerySet(models.QuerySet["TaskFailure"]):
    def open(self) -> TaskFailureQuerySet:
        """Failures of tasks that have not succeeded since."""
        return self.filter(ended_at__isnull=True)

    def unseen(self) -> TaskFailureQuerySet:
        """Open failures that no operator has marked as seen."""
        return self.open().filter(seen_at__isnull=True)


class TaskFailure(models.Model):
    """An exception of a task. Equal failures, of the same task at the same place, are one row: see jobs/failures.py.

    The texts are of the last time, masked and shortened. All times are in UTC. A failure is over once the task
    succeeds. If it then fails again, the row opens again.
    """

    fingerprint = models.CharField(max_length=64, unique=True, editable=False)
    task = models.CharField(max_length=200)
    arguments = models.CharField(max_length=500, blank=True)
    exception = models.CharField(max_length=200, help_text="The exception's class.")
    place = models.CharField(max_length=300, help_text="The innermost line of the portal's own code.")
    message = models.CharField(max_length=1000, blank=True)
    traceback = models.TextField(blank=True)
    count = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True, help_text="When an operator marked it as seen.")

    objects = TaskFailureQuerySet.as_manager()

    class Meta:
        verbose_name = "failed task"
        verbose_name_plural = "operations"
        indexes = [
            models.Index(fields=["task"], condition=models.Q(ended_at__isnull=True), name="task_failure_open"),
            models.Index(fields=["last_at"], name="task_failure_last_at"),
        ]

    def __str__(self) -> str:
        return f"{self.task}: {self.exception}"[:120]


class OperationsCheck(models.Model):
    """When everything that operators watch was last looked at, and what was wrong. One row: see portal/operations."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True)
    checked_at = models.DateTimeField()
    problems = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"{len(self.problems)} problems at {self.checked_at}"
