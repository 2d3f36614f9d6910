"""The labels of states on pages: for each a word, a tone (good, wait, bad or calm) and an icon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from portal.text import pluralize
from reputation.models import (
    Case,
    Check,
    DeskRegistration,
    DeskRequest,
    NumberImport,
    PhoneNumber,
    Submission,
    TestCall,
)

Status = PhoneNumber.SpamStatus
Capability = PhoneNumber.Capability


@dataclass(frozen=True)
class StatusLabel:
    word: str
    tone: str
    icon: str


SPAM_STATUS_LABELS = {
    Status.TAGGED: StatusLabel("Tagged", "bad", "triangle-alert"),
    Status.IN_REMEDIATION: StatusLabel("In remediation", "wait", "clock"),
    Status.FAILED: StatusLabel("Remediation failed", "bad", "triangle-alert"),
    Status.CLEAN: StatusLabel("Clean", "good", "check"),
    PhoneNumber.STALE: StatusLabel("Stale", "calm", "history"),
    Status.UNKNOWN: StatusLabel("Not yet known", "calm", "circle-question-mark"),
    Status.NOT_MONITORED: StatusLabel("Not monitored", "calm", "circle-minus"),
    Status.AT_RISK: StatusLabel("At risk", "wait", "circle-alert"),
    Status.LAST_SEEN: StatusLabel("Labelled when last seen", "wait", "eye-off"),
}

CHECK_LABELS: dict[str, StatusLabel] = {
    Check.Effect.CLEARS: SPAM_STATUS_LABELS[Status.CLEAN],
    Check.Effect.RISK: SPAM_STATUS_LABELS[Status.AT_RISK],
    Check.Effect.TAGS: SPAM_STATUS_LABELS[Status.TAGGED],
}
NO_COMPLAINTS = StatusLabel("No complaints found", "calm", "circle-minus")
# What a source of complaints that knows nothing about a number says instead of an answer, and why it knows nothing.
COMPLAINTS_UNKNOWN: dict[str, tuple[str, str]] = {
    "no_file": ("No file loaded", "No complaint file is loaded, so nothing is known about complaints."),
    "not_asked_yet": ("Not asked yet", "The FCC was not asked about this number so far."),
    "never_asked": ("Not asked", "This portal does not ask the FCC, so nothing is known about its complaints."),
}
PENDING_CHECK = StatusLabel("Still looking", "wait", "clock")
NO_ANSWER = StatusLabel("No answer", "calm", "circle-question-mark")

# The state of remediation, shown next to *Tagged*. By the stored statuses of tagged numbers.
REMEDIATION_LABELS = {
    Status.TAGGED: StatusLabel("Remediation starts", "wait", "clock"),
    Status.TAGGED_AGAIN: StatusLabel("Came back, remediation starts", "wait", "clock"),
    Status.IN_REMEDIATION: SPAM_STATUS_LABELS[Status.IN_REMEDIATION],
    Status.FAILED: SPAM_STATUS_LABELS[Status.FAILED],
}

CAPABILITY_LABELS = {
    Capability.ON: StatusLabel("On", "good", "check"),
    Capability.VERIFYING: StatusLabel("Verifying", "wait", "loader"),
    Capability.FAILED: StatusLabel("Verification failed", "bad", "triangle-alert"),
    Capability.OFF: StatusLabel("Off", "calm", "circle-minus"),
}

CASE_LABELS: dict[str, StatusLabel] = {
    Case.State.OPEN: StatusLabel("Open", "bad", "triangle-alert"),
    Case.State.SUBMITTED: StatusLabel("Submitted", "wait", "clock"),
    Case.State.IN_REVIEW: StatusLabel("In review", "wait", "clock"),
    Case.State.DISPUTED: StatusLabel("Disputed", "wait", "clock"),
    Case.State.CLEARED: StatusLabel("Cleared", "good", "check"),
    Case.State.FAILED: StatusLabel("Failed", "bad", "triangle-alert"),
    Case.State.CANCELLED: StatusLabel("Cancelled", "calm", "circle-minus"),
}

# What became of a submission whose case ended before the engine answered.
_ENDED_SUBMISSION_WORDS: dict[str, str] = {
    Submission.State.WAITING: "Not sent",
    Submission.State.SUBMITTED: "Sent, not answered",
    Submission.State.IN_REVIEW: "In review when the case ended",
    Submission.State.DISPUTED: "Disputed when the case ended",
    Submission.State.AGEING: "Complaints had not aged out when the case ended",
}

CAMPAIGN_RUNNING = StatusLabel("Running", "good", "play")
CAMPAIGN_PAUSED = StatusLabel("Paused", "calm", "pause")

IMPORT_LABELS: dict[str, StatusLabel] = {
    NumberImport.State.RECEIVED: StatusLabel("Received", "wait", "loader"),
    NumberImport.State.READING: StatusLabel("Being read", "wait", "loader"),
    NumberImport.State.READY: StatusLabel("Ready to confirm", "wait", "clock"),
    NumberImport.State.APPLYING: StatusLabel("Under way", "wait", "loader"),
    NumberImport.State.DONE: StatusLabel("Done", "good", "check"),
    NumberImport.State.FAILED: StatusLabel("Failed", "bad", "triangle-alert"),
    NumberImport.State.STOPPED: StatusLabel("Stopped", "calm", "circle-minus"),
    NumberImport.State.CANCELLED: StatusLabel("Cancelled", "calm", "circle-minus"),
    NumberImport.State.EXPIRED: StatusLabel("Not confirmed in time", "calm", "circle-minus"),
}

# What a call showed on one telephone once. *No label* is no good news about the number, so its tone is calm.
RESULT_LABELS: dict[str, StatusLabel] = {
    TestCall.Result.NO_LABEL: StatusLabel("No label", "calm", "circle-minus"),
    TestCall.Result.LABEL: StatusLabel("Label", "bad", "triangle-alert"),
    TestCall.Result.NAME_RIGHT: StatusLabel("Name shown: right", "calm", "contact"),
    TestCall.Result.NAME_WRONG: StatusLabel("Name shown: wrong", "wait", "contact"),
    TestCall.Result.SCREENED: StatusLabel("Screened", "wait", "circle-question-mark"),
    TestCall.Result.VOICEMAIL: StatusLabel("Straight to voicemail", "wait", "voicemail"),
    TestCall.Result.NOT_ARRIVED: StatusLabel("Did not arrive", "wait", "phone-missed"),
}
CALL_LABELS: dict[str, StatusLabel] = {
    TestCall.State.PLANNED: StatusLabel("To be made", "calm", "clock"),
    TestCall.State.DROPPED: StatusLabel("Not made", "calm", "circle-minus"),
}
CALL_TAKEN = StatusLabel("Being made", "wait", "phone-call")

# Why a number is called in a round, in the order of a round.
REASON_TEXTS: dict[str, str] = {
    TestCall.Reason.DEFAULT_CALLER_ID: "Default caller IDs of running campaigns, which matching never skips",
    TestCall.Reason.REPORT: "Somebody reported a label, and no call has looked since",
    TestCall.Reason.PROOF: "A label was seen: is it gone, and does it stay away?",
    TestCall.Reason.AT_RISK: "At risk: there was a sign of a label in the last 30 days",
    TestCall.Reason.MOST_CALLS: "Shown in the most calls of the last 7 days",
    TestCall.Reason.NEW: "New, looked at before the first use",
    TestCall.Reason.LONGEST_UNSEEN: "Longest without a test call",
    TestCall.Reason.RANDOM: "At random, so that some calls speak for all numbers",
}

DESK_REQUEST_LABELS: dict[str, StatusLabel] = {
    DeskRequest.State.TO_SEND: StatusLabel("To be sent", "wait", "send"),
    DeskRequest.State.SENT: StatusLabel("Sent", "calm", "clock"),
    DeskRequest.State.ACKNOWLEDGED: StatusLabel("Acknowledged", "calm", "clock"),
    DeskRequest.State.QUESTION: StatusLabel("Question from the desk", "wait", "circle-question-mark"),
    DeskRequest.State.DONE: StatusLabel("Desk says done", "calm", "message-square"),
    DeskRequest.State.REFUSED: StatusLabel("Refused", "bad", "triangle-alert"),
    DeskRequest.State.SILENT: StatusLabel("No answer", "wait", "circle-alert"),
    DeskRequest.State.WITHDRAWN: StatusLabel("Withdrawn", "calm", "circle-minus"),
}

NOT_REGISTERED = StatusLabel("Not registered", "wait", "circle-minus")
REGISTRATION_LABELS: dict[str, StatusLabel] = {
    state: StatusLabel(str(state.label), tone, icon)
    for state, tone, icon in (
        (DeskRegistration.State.SENT, "calm", "clock"),
        (DeskRegistration.State.PROOF_ASKED, "wait", "circle-question-mark"),
        (DeskRegistration.State.CONFIRMED, "good", "check"),
        (DeskRegistration.State.REFUSED, "bad", "triangle-alert"),
        (DeskRegistration.State.SILENT, "wait", "circle-alert"),
        (DeskRegistration.State.HELD_BY_OTHER, "bad", "triangle-alert"),
        (DeskRegistration.State.WITHDRAWN, "calm", "circle-minus"),
    )
}

# The statuses that are counted above the table, in this order. Each is a filter. Tagged numbers are also counted by two
# states of remediation, so the counts add up to more than all numbers.
COUNTED_STATUSES = (
    Status.TAGGED,
    Status.IN_REMEDIATION,
    Status.FAILED,
    Status.LAST_SEEN,
    Status.AT_RISK,
    Status.CLEAN,
    PhoneNumber.STALE,
    Status.UNKNOWN,
    Status.NOT_MONITORED,
)


def get_remediation_label(remediation: str, waits_for: str) -> StatusLabel:
    """The state of remediation of a tagged number. `waits_for` says what it waits for before it starts, if anything."""
    status = Status(remediation)
    label = REMEDIATION_LABELS[status]
    if not waits_for or status not in (Status.TAGGED, Status.TAGGED_AGAIN):
        return label
    is_relapse = status == Status.TAGGED_AGAIN
    return replace(label, word=f"Came back, {waits_for}" if is_relapse else waits_for[0].upper() + waits_for[1:])


def get_check_label(check: Check) -> StatusLabel:
    """The label of a source's current answer. Complaints that are too few, or none, do not make a number clean."""
    if check.effect != Check.Effect.NONE:
        return CHECK_LABELS[check.effect]
    if check.evidence == Check.Evidence.COMPLAINTS and check.verdict == Check.Verdict.CLEAN:
        return _get_complaints_label(check.raw_response)
    if unknown := _get_complaints_unknown(check):
        return replace(NO_ANSWER, word=unknown[0])
    return PENDING_CHECK if check.verdict == Check.Verdict.PENDING else NO_ANSWER


def _get_complaints_unknown(check: Check) -> tuple[str, str] | None:
    is_unknown = check.evidence == Check.Evidence.COMPLAINTS and check.verdict == Check.Verdict.UNKNOWN
    return COMPLAINTS_UNKNOWN.get(check.raw_response.get("unknown_because", "")) if is_unknown else None


def explain_unknown_complaints(check: Check) -> str:
    """Why a source of complaints was not asked or could not answer; empty for any other check."""
    unknown = _get_complaints_unknown(check)
    return unknown[1] if unknown else ""


def _get_complaints_label(answer: Mapping[str, Any]) -> StatusLabel:
    """The label of complaints that do not put the number at risk."""
    if complaints := answer.get("complaints", 0):
        return replace(NO_COMPLAINTS, word=pluralize(complaints, "complaint"))
    return replace(NO_COMPLAINTS, word="Probably spoofed") if answer.get("probably_spoofed") else NO_COMPLAINTS


def describe_complaints(answer: Mapping[str, Any], *, source: str = "") -> str:
    """What a source of complaints found: "2 complaints in 30 days; 1 more probably about spoofed calls"."""
    complaints, spoofed = answer.get("complaints", 0), answer.get("probably_spoofed", 0)
    window = f" in {answer['within_days']} days" if "within_days" in answer else ""
    if not complaints and not spoofed:
        return f"{NO_COMPLAINTS.word}{source}"
    if not complaints:
        return f"{pluralize(spoofed, 'complaint')}{window}{source}, probably about spoofed calls"
    more = f"; {spoofed:,} more probably about spoofed calls" if spoofed else ""
    return f"{pluralize(complaints, 'complaint')}{window}{source}{more}"


def describe_check(check: Check) -> str:
    """The answer in words, as in the list of checks. A source of complaints calls no number clean."""
    if check.evidence == Check.Evidence.COMPLAINTS and check.verdict in (Check.Verdict.CLEAN, Check.Verdict.WARNING):
        return describe_complaints(check.raw_response)
    if unknown := _get_complaints_unknown(check):
        return unknown[0]
    return f"{check.get_verdict_display()}: {check.label}" if check.label else check.get_verdict_display()


def describe_submission_state(submission: Submission) -> str:
    """The state in words. Select the `case` with the submission."""
    if submission.ended_without_answer:
        return _ENDED_SUBMISSION_WORDS[submission.state]
    return submission.get_state_display()


def get_call_label(call: TestCall) -> StatusLabel:
    """What the test call showed, or where it is. A label is named by its text."""
    if call.result == TestCall.Result.LABEL:
        return replace(RESULT_LABELS[call.result], word=f"Label: {call.label}")
    return RESULT_LABELS.get(call.result) or CALL_LABELS[call.state]


def describe_submission_reason(submission: Submission) -> str:
    """The engine's reason. If the case ended before its answer, the reason is put in the past."""
    if submission.reason and submission.ended_without_answer:
        return f"When the case ended: {submission.reason}"
    return submission.reason


def format_number_count(count: int) -> str:
    """The count with its noun: "1 number", "1,204 numbers"."""
    return pluralize(count, "number")
