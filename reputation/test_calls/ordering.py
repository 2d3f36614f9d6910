"""Which numbers a round calls: the order of the specification, with a fixed number of queries for any number of rows.

Numbers that a desk says are done come first of all, since only a call can bear that out.

A round has at most one call to each number, so that the week's calls last for the proof of a label's end. The next
round shows the number to another network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.expressions import Combinable

from portal.db.in_list import in_list
from portal.models import Account, today_of
from reputation.models import (
    Campaign,
    Case,
    Check,
    DeskRequest,
    LabelReport,
    NumberCalls,
    PhoneNumber,
    Submission,
    Tag,
    Telephone,
    TestCall,
)
from reputation.models.numbers import PhoneNumberQuerySet
from reputation.test_calls.assigning import Choice, get_free_telephones

Reason = TestCall.Reason


def choose_numbers(account: Account, telephones: Sequence[Telephone], size: int, now: datetime) -> list[Choice]:
    """Up to `size` numbers in the order of a round; eleven queries at most.

    The share at random is drawn first, from all numbers that may be called, so that it speaks for all of them. One that
    has its turn for another reason keeps its place; the others come last.
    """
    candidates = _get_candidates(account, telephones, now)
    drawn = candidates.order_by("?").values_list("pk", flat=True)
    sample = dict.fromkeys(drawn[: size // settings.TEST_CALLS.random_one_in])
    free = get_free_telephones(account, telephones, now)
    chosen: dict[int, Choice] = {}
    left = size - len(sample)
    for reason, found in _find_in_order(account, candidates, telephones, now):
        if left <= 0:
            break
        # Numbers of the sample need no place of their own. Of those that were called today, some have no telephone.
        unneeded = len(sample) + free.count_called_numbers()
        for number_id, network in found.exclude(pk__in=in_list(chosen))[: left + unneeded]:
            choice = Choice(number_id, reason, network, is_random=number_id in sample)
            if (left > 0 or choice.is_random) and free.get_fitting(choice):
                chosen[number_id] = choice
                left -= not choice.is_random
    at_random = (Choice(pk, Reason.RANDOM, is_random=True) for pk in sample if pk not in chosen)
    return [*chosen.values(), *at_random]


def _get_candidates(account: Account, telephones: Sequence[Telephone], now: datetime) -> PhoneNumberQuerySet:
    """The account's numbers that may be called: not called too often, and without a request that waits for its date."""
    today = today_of(account, now)
    numbers = PhoneNumber.objects.for_account(account)
    calls = TestCall.objects.for_account(account).exclude(state=TestCall.State.DROPPED).order_by().values("number")
    this_week = calls.filter(day__gt=today - timedelta(days=7)).annotate(count=Count("pk"))
    today_everywhere = (
        calls.filter(day=today, telephone__in=telephones)
        .annotate(count=Count("telephone", distinct=True))
        .filter(count__gte=len(telephones))
    )
    waiting = Case.objects.for_account(account).filter(
        Exists(Submission.objects.filter(case=OuterRef("pk"), state__in=Submission.UNANSWERED, expected_by__gt=now)),
        ~Exists(DeskRequest.objects.claimed_done().filter(case=OuterRef("pk"))),
        state__in=Case.UNFINISHED,
    )
    return (
        numbers.exclude(pk__in=this_week.filter(count__gte=settings.TEST_CALLS.calls_per_week).values("number"))
        .exclude(pk__in=today_everywhere.values("number"))
        .exclude(pk__in=waiting.values("number"))
    )


def _find_in_order(
    account: Account, numbers: PhoneNumberQuerySet, telephones: Sequence[Telephone], now: datetime
) -> Iterator[tuple[Reason, QuerySet]]:
    """Each reason with its numbers, the first to call first, as pairs of id and network."""
    running = Campaign.objects.for_account(account).filter(is_paused=False, default_number__isnull=False)
    seen = TestCall.objects.filter(number=OuterRef("pk"), state__in=TestCall.ANSWERED).order_by().values("number")
    unseen_first = numbers.annotate(
        seen_at=Subquery(seen.annotate(at=Max("answered_at")).values("at")), network=Value("")
    ).order_by(F("seen_at").asc(nulls_first=True), "pk")
    shown = NumberCalls.objects.filter(
        number=OuterRef("pk"), day__gt=today_of(account, now) - timedelta(days=settings.TEST_CALLS.volume_days)
    )
    volume = Subquery(shown.order_by().values("number").annotate(total=Sum("calls")).values("total"))
    unused = ~Exists(NumberCalls.objects.filter(number=OuterRef("pk")))
    due_for_proof = _due_for_proof(account, numbers, telephones, now)
    claimed = DeskRequest.objects.for_account(account).claimed_done().values("number")
    # A desk says that these are done.
    yield Reason.PROOF, _pairs(due_for_proof.filter(pk__in=claimed))
    yield Reason.DEFAULT_CALLER_ID, _pairs(unseen_first.filter(pk__in=running.values("default_number")))
    yield Reason.REPORT, _pairs(_reported(account, numbers, telephones, now))
    yield Reason.PROOF, _pairs(due_for_proof)
    yield Reason.AT_RISK, _pairs(unseen_first.filter(at_risk_until__gt=now))
    yield Reason.MOST_CALLS, _pairs(unseen_first.alias(volume=volume).filter(volume__gt=0).order_by("-volume", "pk"))
    yield Reason.NEW, _pairs(unseen_first.filter(unused, seen_at__isnull=True))
    yield Reason.LONGEST_UNSEEN, _pairs(unseen_first)


def _pairs(numbers: QuerySet) -> QuerySet:
    return numbers.values_list("pk", "network")


def _reported(
    account: Account, numbers: PhoneNumberQuerySet, telephones: Sequence[Telephone], now: datetime
) -> QuerySet:
    """Numbers with an unconfirmed report that no call has looked into, with the network that it names."""
    looked = TestCall.objects.filter(
        number=OuterRef("number"), answered_at__gte=OuterRef("reported_at"), result__in=TestCall.SEEN
    )
    reports = LabelReport.objects.for_account(account).open()
    due = reports.filter(
        Q(network="") & ~Exists(looked)
        | Q(network__in={telephone.network for telephone in telephones})
        & ~Exists(looked.filter(network=OuterRef("network"))),
        reported_at__gt=now - timedelta(days=settings.TEST_CALLS.report_wait_days),
    )
    first = due.filter(number=OuterRef("pk")).order_by("reported_at", "pk")
    reported = numbers.filter(pk__in=due.values("number"))
    return reported.annotate(
        since=Subquery(first.values("reported_at")[:1]), network=Subquery(first.values("network")[:1])
    ).order_by("since", "pk")


def _due_for_proof(
    account: Account, numbers: PhoneNumberQuerySet, telephones: Sequence[Telephone], now: datetime
) -> QuerySet:
    """Numbers whose label is to be looked at on its network: to prove that it is gone, or that it stayed away.

    Only proven telephones prove that, on any network if nobody knows where the label was shown. A label that ended is
    looked for again on the days of `relook_days`. A call that tells nothing, such as one that did not arrive, holds no
    look back.
    """
    config = settings.TEST_CALLS
    networks = {telephone.network for telephone in telephones if telephone.proves_absence(now)}
    counting = _get_counting_calls(now)
    on_network = counting.filter(network=OuterRef("carrier"))
    apart = timedelta(hours=config.clean_hours_apart)
    due: Q | Combinable = Q(ended_at__isnull=True) & ~Exists(on_network.filter(answered_at__gt=now - apart))
    for day in config.relook_days:
        after = timedelta(days=day)
        since = Q(answered_at__gte=OuterRef("ended_at") + after)
        looked = Q(Exists(on_network.filter(since))) | Q(carrier="") & Exists(counting.filter(since))
        due |= Q(ended_at__lte=now - after, end_reason=Tag.EndReason.CLEARED) & ~looked
    oldest = now - timedelta(days=max(config.relook_days) + config.relook_wait_days)
    tags = Tag.objects.for_account(account).filter(
        due,
        Q(ended_at__isnull=True) | Q(ended_at__gte=oldest),
        evidence__in=(Check.Evidence.HANDSET, Check.Evidence.REPORT),
        carrier__in={*networks, ""} if networks else (),
    )
    first = tags.filter(number=OuterRef("pk")).order_by("detected_at", "pk")
    return (
        numbers.filter(pk__in=tags.values("number"))
        .annotate(since=Subquery(first.values("detected_at")[:1]), network=Subquery(first.values("carrier")[:1]))
        .order_by("since", "pk")
    )


def _get_counting_calls(now: datetime) -> QuerySet[TestCall]:
    """The calls from the number of the outer query that showed a label, or showed that there is none."""
    proving = Telephone.objects.proving_absence(now).filter(pk=OuterRef("telephone"), network=OuterRef("network"))
    # Whether a result that may still be undone proves something is noted when it counts.
    proves = Q(proves_absence=True) | Q(Exists(proving), state=TestCall.State.DONE)
    return TestCall.objects.filter(
        Q(result=TestCall.Result.LABEL) | Q(proves, result__in=TestCall.WITHOUT_LABEL),
        number=OuterRef("number"),
        state__in=TestCall.ANSWERED,
    )
