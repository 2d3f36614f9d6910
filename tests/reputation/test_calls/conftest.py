"""An account with the provider handset, and steps of test calls."""

import pytest

from portal.audit import Context
from portal.models import today_of
from reputation.models import PhoneNumber, TestCall
from reputation.monitoring import engines
from reputation.providers import registry
from reputation.test_calls import results, rounds
from tests.factories import MonitoredNumberFactory, TelephoneFactory


@pytest.fixture(autouse=True)
def handset(db, settings):
    settings.PROVIDERS = ["handset"]
    registry._load_providers.cache_clear()
    engines.sync_engines()


@pytest.fixture
def number(account) -> PhoneNumber:
    return MonitoredNumberFactory(account=account)


@pytest.fixture
def telephone(account):
    return TelephoneFactory(account=account)


@pytest.fixture
def create_round(account, actor, now):
    def create(minutes=30, at=now, **more):
        return rounds.create_round(account, minutes, context=Context(actor, at), **more)

    return create


@pytest.fixture
def call(account, actor, create_round):
    """One call to the telephone with a result, in a round of its own that has ended. `result` may be a label."""

    def make(number, telephone, result, at, **more):
        test_round = rounds.TestRound.objects.create(account=account, minutes=1, created_at=at)
        made = TestCall.objects.create(
            account=account,
            round=test_round,
            number=number,
            telephone=telephone,
            position=1,
            reason="unseen",
            day=today_of(account, at),
        )
        made = rounds.take_call(account, caller=rounds.Caller(user=actor.user), now=at, test_round=test_round)
        if result not in TestCall.Result.values:
            result, more = "label", {"label": result, **more}
        results.record_result(made, result, now=at, **more)
        rounds.end_round(test_round, context=Context(actor, at))
        results.count_round(test_round.pk, at)
        number.refresh_from_db()
        return made

    return make
