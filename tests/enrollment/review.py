"""A reviewer's decision about one application."""

from __future__ import annotations

from enrollment import decisions
from enrollment.models import Application
from portal.audit import Context


def decide(application: Application, to: str, *, context: Context, reason: str = "Because.") -> str:
    """Take the decision on the application as it was read. Return why it was skipped, or an empty string."""
    outcome = decisions.decide({application.pk: application.revision}, to=to, context=context, reason=reason)
    return "".join(skipped.reason for skipped in outcome.skipped)
