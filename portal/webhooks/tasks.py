"""Webhooks, for the schedule and for a hint with each change: what is due is sent, and mails about those that failed.

One process at a time, so that however many hints there are, one worker waits for receivers and the others do not.
"""

from __future__ import annotations

import logging

from django.utils import timezone

from portal.jobs.leases import acquire_lease
from portal.jobs.runner import BUDGET_SECONDS, run_until_done, task
from portal.webhooks import delivery as webhook_delivery
from portal.webhooks import mails

logger = logging.getLogger(__name__)


@task
def deliver_webhooks() -> None:
    with acquire_lease("sweep:deliver webhooks", for_seconds=BUDGET_SECONDS + 35) as mine:
        if mine and (tried := webhook_delivery.deliver(clock=timezone.now)):
            logger.info("deliver webhooks: %s sent", tried)
    run_until_done("webhook mails", lambda: mails.send_due(timezone.now()))
