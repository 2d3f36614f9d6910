"""The table of area codes that an operator loaded, which is newer than the shipped one."""

from __future__ import annotations

from django.db import models


class AreaCodeTable(models.Model):
    """A report of NANPA as CSV. Only the newest is kept. portal/phone/area_code_report.py reads it."""

    report_date = models.DateField(unique=True)
    loaded_at = models.DateTimeField()
    report = models.TextField()

    def __str__(self) -> str:
        return str(self.report_date)
