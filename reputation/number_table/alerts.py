"""Spam alerts: a number with its status, who tagged it, its case, and its verification progress, as pages show it.

Every page that shows numbers builds its rows here, so that all show the same alert, with a fixed number of queries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from portal.text import join_names
from reputation import labels
from reputation.labels import StatusLabel
from reputation.models import Case, PhoneNumber, Tag
from reputation.monitoring import verification


@dataclass
class NumberRow:
    """A number as pages show it. `is_exhausted` means that it is at its campaign's daily limit of calls today."""

    number: PhoneNumber
    status: str
    tags: list[Tag] = field(default_factory=list)
    case: Case | None = None
    verification_progress: str = ""
    is_exhausted: bool = False

    @property
    def status_label(self) -> StatusLabel:
        return labels.SPAM_STATUS_LABELS[self.status]

    @property
    def capability_label(self) -> StatusLabel:
        return labels.CAPABILITY_LABELS[PhoneNumber.Capability(self.number.capability)]

    @property
    def engine_names(self) -> str:
        """Return who tagged the number, as in: Hiya, TNS and FTC complaints."""
        return join_names(sorted({tag.engine.name for tag in self.tags}))

    @property
    def remediation_sentence(self) -> str:
        """Return the alert's sentence about the remediation of the tag."""
        if self.status == PhoneNumber.SpamStatus.FAILED:
            return "Remediation did not remove the label. A support ticket may."
        is_relapse = self.status == PhoneNumber.SpamStatus.TAGGED_AGAIN
        subject = "It came back, so remediation" if is_relapse else "Remediation"
        return f"{subject} has started by itself and usually takes 1 to 2 days, up to a week in a dispute."


def build_rows(numbers: Iterable[PhoneNumber], now: datetime) -> list[NumberRow]:
    """Return rows for the numbers of one page; three queries, however many numbers there are.

    Call it with the account's time zone active: it decides which day is today.
    """
    today = timezone.localdate(now)
    rows = {
        number.pk: NumberRow(number, number.spam_status_at(now), is_exhausted=number.exhausted_on == today)
        for number in numbers
    }
    tagged = [pk for pk, row in rows.items() if row.number.is_tagged]
    for tag in Tag.objects.active().filter(number__in=tagged).select_related("engine").order_by("detected_at"):
        rows[tag.number_id].tags.append(tag)
    cases = Case.objects.filter(number__in=tagged).exclude(state=Case.State.CANCELLED)
    for case in cases.order_by("opened_at", "pk"):
        rows[case.number_id].case = case  # the newest wins
    verifying = [pk for pk, row in rows.items() if row.number.capability == PhoneNumber.Capability.VERIFYING]
    for pk, progress in verification.get_progress(verifying, now).items():
        rows[pk].verification_progress = progress
    return list(rows.values())
