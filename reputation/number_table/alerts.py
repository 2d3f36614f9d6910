"""A number as a page shows it: its state in words, who tagged it, its case, and how far its verification is.

Whatever shows numbers asks here, so that each place shows the same alert, for a fixed number of queries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from reputation import labels
from reputation.labels import StatusLabel
from reputation.models import Case, PhoneNumber, Tag
from reputation.monitoring import verification


@dataclass
class NumberRow:
    number: PhoneNumber
    status: str
    tags: list[Tag] = field(default_factory=list)
    case: Case | None = None
    progress: str = ""
    # Its campaign's daily limit of calls is reached today.
    is_exhausted: bool = False

    @property
    def said(self) -> StatusLabel:
        return labels.SPAM_STATUS_LABELS[self.status]

    @property
    def capability(self) -> StatusLabel:
        return labels.CAPABILITY_LABELS[self.number.capability]

    @property
    def engines(self) -> str:
        """Who tagged it, in words: Hiya, TNS and FTC complaints."""
        names = sorted({tag.engine.name for tag in self.tags})
        return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""

    @property
    def what_is_done(self) -> str:
        """What happens about the tag, and whether the dialer still shows the number: for the alert's sentence."""
        if self.status == PhoneNumber.SpamStatus.FAILED:
            return "Remediation did not remove the label. A support ticket may."
        begun = "It came back, so remediation" if self.status == PhoneNumber.SpamStatus.TAGGED_AGAIN else "Remediation"
        return f"{begun} has started by itself and usually takes 1 to 2 days, up to a week in a dispute."


def build_rows(numbers: Iterable[PhoneNumber], now: datetime) -> list[NumberRow]:
    """The numbers of one page as rows; three queries, however many there are. Today is that of the active time zone,
    which on every page is the account's."""
    today = timezone.localdate(now)
    rows = {
        number.pk: NumberRow(number, number.shown_spam_status(now), is_exhausted=number.exhausted_on == today)
        for number in numbers
    }
    tagged = [pk for pk, row in rows.items() if row.number.is_tagged]
    for tag in Tag.objects.standing().filter(number__in=tagged).select_related("engine").order_by("detected_at"):
        rows[tag.number_id].tags.append(tag)
    cases = Case.objects.filter(number__in=tagged).exclude(state=Case.State.CANCELLED)
    newest: dict[int, Case] = {}
    for case in cases.order_by("opened_at", "pk"):
        newest[case.number_id] = case
    for pk, case in newest.items():
        rows[pk].case = case
    verifying = [pk for pk, row in rows.items() if row.number.capability == PhoneNumber.Capability.VERIFYING]
    for pk, progress in verification.get_progress(verifying, now).items():
        rows[pk].progress = progress
    return list(rows.values())
