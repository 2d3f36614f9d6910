"""What the last test calls to numbers showed, in a line each: "No label seen (T-Mobile, 1 phone, 3 days ago)"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from portal.db.in_list import in_list
from portal.text import join_names, pluralize
from reputation.models import LabelReport, PhoneNumber, Telephone, TestCall

Result = TestCall.Result
# What a call without a display tells.
UNSEEN_WORDS = {
    Result.SCREENED: "was screened",
    Result.VOICEMAIL: "went straight to voicemail",
    Result.NOT_ARRIVED: "did not arrive",
}


@dataclass(frozen=True)
class Sighting:
    """What test calls to a number showed: `calls` are the last calls that say it, one of each telephone, newest first.

    None: nobody called the number. `is_awaited` says whether the account has telephones to call. `report` is the
    number's newest report that is not confirmed.
    """

    calls: Sequence[TestCall] = ()
    report: LabelReport | None = None
    is_awaited: bool = False

    @property
    def is_labelled(self) -> bool:
        return any(call.result == Result.LABEL for call in self.calls)

    @property
    def is_seen(self) -> bool:
        """Whether a telephone displayed one of the calls."""
        return any(call.result in TestCall.SEEN for call in self.calls)

    @property
    def sentence(self) -> str:
        """What was seen, on which networks, on how many telephones, and when; days are those of the account."""
        if not self.calls:
            return "Not yet seen"
        newest = self.calls[0]
        if not self.is_seen:
            words = UNSEEN_WORDS[Result(newest.result)]
            return f"Not yet seen: a call {words} ({_describe_calls(self.calls)})"
        if self.is_labelled:
            by_label: dict[str, list[TestCall]] = defaultdict(list)
            for call in self.calls:
                by_label[call.label].append(call)
            seen = [f"“{label}” ({_describe_calls(calls)})" for label, calls in by_label.items()]
            return f"Label seen: {join_names(seen)}"
        return f"No label seen ({_describe_calls(self.calls, proof='' if is_proof(newest) else ' not proven')})"

    @property
    def report_sentence(self) -> str:
        return f"Reported, not confirmed: “{self.report.label}”" if self.report else ""


def get_sightings(numbers: Iterable[int]) -> dict[int, Sighting]:
    """The sighting of each of these numbers of one account that was called or reported, by id; three queries,
    and two if the account never had a telephone.

    If the account has telephones, the numbers that nobody called are *not yet seen*. Otherwise they have none.
    """
    ids = list(numbers)
    account = PhoneNumber.objects.filter(pk__in=in_list(ids)).order_by().values("account")
    removed = list(Telephone.objects.filter(account__in=account).values_list("removed_at", flat=True))
    last: dict[int, list[TestCall]] = defaultdict(list)
    if removed:
        for call in _get_last_of_telephones(TestCall.objects.filter(number__in=in_list(ids))):
            last[call.number_id].append(call)
    open_reports = LabelReport.objects.open().filter(number__in=in_list(ids)).order_by("reported_at", "pk")
    reports = {report.number_id: report for report in open_reports}
    is_awaited = None in removed
    return {
        pk: Sighting(_choose_telling(last[pk]), reports.get(pk), is_awaited)
        for pk in ids
        if pk in last or pk in reports or is_awaited
    }


def get_calls_of_number(number: PhoneNumber) -> QuerySet[TestCall]:
    """The test calls from the number that were made, newest first, with their telephones."""
    made = TestCall.objects.filter(number=number, state__in=TestCall.ANSWERED)
    return made.select_related("telephone").order_by("-answered_at", "-pk")


def is_proof(call: TestCall) -> bool:
    """Whether the call counts if it shows no label: its telephone is proven, on a line that networks label."""
    is_counted = call.state == TestCall.State.COUNTED
    return call.proves_absence if is_counted else call.telephone.proves_absence(_get_time(call))


def _get_last_of_telephones(calls: QuerySet[TestCall]) -> QuerySet[TestCall]:
    """The last call to each telephone, newest first."""
    place = Window(
        RowNumber(),
        partition_by=[F("number"), F("telephone")],
        order_by=[F("answered_at").desc(), F("pk").desc()],
    )
    last = calls.filter(state__in=TestCall.ANSWERED).annotate(place=place).filter(place=1)
    return last.select_related("telephone").order_by("-answered_at", "-pk")


def _choose_telling(calls: Sequence[TestCall]) -> list[TestCall]:
    """The calls that say what was seen: those with a label, else those whose *no label* counts, else any display.

    So a *no label* on one telephone does not hide a label on another. Calls that are much older than the newest are
    left out: a *no label* holds for `idle_valid_days` at most.
    """
    displayed = [call for call in calls if call.result in TestCall.SEEN] or list(calls)
    oldest = timedelta(days=settings.TEST_CALLS.idle_valid_days)
    recent = [call for call in displayed if _get_time(displayed[0]) - _get_time(call) <= oldest]
    return (
        [call for call in recent if call.result == Result.LABEL]
        or [call for call in recent if is_proof(call)]
        or recent
    )


def _get_time(call: TestCall) -> datetime:
    assert call.answered_at is not None  # the call was made
    return call.answered_at


def _describe_calls(calls: Sequence[TestCall], *, proof: str = "") -> str:
    """Networks, telephones and days of calls that say the same, newest first: "T-Mobile, 1 phone, 3 days ago"."""
    networks = join_names(sorted({call.network for call in calls}))
    newest, oldest = _describe_day(calls[0]), _describe_day(calls[-1])
    days = newest if newest == oldest else f"{newest}, the first {oldest}"
    return f"{networks}, {pluralize(len(calls), 'phone')}{proof}, {days}"


def _describe_day(call: TestCall) -> str:
    days = (timezone.localdate() - timezone.localdate(_get_time(call))).days
    return f"{pluralize(days, 'day')} ago" if days > 0 else "today"
