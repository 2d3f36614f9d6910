"""Losses of coverage: licences of an account ended or were changed, and what happened to its numbers."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from portal.models import Account, AccountQuerySet, Claimable


class CoverageLossQuerySet(AccountQuerySet):
    def unfinished(self) -> CoverageLossQuerySet:
        return self.filter(finished_at__isnull=True)

    def finished(self) -> CoverageLossQuerySet:
        return self.filter(finished_at__isnull=False)

    def mail_due(self, now: datetime) -> CoverageLossQuerySet:
        """Losses about which the owners are to be mailed."""
        return self.filter(mail_due_at__lte=now)


class CoverageLoss(Claimable):
    """Licences ended or were changed. Monitoring ends for the numbers that no licence covers any more.

    While it is not finished, a worker ends the monitoring chunk by chunk. Afterwards it says what happened.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    created_at = models.DateTimeField()
    # A sentence for people, and the reason in the audit trail: "Phone Pro expired on 26 November 2026."
    cause = models.CharField(max_length=300)
    is_expiry = models.BooleanField(help_text="Licences expired. Otherwise staff changed them.")
    campaigns_were_included = models.BooleanField(help_text="Numbers in campaigns needed no seat until then.")

    # What happened.
    ended_count = models.PositiveIntegerField(default=0, help_text="For how many numbers monitoring ended.")
    last_event_id = models.BigIntegerField(default=0, help_text="The account's newest audit event before it began.")
    campaign_names = models.JSONField(default=list, help_text="Campaigns that have no caller ID afterwards.")
    finished_at = models.DateTimeField(null=True)
    mail_due_at = models.DateTimeField(null=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)

    objects = CoverageLossQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account"], condition=Q(finished_at__isnull=True), name="coverage_loss_once_at_a_time"
            )
        ]
        indexes = [
            models.Index(fields=["mail_due_at"], name="coverage_loss_mail_due", condition=Q(mail_due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.cause
