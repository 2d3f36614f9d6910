"""How states are said on a page: a word, a tone (good, wait, bad, calm) and an icon for each, in one table."""

from __future__ import annotations

from dataclasses import dataclass

from reputation.models import BulkAction, Case, PhoneNumber

Status = PhoneNumber.SpamStatus
Capability = PhoneNumber.Capability


@dataclass(frozen=True)
class StatusLabel:
    word: str
    tone: str
    icon: str


SPAM_STATUS_LABELS = {
    Status.TAGGED: StatusLabel("Tagged", "bad", "triangle-alert"),
    Status.TAGGED_AGAIN: StatusLabel("Tagged again", "bad", "triangle-alert"),
    Status.IN_REMEDIATION: StatusLabel("In remediation", "wait", "clock"),
    Status.FAILED: StatusLabel("Remediation failed", "bad", "triangle-alert"),
    Status.CLEAN: StatusLabel("Clean", "good", "check"),
    PhoneNumber.STALE: StatusLabel("Stale", "calm", "history"),
    Status.UNKNOWN: StatusLabel("Not yet known", "calm", "circle-question-mark"),
    Status.NOT_MONITORED: StatusLabel("Not monitored", "calm", "circle-minus"),
}

CAPABILITY_LABELS = {
    Capability.ON: StatusLabel("On", "good", "check"),
    Capability.VERIFYING: StatusLabel("Verifying", "wait", "loader"),
    Capability.FAILED: StatusLabel("Verification failed", "bad", "triangle-alert"),
    Capability.OFF: StatusLabel("Off", "calm", "circle-minus"),
}

CASE_LABELS = {
    Case.State.OPEN: StatusLabel("Open", "bad", "triangle-alert"),
    Case.State.SUBMITTED: StatusLabel("Submitted", "wait", "clock"),
    Case.State.IN_REVIEW: StatusLabel("In review", "wait", "clock"),
    Case.State.DISPUTED: StatusLabel("Disputed", "wait", "clock"),
    Case.State.CLEARED: StatusLabel("Cleared", "good", "check"),
    Case.State.FAILED: StatusLabel("Failed", "bad", "triangle-alert"),
    Case.State.CANCELLED: StatusLabel("Cancelled", "calm", "circle-minus"),
}

# The tallies above the table, in the order of the page; each is a filter.
COUNTED_STATUSES = (
    "tagged",
    Status.IN_REMEDIATION,
    Status.FAILED,
    Status.CLEAN,
    PhoneNumber.STALE,
    Status.UNKNOWN,
    Status.NOT_MONITORED,
)


@dataclass(frozen=True)
class ActionLabels:
    """How a bulk action is said: on its button, in its window, and when it is done."""

    button: str
    verb: str
    participle: str
    will: str
    done: str
    afterwards: str
    notes: tuple[str, ...]
    icon: str
    is_dangerous: bool = False


def format_number_count(count: int) -> str:
    """1 number, 1,204 numbers."""
    return f"{count:,} number{'' if count == 1 else 's'}"


ACTION_LABELS = {
    # The notes of the first two are the specification's.
    BulkAction.Action.ENABLE: ActionLabels(
        button="Enable spam monitoring and remediation",
        verb="Enable",
        participle="enabled",
        will="will be verified and then monitored",
        done="Enabled",
        afterwards="They are being verified, which may take several days; see Capability.",
        notes=(
            "Take a number out with the X next to it.",
            "Spam monitoring is for outbound dialer numbers. One that is in no campaign takes a seat of the Spam "
            "Monitoring and Remediation licence.",
            "The verification may take several days. Its state shows under Capability.",
        ),
        icon="shield-check",
    ),
    BulkAction.Action.DISABLE: ActionLabels(
        button="Disable spam monitoring and remediation",
        verb="Disable",
        participle="disabled",
        will="will no longer be monitored",
        done="Disabled",
        afterwards="Nobody watches them any more.",
        notes=(
            "Take a number out with the X next to it.",
            "Once disabled, monitoring and remediation are not provided for these numbers.",
            "Open cases are cancelled. Nothing of the history is lost.",
        ),
        icon="shield-off",
        is_dangerous=True,
    ),
    BulkAction.Action.ASSIGN: ActionLabels(
        button="Assign to the campaign",
        verb="Assign",
        participle="assigned",
        will="will be assigned to the campaign",
        done="Assigned",
        afterwards="",
        notes=("A number is in one campaign at a time: one that is in another is moved.",),
        icon="plus",
    ),
    BulkAction.Action.UNASSIGN: ActionLabels(
        button="Take out of the campaign",
        verb="Take out",
        participle="taken out",
        will="will be taken out of the campaign",
        done="Took out",
        afterwards="",
        notes=(
            "Monitoring goes on. A monitored number that is in no campaign takes a seat of the Spam Monitoring and "
            "Remediation licence.",
        ),
        icon="minus",
    ),
}
