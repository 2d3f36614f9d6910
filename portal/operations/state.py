"""The last look at everything: which problems it found, for the banner of operators.

A task looks once a minute. If the workers stand still, nobody looks, and the banner says so.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from portal.models import OperationsCheck
from portal.operations.sections import build_sections, get_problems
from portal.text import pluralize

# The task runs once a minute.
LATE_AFTER: Final = timedelta(minutes=5)


def check(now: datetime) -> None:
    """Look at all sections, and store the problems that are urgent."""
    problems = [problem.text for problem in get_problems(build_sections(now)) if problem.is_urgent]
    OperationsCheck.objects.update_or_create(
        pk=OperationsCheck.ONLY, defaults={"checked_at": now, "problems": problems}
    )


def describe_state(now: datetime) -> str:
    """What the banner says, empty if all is well. One query."""
    last = OperationsCheck.objects.filter(pk=OperationsCheck.ONLY).first()
    if last is None:  # no worker has ever run, as right after the installation
        return ""
    if now - last.checked_at > LATE_AFTER:
        return "The workers stand still: no task has run for minutes, so nothing is looked up or sent."
    if len(last.problems) > 1:
        return f"{pluralize(len(last.problems), 'problem')} with the portal, such as: {last.problems[0]}"
    return "".join(last.problems)
