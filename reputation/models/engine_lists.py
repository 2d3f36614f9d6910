"""Lists of numbers and grades that an engine shows its customers, as somebody pasted or uploaded them."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from portal.models import Account, AccountQuerySet
from reputation.models.engines import Engine


class EngineList(models.Model):
    """What was read from one list. The grades are in checks, and the registrations in DeskRegistration."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    engine = models.ForeignKey(Engine, models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=255, blank=True, help_text="Of the file. Empty: pasted.")
    digest = models.CharField(max_length=64, help_text="Of numbers and grades, to recognize the same list.")
    shown_at = models.DateTimeField(help_text="When the engine showed the list.")
    read_at = models.DateTimeField()
    read_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    counts = models.JSONField(default=dict, help_text="Numbers of the account by verdict, and what changed.")
    unknown_grades = models.JSONField(default=dict, help_text="Numbers by a grade whose meaning is not known.")
    unknown_numbers = models.JSONField(default=list, help_text="The first numbers that the account does not have.")
    unknown_count = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, help_text="The first lines that could not be read: number and reason.")
    problem_count = models.PositiveIntegerField(default=0)

    objects = AccountQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["account", "read_at"], name="engine_list_by_account")]

    def __str__(self) -> str:
        return f"List of {self.engine}, {self.shown_at:%Y-%m-%d}"
