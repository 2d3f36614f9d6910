"""How states are said on a page: a word, a tone (good, wait, bad, calm) and an icon for each, in one table."""

from __future__ import annotations

from dataclasses import dataclass

from reputation.models import Case, Confirmation, PhoneNumber

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


@dataclass(frozen=True)
class SaidOfAction:
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


def so_many(count: int) -> str:
    """1 number, 1,204 numbers."""
    return f"{count:,} number{'' if count == 1 else 's'}"


ACTIONS = {
    # The notes of the first two are the specification's.
    Confirmation.Action.ENABLE: SaidOfAction(
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
    Confirmation.Action.DISABLE: SaidOfAction(
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
    Confirmation.Action.ASSIGN: SaidOfAction(
        button="Assign to the campaign",
        verb="Assign",
        participle="assigned",
        will="will be assigned to the campaign",
        done="Assigned",
        afterwards="",
        notes=("A number is in one campaign at a time: one that is in another is moved.",),
        icon="plus",
    ),
    Confirmation.Action.UNASSIGN: SaidOfAction(
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
