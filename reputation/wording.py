"""How states are said on a page: a word, a tone (good, wait, bad, calm) and an icon for each, in one table."""

from __future__ import annotations

from dataclasses import dataclass

from reputation.models import Case, PhoneNumber

Status = PhoneNumber.SpamStatus
Capability = PhoneNumber.Capability


@dataclass(frozen=True)
class Said:
    word: str
    tone: str
    icon: str


SPAM_STATUS = {
    Status.TAGGED: Said("Tagged", "bad", "triangle-alert"),
    Status.TAGGED_AGAIN: Said("Tagged again", "bad", "triangle-alert"),
    Status.IN_REMEDIATION: Said("In remediation", "wait", "clock"),
    Status.FAILED: Said("Remediation failed", "bad", "triangle-alert"),
    Status.CLEAN: Said("Clean", "good", "check"),
    PhoneNumber.STALE: Said("Stale", "calm", "history"),
    Status.UNKNOWN: Said("Not yet known", "calm", "circle-question-mark"),
    Status.NOT_MONITORED: Said("Not monitored", "calm", "circle-minus"),
}

CAPABILITY = {
    Capability.ON: Said("On", "good", "check"),
    Capability.VERIFYING: Said("Verifying", "wait", "loader"),
    Capability.FAILED: Said("Verification failed", "bad", "triangle-alert"),
    Capability.OFF: Said("Off", "calm", "circle-minus"),
}

CASE = {
    Case.State.OPEN: Said("Open", "bad", "triangle-alert"),
    Case.State.SUBMITTED: Said("Submitted", "wait", "clock"),
    Case.State.IN_REVIEW: Said("In review", "wait", "clock"),
    Case.State.DISPUTED: Said("Disputed", "wait", "clock"),
    Case.State.CLEARED: Said("Cleared", "good", "check"),
    Case.State.FAILED: Said("Failed", "bad", "triangle-alert"),
    Case.State.CANCELLED: Said("Cancelled", "calm", "circle-minus"),
}

# The tallies above the table, in the order of the page; each is a filter.
TALLIES = (
    "tagged",
    Status.IN_REMEDIATION,
    Status.FAILED,
    Status.CLEAN,
    PhoneNumber.STALE,
    Status.UNKNOWN,
    Status.NOT_MONITORED,
)
