"""The words for each bulk action."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reputation.models import BulkAction
from reputation.providers.protocol import Role
from reputation.providers.registry import get_providers


@dataclass(frozen=True)
class ActionLabels:
    """The words for a bulk action: on its button, in its window, and when it is done."""

    button: str
    verb: str
    participle: str
    will: str
    done: str
    afterwards: str
    # The same about one number.
    afterwards_of_one: str
    notes: tuple[str, ...]
    icon: str
    is_dangerous: bool = False
    # The question for the reason, if the action needs one.
    reason_question: str = ""


ACTION_LABELS: dict[str, ActionLabels] = {
    # The notes of the first two are the specification's.
    BulkAction.Action.ENABLE: ActionLabels(
        button="Enable spam monitoring and remediation",
        verb="Enable",
        participle="enabled",
        will="will be verified and then monitored",
        done="Enabled",
        afterwards="They are being verified, which may take several days; see Capability.",
        afterwards_of_one="It is being verified, which may take several days; see Capability.",
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
        afterwards_of_one="Nobody watches it any more.",
        notes=(
            "Take a number out with the X next to it.",
            "Once disabled, monitoring and remediation are not provided for these numbers.",
            "Open cases are cancelled. Nothing of the history is lost.",
            "Requests that an engine has received stay with it. Enabling a number again does not send them again.",
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
        afterwards_of_one="",
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
        afterwards_of_one="",
        notes=(
            "A monitored number that is in no campaign takes a seat of the Spam Monitoring and Remediation licence. "
            "Monitoring goes on while a seat is free.",
        ),
        icon="minus",
    ),
    BulkAction.Action.RELEASE: ActionLabels(
        button="Use again",
        verb="Use",
        participle="used again",
        will="will be used again",
        done="Released",
        afterwards="Matching may show them again. Nobody watches them until monitoring is enabled.",
        afterwards_of_one="Matching may show it again. Nobody watches it until monitoring is enabled.",
        notes=(
            "Take a number out with the X next to it.",
            "These numbers carried a spam label when monitoring ended, and nobody has looked since. Calls from a "
            "labelled number are often not answered.",
            "To find out first, enable monitoring instead: a number that is found clean is used again automatically.",
        ),
        icon="rotate-ccw",
        reason_question="Why may they be used again?",
    ),
}


def get_action_labels(action: str) -> ActionLabels:
    """The words, as they hold with the providers in use: where nobody registers numbers, they are on at once."""
    labels = ACTION_LABELS[action]
    registers = any(Role.REGISTER in provider.roles for provider in get_providers().values())
    if action != BulkAction.Action.ENABLE or registers:
        return labels
    return replace(
        labels,
        will="will be monitored",
        afterwards="They are monitored from now on.",
        afterwards_of_one="It is monitored from now on.",
        notes=(*labels.notes[:-1], "Monitoring is on at once: no provider here registers numbers."),
    )
