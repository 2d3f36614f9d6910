"""Fetch the complaint files that the FTC publishes."""

import logging

from django.conf import settings
from django.utils import timezone

from portal.jobs.runner import run_exclusively, task
from reputation.ftc import sweep

logger = logging.getLogger(__name__)


@task
def fetch_complaint_files() -> None:
    """One process at a time, so that the pause between requests holds. What is left is done a minute later."""
    if not settings.FTC_FETCH:
        return
    with run_exclusively("fetch complaint files") as lease:
        if lease and (requests := sweep.fetch_due(clock=timezone.now)):
            logger.info("fetch complaint files: %s requests", requests)
