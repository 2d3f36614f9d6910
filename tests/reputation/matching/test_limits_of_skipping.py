"""Skipping never pushes a number over its daily limit, whatever the campaign chose, also with calls at once."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from reputation.matching.match import MatchResult, match
from reputation.matching.recorder import flush
from reputation.models import Campaign, NumberCalls, PhoneNumber
from reputation.monitoring.carriers import create_known_engines
from tests.factories import CampaignFactory, PhoneNumberFactory, TagFactory
from tests.support.processes import start_python

CALLED = "+12063550199"
SAME_EXCHANGE, SAME_AREA, SAME_STATE, ELSEWHERE = "+12063551000", "+12064551000", "+15093551000", "+13053551000"
LIMIT = 3
Choice = Campaign.WhenAllLabelled


@pytest.fixture
def campaign(account) -> Campaign:
    """A campaign with three local numbers, all labelled on T-Mobile, and a default in another State."""
    create_known_engines()
    campaign = CampaignFactory(account=account, daily_limit=LIMIT)
    for e164 in (SAME_EXCHANGE, SAME_AREA, SAME_STATE):
        number = PhoneNumberFactory(account=account, campaign=campaign, e164=e164, spam_status="tagged")
        TagFactory(number=number, carrier="T-Mobile")
    campaign.default_number = PhoneNumberFactory(account=account, campaign=campaign, e164=ELSEWHERE)
    campaign.save()
    return campaign


@pytest.fixture
def match_call(campaign, now):
    def ask(**how: object) -> MatchResult:
        how = {"campaign_id": campaign.pk} | how
        return match(account_id=campaign.account_id, called_number=CALLED, now=now, **how)

    return ask


def count_calls() -> dict[str, int]:
    flush()
    return dict(NumberCalls.objects.values_list("number__e164", "calls"))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "carrier", "shown"),
    [
        ({}, "", [ELSEWHERE]),
        ({"when_all_labelled": Choice.LEAST_BAD}, "", [SAME_EXCHANGE, SAME_AREA, SAME_STATE, ELSEWHERE]),
        ({"when_all_labelled": Choice.NO_CALL}, "", []),
        ({"shows_on_other_networks": True}, "Verizon", [SAME_EXCHANGE, SAME_AREA, SAME_STATE, ELSEWHERE]),
    ],
)
def test_each_number_is_shown_up_to_its_limit_and_then_the_answer_says_so(match_call, fields, carrier, shown):
    Campaign.objects.update(**fields)
    answers = [match_call(called_carrier=carrier) for _ in range(20)]
    assert Counter(answer.caller_id for answer in answers if answer.caller_id) == dict.fromkeys(shown, LIMIT)
    assert count_calls() == dict.fromkeys(shown, LIMIT)
    reason = "all_labelled" if fields.get("when_all_labelled") == Choice.NO_CALL else "daily_limits_reached"
    assert {answer.reason_code for answer in answers if not answer.caller_id} == {reason}
    assert match_call(called_carrier=carrier, commit=False).reason_code == reason


@pytest.mark.django_db
def test_the_default_in_place_of_numbers_at_their_limit_stays_within_it(match_call):
    PhoneNumber.objects.update(spam_status="clean")
    answers = Counter(match_call().caller_id for _ in range(20))
    assert answers == {**dict.fromkeys([SAME_EXCHANGE, SAME_AREA, SAME_STATE, ELSEWHERE], LIMIT), None: 20 - 4 * LIMIT}
    assert match_call().reason_code == "daily_limits_reached"


@pytest.mark.django_db
def test_without_a_default_the_answer_says_that_all_are_at_their_limit(match_call, now):
    PhoneNumber.objects.update(spam_status="clean")
    Campaign.objects.update(default_number=None)
    assert [match_call().reason_code for _ in range(10)] == [""] * 9 + ["daily_limits_reached"]


@pytest.mark.django_db
@pytest.mark.parametrize(("of_campaign", "of_default", "shown"), [(None, 2, 2), (5, 2, 2), (2, 5, 2), (2, None, 2)])
def test_a_default_of_another_campaign_stays_within_both_limits(
    account, campaign, match_call, of_campaign, of_default, shown
):
    other = CampaignFactory(account=account, daily_limit=of_default)
    PhoneNumber.objects.filter(e164=ELSEWHERE).update(campaign=other)
    Campaign.objects.filter(pk=campaign.pk).update(daily_limit=of_campaign)
    answers = [match_call().caller_id for _ in range(8)]
    assert answers == [ELSEWHERE] * shown + [None] * (8 - shown)
    assert count_calls() == {ELSEWHERE: shown}
    default = PhoneNumber.objects.get(e164=ELSEWHERE)
    assert bool(default.exhausted_on) == (of_default == shown), "only its own campaign's limit makes it exhausted"


DIALER_SCRIPT = """
import json, sys
import django
django.setup()
from django.utils import timezone
from reputation.matching.match import match

account, campaign, calls, carrier, path = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
shown = []
for _ in range(calls):
    result = match(account_id=account, campaign_id=campaign, called_number="+12063550199", now=timezone.now(),
                   called_carrier=carrier)
    shown.append([result.caller_id, result.reason_code])
with open(path, "w") as file:
    json.dump(shown, file)
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("fields", "carrier", "numbers"),
    [
        ({}, "-", 1),
        ({"when_all_labelled": Choice.LEAST_BAD}, "-", 4),
        ({"when_all_labelled": Choice.NO_CALL}, "-", 0),
        ({"shows_on_other_networks": True}, "Verizon", 4),
    ],
)
def test_calls_of_several_processes_at_once_stay_within_the_limit(campaign, tmp_path, fields, carrier, numbers):
    limit, processes, calls = 20, 3, 40
    Campaign.objects.update(daily_limit=limit, **fields)
    files = [tmp_path / f"answers-{place}" for place in range(processes)]
    dialers = [start_python(DIALER_SCRIPT, campaign.account_id, campaign.pk, calls, carrier, path) for path in files]
    assert [dialer.wait() for dialer in dialers] == [0] * processes
    answers = [tuple(answer) for path in files for answer in json.loads(path.read_text())]
    shown = Counter(caller_id for caller_id, _ in answers if caller_id)
    assert sorted(shown.values()) == [limit] * numbers
    assert {reason for caller_id, reason in answers if not caller_id} == {
        "daily_limits_reached" if numbers else "all_labelled"
    }
