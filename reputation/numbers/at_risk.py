"""*At risk*: a number without a label that shows signs of getting one. It opens no case, and matching still shows it.

The signs are checks with the effect *risk* (see monitoring/severity.py). The state ends when the last of them expires.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from portal.db.in_list import in_list
from reputation.labels import describe_complaints
from reputation.models import Check, NumberCalls, PhoneNumber
from reputation.numbers import spam_status

CHUNK = 2_000


def end_risks(now: datetime) -> int:
    """Ends the state of one chunk of numbers whose last sign has expired; returns how many."""
    ended = PhoneNumber.objects.filter(at_risk_until__lte=now).order_by("at_risk_until")
    ids = list(ended.values_list("pk", flat=True)[:CHUNK])
    if ids:
        with transaction.atomic():
            locked = PhoneNumber.objects.filter(pk__in=in_list(ids)).select_for_update().order_by("pk")
            spam_status.recompute(list(locked.values_list("pk", flat=True)), now=now)
    return len(ids)


@dataclass(frozen=True)
class Sign:
    """A sign of a risk: a check, and how many calls the number showed in the complaints' window (0: not known)."""

    check: Check
    calls: int = 0

    @property
    def sentence(self) -> str:
        """What the source reports: "Hiya shows “Telemarketer”", "3 complaints in 30 days (FTC complaints)"."""
        check, name = self.check, self.check.engine.name
        if check.evidence == Check.Evidence.COMPLAINTS:
            return self._describe_complaints()
        if check.evidence == Check.Evidence.REPORT and check.verdict == Check.Verdict.WARNING:
            return f"Somebody reports “{check.label}”{f' on {check.carrier}' if check.carrier else ''}; not confirmed"
        if check.evidence == Check.Evidence.APP_LIST:
            return f"{name} lists it"
        if check.verdict == Check.Verdict.LABELLED:
            return f"{name} shows “{check.label}”" if check.label else f"{name} shows a category"
        return f"{name} sees a medium risk"

    def _describe_complaints(self) -> str:
        count = self.check.raw_response.get("complaints", 0)
        rate = f", {count * 1000 / self.calls:,.1f} per 1,000 calls" if self.calls else ""
        return describe_complaints(self.check.raw_response, source=f" ({self.check.engine.name}{rate})")


def get_signs(numbers: Collection[int], now: datetime) -> dict[int, list[Sign]]:
    """The signs of each number that still count, the newest of each source, newest first; two queries at most."""
    signs: dict[int, list[Sign]] = defaultdict(list)
    if not numbers:
        return signs
    checks = Check.objects.filter(number__in=in_list(numbers), effect=Check.Effect.RISK, valid_until__gt=now)
    newest: dict[tuple[int, int, str, str], Check] = {}
    for check in checks.select_related("engine").order_by("-last_at", "-pk"):
        newest.setdefault((check.number_id, check.engine_id, check.provider, check.carrier), check)
    reported = {check.number_id for check in newest.values() if check.evidence == Check.Evidence.COMPLAINTS}
    since = now.date() - timedelta(days=settings.COMPLAINTS_WINDOW_DAYS)
    shown = NumberCalls.objects.filter(number__in=in_list(reported), day__gte=since).order_by().values("number")
    calls = dict(shown.annotate(total=Sum("calls")).values_list("number", "total"))
    for check in newest.values():
        signs[check.number_id].append(Sign(check, calls.get(check.number_id, 0)))
    return signs
