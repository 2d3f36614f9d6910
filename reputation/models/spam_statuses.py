"""The spam statuses of phone numbers, and their groups and orders."""

from __future__ import annotations

from django.db import models


class SpamStatus(models.TextChoices):
    """The stored statuses. Pages show those of TAGGED as *tagged*, and *clean* as *stale* if an answer expired."""

    NOT_MONITORED = "not_monitored", "Not monitored"
    UNKNOWN = "unknown", "Not yet known"
    CLEAN = "clean", "Clean"
    AT_RISK = "at_risk", "At risk"
    TAGGED = "tagged", "Tagged"
    TAGGED_AGAIN = "tagged_again", "Tagged again"
    IN_REMEDIATION = "in_remediation", "In remediation"
    FAILED = "failed", "Remediation failed"
    LAST_SEEN = "last_seen", "Labelled when last seen"


# A page shows a clean number as stale once an engine's answer has expired.
STALE = "stale"
TAGGED = (SpamStatus.TAGGED, SpamStatus.TAGGED_AGAIN, SpamStatus.IN_REMEDIATION, SpamStatus.FAILED)
SKIPPED = (*TAGGED, SpamStatus.LAST_SEEN)  # by matching

# A facet stores the index, so a new status goes to the end. 9 means none of these, so there is room for no other.
STATUSES_BY_FACET = (
    SpamStatus.FAILED,
    SpamStatus.TAGGED_AGAIN,
    SpamStatus.TAGGED,
    SpamStatus.IN_REMEDIATION,
    SpamStatus.UNKNOWN,
    SpamStatus.CLEAN,
    SpamStatus.NOT_MONITORED,
    SpamStatus.LAST_SEEN,
    SpamStatus.AT_RISK,
)
# Sort order of the column, most urgent first.
STATUSES_BY_URGENCY = (
    SpamStatus.FAILED,
    SpamStatus.TAGGED_AGAIN,
    SpamStatus.TAGGED,
    SpamStatus.IN_REMEDIATION,
    SpamStatus.LAST_SEEN,
    SpamStatus.AT_RISK,
    SpamStatus.UNKNOWN,
    SpamStatus.CLEAN,
    SpamStatus.NOT_MONITORED,
)
