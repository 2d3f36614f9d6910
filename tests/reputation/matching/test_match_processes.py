"""100,000 matches or more by several processes while tags come and go: no result is stale, and numbers take turns."""

from __future__ import annotations

import struct
import time
from collections import Counter, defaultdict

import pytest
from django.db.models import Sum
from django.utils import timezone

from reputation.models import Connection, NumberCalls
from reputation.monitoring import observations
from reputation.providers.protocol import Observation, Verdict
from tests.factories import CampaignFactory, EngineFactory, MonitoredNumberFactory
from tests.support.processes import start_python

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES, CALLS_OF_EACH = 4, 25_000
# How often tags come and go at least. The dialers go on until then.
ROUNDS = 20
UNTAGGED_NUMBERS, INTERMITTENT_NUMBERS = 80, 20
# Start and end of the request, by the monotonic clock that all processes share, and the number's id.
ANSWER_STRUCT = struct.Struct("ddq")

DIALER_SCRIPT = """
import os, struct, sys, time
import django
django.setup()
from django.utils import timezone
from reputation.matching.match import match

account, campaign, calls = map(int, sys.argv[1:4])
with open(sys.argv[4], "wb") as answers:
    while calls > 0 or not os.path.exists(sys.argv[5]):
        calls -= 1
        began = time.monotonic()
        decision = match(account_id=account, campaign_id=campaign, called_number="+12063550199", now=timezone.now())
        answers.write(struct.pack("ddq", began, time.monotonic(), decision.number_id))
"""


def test_no_process_shows_a_tagged_number_and_numbers_take_equal_turns(account, tmp_path):
    campaign, engine = CampaignFactory(account=account), EngineFactory(slug="simulated-hiya")
    numbers = [
        MonitoredNumberFactory(account=account, campaign=campaign, e164=f"+1206555{1000 + place}")
        for place in range(UNTAGGED_NUMBERS + INTERMITTENT_NUMBERS)
    ]
    untagged, at_times = numbers[::5] + numbers[1::5] + numbers[2::5] + numbers[3::5], numbers[4::5]
    files = [tmp_path / f"answers-{place}" for place in range(PROCESSES)]
    enough = tmp_path / "enough"
    dialers = [start_python(DIALER_SCRIPT, account.pk, campaign.pk, CALLS_OF_EACH, path, enough) for path in files]
    # By number: when its tag was committed, and when clearing it began.
    tagged_during: dict[int, list[tuple[float, float]]] = defaultdict(list)
    rounds = 0
    while any(dialer.poll() is None for dialer in dialers):
        some = at_times[rounds % 4 :: 4]
        _apply_observations(engine.slug, some, tagged=True)
        committed = time.monotonic()
        time.sleep(0.05)
        clearing = time.monotonic()
        _apply_observations(engine.slug, some, tagged=False)
        for number in some:
            tagged_during[number.pk].append((committed, clearing))
        rounds += 1
        if rounds == ROUNDS:
            enough.touch()

    assert [dialer.wait() for dialer in dialers] == [0] * PROCESSES
    answers = [answer for path in files for answer in ANSWER_STRUCT.iter_unpack(path.read_bytes())]
    assert len(answers) >= PROCESSES * CALLS_OF_EACH
    stale = [
        answer
        for answer in answers
        if any(committed <= answer[0] and answer[1] <= clearing for committed, clearing in tagged_during[answer[2]])
    ]
    assert stale == []
    shown = Counter(number for _began, _answered, number in answers)
    often = [shown[number.pk] for number in untagged]
    assert max(often) - min(often) <= 0.02 * min(often)
    # Tags did come and go during the test, and their numbers were shown in between.
    assert rounds >= ROUNDS
    assert all(0 < shown[number.pk] < min(often) for number in at_times)
    assert NumberCalls.objects.aggregate(calls=Sum("calls"))["calls"] == len(answers)


def _apply_observations(slug: str, numbers: list, *, tagged: bool) -> None:
    verdict, label = (Verdict.LABELLED, "Spam Likely") if tagged else (Verdict.CLEAN, "")
    said = [Observation(number.e164, slug, verdict, label) for number in numbers]
    connection = Connection.objects.get_or_create(provider="simulated", account=None)[0]
    observations.apply_observations(said, connection=connection, now=timezone.now())
