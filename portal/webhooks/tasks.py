"""The webhooks' task: queued with each change, and run by the schedule."""

from __future__ import annotations

import logging
import time

from django.utils import timezone

from portal.jobs.runner import BUDGET_SECONDS, continue_later, run_exclusively, run_until_done, task
from portal.webhooks import delivery, mails

logger = logging.getLogger(__name__)


@task
def deliver_webhooks() -> None:
    """Send the deliveries that are due, then put the mails about paused endpoints into the outbox.

    One process at a time: however often the task is queued, one worker waits for receivers and the others stay free.
    """
    until = time.monotonic() + BUDGET_SECONDS
    with run_exclusively("deliver webhooks") as lease:
        if lease and (sent := delivery.deliver(clock=timezone.now)):
            logger.info("deliver webhooks: %s sent", sent)
            if time.monotonic() >= until:
                continue_later()
    run_until_done("webhook mails", lambda: mails.enqueue_due(timezone.now()))
