"""The simulated engines."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from reputation.providers.protocol import Stage, SubmitRequest, Verdict
from reputation.providers.simulated import SimulatedProvider
from reputation.providers.simulated_store import open_store
from reputation.providers.simulation import ENGINES, PARAMETERS, get_removal_outcome

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NUMBERS = [f"+1206782{n:04}" for n in range(400)]
DAY = timedelta(days=1)


class FakeClock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "engines.sqlite3"


@pytest.fixture
def simulated(path, clock):
    return SimulatedProvider(path=path, clock=clock)


def tagged_observations(simulated, numbers):
    return [observation for observation in simulated.look_up(numbers) if observation.verdict is Verdict.LABELLED]


def submit_request(observation, key="k"):
    return SubmitRequest(f"{key}-{observation.number}-{observation.engine}", observation.number, observation.engine,
                         observation.label, NOW)  # fmt: skip


def test_verification_takes_half_a_day_to_three_days_and_some_numbers_are_refused(simulated, clock):
    asked = simulated.verify(NUMBERS)
    assert len(asked) == len(NUMBERS) * len(ENGINES)
    assert {answer.stage for answer in asked} == {Stage.RECEIVED}
    clock.now = NOW + 0.49 * DAY
    assert {answer.stage for answer in simulated.poll([answer.reference for answer in asked])} == {Stage.RECEIVED}
    clock.now = NOW + 1.5 * DAY
    half_way = Counter(answer.stage for answer in simulated.poll([answer.reference for answer in asked]))
    assert half_way[Stage.DONE] > 100
    assert half_way[Stage.RECEIVED] > 100
    clock.now = NOW + 3 * DAY
    outcome = simulated.poll([answer.reference for answer in asked])
    refused = [answer for answer in outcome if answer.stage is Stage.REFUSED]
    assert len(outcome) == len(asked)
    assert 2 <= len({answer.number for answer in refused}) <= 30
    assert all("could not confirm" in answer.reason for answer in refused)
    assert {answer.stage for answer in outcome} == {Stage.DONE, Stage.REFUSED}


def test_repeated_verification_has_the_same_reference_unless_it_was_refused(simulated, clock):
    first, again = simulated.verify(NUMBERS), simulated.verify(NUMBERS)
    assert [answer.reference for answer in first] == [answer.reference for answer in again]
    clock.now = NOW + 3 * DAY
    third = {(answer.number, answer.engine): answer for answer in simulated.verify(NUMBERS)}
    before = {(answer.number, answer.engine): answer.reference for answer in first}
    new = [pair for pair, answer in third.items() if answer.reference != before[pair]]
    assert 0 < len(new) <= 30
    assert {third[pair].stage for pair in new} == {Stage.RECEIVED}
    clock.now = NOW + 6 * DAY
    assert {answer.stage for answer in simulated.poll([third[pair].reference for pair in new])} == {Stage.DONE}


def test_about_a_fifth_of_the_numbers_is_tagged_within_the_first_days(simulated, clock):
    assert tagged_observations(simulated, NUMBERS) == []
    clock.now = NOW + 5 * DAY
    share = len({observation.number for observation in tagged_observations(simulated, NUMBERS)}) / len(NUMBERS)
    assert 0.15 <= share <= 0.25


def test_course_depends_on_the_seed(tmp_path, settings):
    def course(seed):
        settings.SIMULATED_SEED = seed
        clock = FakeClock()
        engine = SimulatedProvider(path=tmp_path / f"{seed}-{len(list(tmp_path.iterdir()))}.sqlite3", clock=clock)
        engine.look_up(NUMBERS)
        clock.now = NOW + 4 * DAY
        return [(one.number, one.engine, one.label) for one in tagged_observations(engine, NUMBERS)]

    assert course("a") == course("a")
    assert course("a") != course("b")


def test_removed_label_is_not_found_and_a_refused_one_still_is(simulated, clock):
    simulated.look_up(NUMBERS)
    clock.now = NOW + 5 * DAY
    labels = tagged_observations(simulated, NUMBERS)
    answers = simulated.submit([submit_request(label) for label in labels])
    assert {answer.stage for answer in answers} == {Stage.RECEIVED}
    references = [answer.reference for answer in answers]
    seen = Counter()
    for quarter in range(1, 29):
        clock.now = NOW + (5 + quarter / 4) * DAY
        seen.update({answer.reference: answer.stage for answer in simulated.poll(references)}.values())
        done = {(one.number, one.engine) for one in simulated.poll(references) if one.stage is Stage.DONE}
        assert not done & {(one.number, one.engine) for one in still_labelled(simulated, labels, clock.now)}
    outcome = Counter(answer.stage for answer in simulated.poll(references))
    assert set(outcome) == {Stage.DONE, Stage.REFUSED}
    assert 1 <= outcome[Stage.REFUSED] < len(labels) / 4
    assert seen[Stage.DISPUTED] > 0
    assert seen[Stage.IN_REVIEW] > 0
    refused = {(one.number, one.engine) for one in simulated.poll(references) if one.stage is Stage.REFUSED}
    assert refused <= {(one.number, one.engine) for one in tagged_observations(simulated, NUMBERS)}


def still_labelled(simulated, labels, now):
    """Return the submitted labels that are still found. A label may return later, so then return none."""
    again = PARAMETERS.relapse_days[0] * DAY
    return (
        []
        if now - NOW > 5 * DAY + again
        else tagged_observations(simulated, sorted({label.number for label in labels}))
    )


def test_most_labels_are_removed_in_1_to_2_days_and_disputes_end_within_a_week(simulated, path, clock):
    simulated.look_up(NUMBERS)
    clock.now = NOW + 5 * DAY
    simulated.submit([submit_request(label) for label in tagged_observations(simulated, NUMBERS)])
    with open_store(path, timeout=1) as store:
        requests = store.get_requests("remove", NUMBERS)
    courses = [get_removal_outcome(request) for of_pair in requests.values() for request in of_pair]
    lasted = [(course.answered_at - clock.now) / DAY for course in courses if not course.disputed_at]
    disputes = [(course.answered_at - clock.now) / DAY for course in courses if course.disputed_at]
    assert 1 <= min(lasted) <= max(lasted) <= 2
    assert 3 <= min(disputes) <= max(disputes) <= 7
    assert len(lasted) > 2 * len(disputes)


def test_request_repeated_with_the_same_key_has_the_same_reference(simulated, clock):
    simulated.look_up(NUMBERS)
    clock.now = NOW + 5 * DAY
    label = tagged_observations(simulated, NUMBERS)[0]
    (first,) = simulated.submit([submit_request(label)])
    clock.now += timedelta(hours=1)
    (again,) = simulated.submit([submit_request(label)])
    (other,) = simulated.submit([submit_request(label, key="other")])
    assert first.reference == again.reference != other.reference
    keys = [submit_request(label).idempotency_key, submit_request(label, key="other").idempotency_key]
    assert [first.idempotency_key, other.idempotency_key] == keys


def test_a_withdrawn_request_removes_nothing(simulated, clock):
    simulated.look_up(NUMBERS)
    clock.now = NOW + 5 * DAY
    labels = tagged_observations(simulated, NUMBERS)
    answers = simulated.submit([submit_request(label) for label in labels])
    simulated.withdraw([answer.reference for answer in answers])
    assert {answer.stage for answer in simulated.poll([answer.reference for answer in answers])} == {Stage.WITHDRAWN}
    clock.now += 10 * DAY
    pairs = {(label.number, label.engine) for label in labels}
    assert pairs <= {(one.number, one.engine) for one in tagged_observations(simulated, NUMBERS)}


def test_some_removed_labels_return(simulated, clock):
    simulated.look_up(NUMBERS)
    clock.now = NOW + 5 * DAY
    labels = tagged_observations(simulated, NUMBERS)
    pairs = {(label.number, label.engine) for label in labels}
    simulated.submit([submit_request(label) for label in labels])
    seen_clean, came_back = set(), set()
    for day in range(6, 28):
        clock.now = NOW + day * DAY
        now_tagged = {(one.number, one.engine) for one in tagged_observations(simulated, NUMBERS)}
        came_back |= now_tagged & seen_clean
        seen_clean |= pairs - now_tagged
    assert 0.1 < len(came_back) / len(pairs) < 0.6


def test_concurrent_verifications_get_the_same_references(tmp_path):
    path, references, failures = tmp_path / "engines.sqlite3", [], []

    def ask():
        try:
            references.append(
                [one.reference for one in SimulatedProvider(path=path, clock=lambda: NOW).verify(NUMBERS[:50])]
            )
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len({tuple(mine) for mine in references}) == 1


def test_references_of_other_providers_are_omitted_from_the_response(simulated):
    assert simulated.poll(["HY-88213", "SIM-x", "SIM-999999"]) == []
    simulated.withdraw(["HY-88213"])
