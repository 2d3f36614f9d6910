"""Rounds of test calls: create one for the minutes available, take its calls one by one, and end it.

Several people share a round. Each takes a call before making it, so no call is made twice, and no telephone is called
by two people at once. A call that was taken and got no result is free again after `claim_minutes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from portal.jobs.claims import RELEASED, claim, unclaimed
from portal.models import Account, User, today_of
from reputation.models import Telephone, TestCall, Tester, TestRound
from reputation.test_calls.assigning import Choice, assign_telephones
from reputation.test_calls.ordering import choose_numbers

State = TestCall.State


class NoCalls(Exception):
    """No round was created; the message says why."""


@dataclass(frozen=True)
class Caller:
    """Who makes a call: a user of the account, or an invited tester. Neither: a program, which keeps its token."""

    user: User | None = None
    tester: Tester | None = None


def get_claim_duration() -> timedelta:
    """How long a call that was taken is kept for the person who took it."""
    return timedelta(minutes=settings.TEST_CALLS.claim_minutes)


def get_size(minutes: int) -> int:
    """How many calls fit into so many minutes: about one a minute."""
    return max(minutes * 60 // settings.TEST_CALLS.seconds_per_call, 1)


def plan_calls(
    account: Account, minutes: int, *, now: datetime, telephones: Sequence[Telephone] | None = None
) -> list[tuple[Choice, Telephone]]:
    """The calls that a round of so many minutes to these telephones (default: all) has, in their order. Raises NoCalls.

    Stores nothing. The share at random is chosen anew each time.
    """
    usable = Telephone.objects.for_account(account).in_use()
    if telephones is not None:
        usable = usable.filter(pk__in=in_list(telephone.pk for telephone in telephones))
    available = list(usable)
    if not available:
        raise NoCalls("There is no telephone to call. Add one first.")
    choices = choose_numbers(account, available, get_size(minutes), now)
    planned = assign_telephones(account, choices, available, now)
    if not planned:
        raise NoCalls(
            "No number may be called now: each was called today on every telephone, was called as often as a week "
            "allows, or has a request out."
        )
    return planned


def create_round(
    account: Account, minutes: int, *, context: Context, telephones: Sequence[Telephone] | None = None
) -> TestRound:
    """Plans the calls for so many minutes to these telephones of the account (default: all). Raises NoCalls.

    The account is locked, so that two rounds at once do not plan the same call.
    """
    with transaction.atomic():
        account = Account.objects.select_for_update().get(pk=account.pk)
        planned = plan_calls(account, minutes, now=context.now, telephones=telephones)
        new = TestRound.objects.create(
            account=account, created_by=context.actor.user, minutes=minutes, created_at=context.now
        )
        today = today_of(account, context.now)
        TestCall.objects.bulk_create(
            TestCall(
                account=account,
                round=new,
                number_id=choice.number_id,
                telephone=telephone,
                network=telephone.network,
                position=position,
                reason=choice.reason,
                is_random=choice.is_random,
                day=today,
            )
            for position, (choice, telephone) in enumerate(planned, 1)
        )
        audit.record_event(
            account=account, context=context, code="test_round.created", subject=new, after=f"{len(planned)} calls"
        )
    return new


def get_calls(test_round: TestRound) -> QuerySet[TestCall]:
    """The calls of the round in their order, with numbers and telephones."""
    return test_round.calls.select_related("number__campaign", "telephone").order_by("position")


def take_call(
    account: Account,
    *,
    caller: Caller,
    now: datetime,
    test_round: TestRound | None = None,
    telephone_id: int | None = None,
) -> TestCall | None:
    """The next call for this person: the one that they took and not finished yet, or else the next free one.

    Of this round, or of any open one; to this telephone, or to any. A tester gets calls to their own telephone only.
    None if no call is free now.
    """
    calls = get_calls_for(account, caller, test_round)
    with transaction.atomic():
        # One person after the other: the telephones that others call now are known then.
        account = Account.objects.select_for_update().get(pk=account.pk)
        if (caller.user or caller.tester) and (mine := _get_taken(calls, caller, now)):
            return mine
        _move_to_today(calls, today_of(account, now), now)
        free = _get_free(calls.filter(telephone=telephone_id) if telephone_id else calls, now)
        lease = get_claim_duration()
        _token, ids = claim(free, now=now, limit=1, order_by="position", attempts="", lease=lease)
        if not ids:
            return None
        TestCall.objects.filter(pk__in=ids).update(claimed_by=caller.user, tester=caller.tester)
    return TestCall.objects.select_related("number__campaign", "telephone", "round").get(pk=ids[0])


def _move_to_today(calls: QuerySet[TestCall], today: date, now: datetime) -> None:
    """Moves calls that were planned for an earlier day to today, since that is when they are made.

    Drops those whose number has a call to the same telephone today already.
    """
    earlier = calls.filter(
        unclaimed(now, get_claim_duration()), state=State.PLANNED, round__ended_at__isnull=True, day__lt=today
    )
    if ids := list(earlier.values_list("pk", flat=True)):
        planned = TestCall.objects.filter(pk__in=in_list(ids))
        of_today = TestCall.objects.exclude(state=State.DROPPED).filter(
            number=OuterRef("number"), telephone=OuterRef("telephone"), day=today
        )
        planned.filter(Exists(of_today)).update(state=State.DROPPED, **RELEASED)
        planned.filter(state=State.PLANNED).update(day=today)


def get_current_call(
    account: Account, *, caller: Caller, now: datetime, test_round: TestRound | None = None
) -> TestCall | None:
    """The call that this person took and not finished yet, without taking one."""
    return _get_taken(get_calls_for(account, caller, test_round), caller, now)


def has_free_call(calls: QuerySet[TestCall], now: datetime) -> bool:
    """Whether one of the calls can be taken now."""
    return _get_free(calls, now).exists()


def has_planned_call(calls: QuerySet[TestCall]) -> bool:
    """Whether one of the calls is still to be made, although somebody else may be making it."""
    return calls.filter(state=State.PLANNED, round__ended_at__isnull=True).exists()


def renew_call(call: TestCall, *, now: datetime) -> bool:
    """Keeps a call whose claim ran out for the same person. Returns False if somebody else needs it meanwhile.

    `call` is as take_call returned it. Somebody else may have taken the call, or another one to the same telephone.
    """
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=call.account_id)
        free = _get_free(TestCall.objects.filter(pk=call.pk).exclude(lease_token=""), now)
        lease_until = now + get_claim_duration()
        return bool(free.filter(lease_token=call.lease_token).update(lease_until=lease_until))


def give_back(call: TestCall) -> bool:
    """Lets somebody else make the call. Returns whether it was still taken by the one who holds its token."""
    held = TestCall.objects.filter(pk=call.pk, lease_token=call.lease_token, state=State.PLANNED)
    return bool(held.update(claimed_by=None, tester=None, **RELEASED))


def get_calls_for(account: Account, caller: Caller, test_round: TestRound | None) -> QuerySet[TestCall]:
    """The calls of this round, or of all, that this person may make: a tester those to their own telephone."""
    calls = TestCall.objects.for_account(account)
    if test_round is not None:
        calls = calls.filter(round=test_round)
    return calls.filter(telephone=caller.tester.telephone_id) if caller.tester else calls


def _get_free(calls: QuerySet[TestCall], now: datetime) -> QuerySet[TestCall]:
    """Those of the calls that may be made now: of an open round, and to a telephone that nobody else calls."""
    taken = TestCall.objects.filter(telephone=OuterRef("telephone"), state=State.PLANNED, lease_until__gt=now)
    return calls.filter(~Exists(taken), state=State.PLANNED, round__ended_at__isnull=True)


def _get_taken(calls: QuerySet[TestCall], caller: Caller, now: datetime) -> TestCall | None:
    mine = calls.filter(state=State.PLANNED, lease_until__gt=now, claimed_by=caller.user, tester=caller.tester)
    return mine.select_related("number__campaign", "telephone", "round").order_by("position").first()


def end_round(test_round: TestRound, *, context: Context) -> bool:
    """Ends the round: its results count from now on, and calls that were not made may be planned again.

    A call that somebody makes right now stays theirs, and takes its result. Returns False if the round has ended
    already.
    """
    with transaction.atomic():
        open_rounds = TestRound.objects.filter(pk=test_round.pk, ended_at__isnull=True)
        if not open_rounds.update(ended_at=context.now):
            return False
        test_round.calls.filter(unclaimed(context.now, get_claim_duration()), state=State.PLANNED).update(
            state=State.DROPPED, **RELEASED
        )
        made = test_round.calls.filter(state__in=TestCall.ANSWERED).count()
        audit.record_event(
            account=test_round.account,
            context=context,
            code="test_round.ended",
            subject=test_round,
            after=f"{made} calls",
        )
    test_round.refresh_from_db()
    return True


def end_stale_rounds(now: datetime) -> int:
    """Ends the rounds that nobody ended within `round_hours`; returns how many. Their calls were planned for that day.

    Those that were not made may be planned again.
    """
    oldest = now - timedelta(hours=settings.TEST_CALLS.round_hours)
    stale = TestRound.objects.filter(ended_at__isnull=True, created_at__lte=oldest).select_related("account")
    return sum(end_round(test_round, context=Context.system(now)) for test_round in stale.order_by("pk")[:100])


def drop_abandoned_calls(now: datetime) -> int:
    """Drops the calls of ended rounds that were being made then, and got no result; returns how many."""
    left = TestCall.objects.filter(
        unclaimed(now, get_claim_duration()), state=State.PLANNED, round__ended_at__isnull=False
    )
    ids = list(left.order_by("pk").values_list("pk", flat=True)[:1_000])
    abandoned = TestCall.objects.filter(unclaimed(now, get_claim_duration()), pk__in=in_list(ids), state=State.PLANNED)
    return abandoned.update(state=State.DROPPED, **RELEASED)
