"""The set-up check of a telephone: what to switch on and off so that it shows labels, and shows every call.

The menus change with each version of a system, and makers differ. So each row says where it was read, and none was
tried on a telephone by this project.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from reputation.models import Telephone

System = Telephone.System


@dataclass(frozen=True)
class SetupStep:
    """A setting, and whether it has to be on. `make` and `system` are empty if it concerns all telephones."""

    code: str
    text: str
    why: str
    must_be_on: bool
    source: str
    system: str = ""
    make: str = ""
    read_on: date = date(2026, 11, 27)

    def concerns(self, telephone: Telephone) -> bool:
        return self.system in ("", telephone.system) and self.make.casefold() in ("", telephone.make.casefold())


STEPS = (
    SetupStep(
        "ios_silence_unknown",
        "Silence Unknown Callers (Settings > Apps > Phone)",
        "It sends unknown numbers straight to voicemail.",
        False,
        "Tip of Treehouse (roger.treehouse.ch, Silence unknown callers on iPhone). Not confirmed by Apple.",
        System.IOS,
    ),
    SetupStep(
        "ios_screening",
        "Screening of unknown callers (Settings > Apps > Phone): choose Never",
        "It asks callers for a reason before the telephone rings.",
        False,
        "apfelpatient.de, Set up your iPhone correctly: check calls, block and filter. Not confirmed by Apple.",
        System.IOS,
    ),
    SetupStep(
        "ios_spam_filter",
        "Call filtering of spam (Settings > Apps > Phone)",
        "It sends calls with a label straight to voicemail.",
        False,
        "apfelpatient.de, Set up your iPhone correctly: check calls, block and filter. Not confirmed by Apple.",
        System.IOS,
    ),
    SetupStep(
        "android_caller_id",
        "See caller and spam ID (Phone app > Settings > Caller ID and spam)",
        "The app shows no labels of its own without it.",
        True,
        "phoenix24.one, Android helps users identify callers, June 2026. Not confirmed by Google.",
        System.ANDROID,
    ),
    SetupStep(
        "android_filter",
        "Filter spam calls (Phone app > Settings > Caller ID and spam)",
        "It sends calls with a label straight to voicemail.",
        False,
        "ccm.net, Google Phone app fights spam calls. Not confirmed by Google.",
        System.ANDROID,
    ),
    SetupStep(
        "samsung_smart_call",
        "Caller ID and spam protection (Phone app > Settings)",
        "Labels of Hiya are shown only with it.",
        True,
        "Samsung support (samsung.com/de, Smart Call).",
        System.ANDROID,
        "Samsung",
    ),
    SetupStep(
        "carrier_blocking",
        "Blocking by an app or service of the network",
        "It keeps calls with a label from arriving.",
        False,
        "Follows from what a test call is to show; not read anywhere.",
    ),
    SetupStep(
        "blocking_apps",
        "Other apps that block or screen calls",
        "They answer before the telephone shows the call.",
        False,
        "Follows from what a test call is to show; not read anywhere.",
    ),
)


def get_steps(telephone: Telephone) -> list[SetupStep]:
    """What to switch on and off on this telephone."""
    return [step for step in STEPS if step.concerns(telephone)]


def get_open_steps(telephone: Telephone) -> list[SetupStep]:
    """The steps whose setting is wrong, or not known."""
    return [step for step in get_steps(telephone) if telephone.protection.get(step.code) is not step.must_be_on]
