"""Settings of remediation desks, which people write to (reputation/desks/). Part of portal/settings.py."""

from __future__ import annotations

from dataclasses import dataclass, fields

from portal.environment import EnvironmentReader, environment

__all__ = ["DESKS"]


@dataclass(frozen=True)
class DeskSettings:
    """Each field is a positive number, from the variable DESK_ with the field's name in capitals."""

    send_days: int = 2  # business days to send a request, to answer a question, or to decide after silence
    claim_minutes: int = 30  # so long a request is kept for whoever took it
    behaviour_wait_days: int = 30  # after a refusal because of how the number is used
    refusals_to_retire: int = 2  # after so many refusals, retiring the number is offered
    relapses_to_retire: int = 3  # or after its label returned so often


def read_desk_settings(environment: EnvironmentReader) -> DeskSettings:
    """Errors are recorded in `environment`."""
    read = environment.read
    values = {
        "send_days": read("int", "DESK_SEND_DAYS", DeskSettings.send_days),
        "claim_minutes": read("int", "DESK_CLAIM_MINUTES", DeskSettings.claim_minutes),
        "behaviour_wait_days": read("int", "DESK_BEHAVIOUR_WAIT_DAYS", DeskSettings.behaviour_wait_days),
        "refusals_to_retire": read("int", "DESK_REFUSALS_TO_RETIRE", DeskSettings.refusals_to_retire),
        "relapses_to_retire": read("int", "DESK_RELAPSES_TO_RETIRE", DeskSettings.relapses_to_retire),
    }
    for name, value in values.items():
        environment.require_minimum(1, f"DESK_{name.upper()}", value)
    assert set(values) == {field.name for field in fields(DeskSettings)}
    return DeskSettings(**values)


DESKS = read_desk_settings(environment)
