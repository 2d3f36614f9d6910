"""Creates the demo's test calls: two telephones, and a round of yesterday to the one that is proven.

Each number is called, since one without a call is not clean once a telephone is proven. One call shows a label of an
engine that people have to ask, so the remediation desk has a request to send.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from portal.audit import Actor, Context
from portal.models import Account, User
from reputation.demo.dataset import LABEL_SHOWN, ROUND_MINUTES, TELEPHONES
from reputation.models import PhoneNumber, TestCall
from reputation.providers.handset import HandsetProvider
from reputation.providers.registry import get_providers
from reputation.test_calls import answering, results, rounds, telephones
from reputation.test_calls.answering import Answer
from reputation.test_calls.rounds import Caller

Result = TestCall.Result
# Test calls count by the calendar, not by the service's clock.
BEGAN = timedelta(hours=26)


def create_test_calls(account: Account, user: User, now: datetime) -> None:
    """Adds the telephones, and makes the calls of a round. Needs the provider `handset`."""
    if HandsetProvider.name not in get_providers():
        return
    moment = now - BEGAN
    context = Context(Actor(user=user, via="command"), moment)
    proven, *_ = [
        telephones.add_telephone(account, number, values, context=context) for number, values in TELEPHONES.items()
    ]
    telephones.confirm_label_seen(proven, moment, context=context)
    test_round = rounds.create_round(account, ROUND_MINUTES, context=context, telephones=[proven])
    has_label = False
    while call := rounds.take_call(account, caller=Caller(user=user), now=moment, test_round=test_round):
        moment += timedelta(minutes=1)
        shows_label = not has_label and _may_show_label(call)
        has_label = has_label or shows_label
        answer = Answer(Result.LABEL, label=LABEL_SHOWN) if shows_label else Answer(Result.NO_LABEL)
        answering.record_answer(call, call.lease_token, answer, now=moment)
    rounds.end_round(test_round, context=Context(context.actor, moment))
    results.count_round(test_round.pk, moment)


def _may_show_label(call: TestCall) -> bool:
    """Whether the number has no label so far and is no default caller ID."""
    return call.number.spam_status == PhoneNumber.SpamStatus.CLEAN and not call.number.default_of.exists()
