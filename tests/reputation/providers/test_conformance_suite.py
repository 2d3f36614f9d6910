"""The conformance suite passes a careful provider, and fails each careless one."""

import socket
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from reputation.providers.conformance import UNASKED_NUMBER, Fault, ProviderConformance
from reputation.providers.protocol import (
    EngineInfo,
    EngineResponse,
    Limits,
    Observation,
    Prices,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
    Role,
    Stage,
    Verdict,
)

LONG_AGO = timezone.now() - timedelta(days=3)


class Vendor:
    """Answers with dictionaries, and does `fault` wrong about `bad`."""

    fault = bad = None

    def ask(self, items, get_number=lambda item: item):
        if self.fault is Fault.TIME_OUT:
            raise TimeoutError("timed out")
        if self.fault is Fault.RATE_LIMIT:
            raise LookupError("in a minute")
        if self.fault is Fault.BAD_NUMBER and self.bad in map(get_number, items):
            raise ValueError("not yours")
        results = []
        for item in items:
            result = {"item": item, "status": "none"}
            results += self._misbehave(result) if get_number(item) == self.bad else [result]
        return [*results, {"item": UNASKED_NUMBER, "status": "none"}] if self.fault is Fault.UNASKED else results

    def _misbehave(self, result):
        return {
            Fault.PARTIAL: [],
            Fault.LATE: [result | {"at": LONG_AGO}],
            Fault.REPEATED: [result, result],
            Fault.CONTRADICTORY: [result | {"status": "spam"}, result],
            Fault.MISSING_FIELDS: [{"item": result["item"]}],
        }.get(self.fault, [result])


class Careful:
    """Does everything right."""

    name = "careful"
    roles = frozenset({Role.LOOK_UP, Role.REGISTER, Role.REMEDIATE})
    limits = Limits(timeout=1)
    prices = Prices()
    vendor = Vendor()
    verdicts = {"none": Verdict.CLEAN, "spam": Verdict.LABELLED}

    def __init__(self, connection):
        pass

    @classmethod
    def engines(cls):
        return [EngineInfo("careful", "Careful")]

    def look_up(self, numbers):
        return [
            Observation(
                result["item"],
                "careful",
                self.verdicts.get(result.get("status"), Verdict.UNKNOWN),
                observed_at=result.get("at"),
            )
            for result in self._ask(numbers)
        ]

    def verify(self, numbers):
        results = self._ask(numbers)
        return [
            EngineResponse(Stage.RECEIVED, number=result["item"], engine="careful", reference=f"v{result['item']}")
            for result in results
        ]

    def submit(self, requests):
        results = self._ask({request.number: request for request in requests})
        keys = {request.number: request.idempotency_key for request in requests}
        return [
            EngineResponse(Stage.RECEIVED, idempotency_key=keys.get(result["item"], ""), reference=f"s{result['item']}")
            for result in results
        ]

    def poll(self, references):
        return [EngineResponse(Stage.RECEIVED, reference=one) for one in references if one.startswith(("v", "s"))]

    def withdraw(self, references):
        return [EngineResponse(Stage.WITHDRAWN, reference=one) for one in references]

    def _ask(self, numbers):
        try:
            return self.vendor.ask(list(numbers))
        except ValueError as error:
            raise ProviderRefused(str(error)) from error
        except LookupError as error:
            raise ProviderUnavailable(str(error), retry_at=timezone.now() + timedelta(minutes=1)) from error


class TestCareful(ProviderConformance):
    provider_class = Careful

    @pytest.fixture(autouse=True)
    def _new_vendor(self, monkeypatch):
        monkeypatch.setattr(Careful, "vendor", Vendor())

    def arrange(self, fault, operation, numbers):
        self.provider_class.vendor.fault, self.provider_class.vendor.bad = fault, numbers[0]


class PromisesMore(Careful):
    verify = None


class CallsTheNetwork(Careful):
    @classmethod
    def engines(cls):
        socket.create_connection(("127.0.0.1", 9))
        return [EngineInfo("careful", "Careful")]


class ConnectsWhenCreated(Careful):
    def __init__(self, connection):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", 9))


class WithoutTime(Careful):
    limits = Limits(timeout=0)


class LimitTooHigh(Careful):
    def _ask(self, numbers):
        return super()._ask(numbers) if len(list(numbers)) <= 50 else []


class AnotherEngine(Careful):
    def look_up(self, numbers):
        return [Observation(number, "another", Verdict.CLEAN) for number in numbers]


class LabelledAndClean(Careful):
    def look_up(self, numbers):
        return [Observation(number, "careful", Verdict.CLEAN, "Spam Likely") for number in numbers]


class NaiveTimes(Careful):
    def look_up(self, numbers):
        return [Observation(number, "careful", observed_at=datetime(2026, 11, 1)) for number in numbers]


class RawObjects(Careful):
    def look_up(self, numbers):
        return [Observation(number, "careful", raw_response={"at": LONG_AGO}) for number in numbers]


class SubmitsTwice(Careful):
    count = 0

    def submit(self, requests):
        type(self).count += 1
        return [
            EngineResponse(Stage.RECEIVED, idempotency_key=request.idempotency_key, reference=f"s{self.count}")
            for request in requests
        ]


class EverythingIsDone(Careful):
    def poll(self, references):
        return [EngineResponse(Stage.DONE, reference=reference) for reference in references]


class StumblesOverUnknownReferences(Careful):
    def withdraw(self, references):
        return [EngineResponse(Stage.WITHDRAWN, reference={"v+1": "v+1"}[reference]) for reference in references]


class MissingIsClean(Careful):
    def look_up(self, numbers):
        found = {observation.number: observation for observation in super().look_up(numbers)}
        return [found.get(number, Observation(number, "careful", Verdict.CLEAN)) for number in numbers]


class UnknownIsClean(Careful):
    verdicts = {**Careful.verdicts, None: Verdict.CLEAN}


class LateIsCurrent(Careful):
    def look_up(self, numbers):
        return [Observation(one.number, "careful", one.verdict) for one in super().look_up(numbers)]


class SecondAnswerIsDoubted(Careful):
    def look_up(self, numbers):
        seen = set()
        return [
            Observation(one.number, "careful", Verdict.WARNING) if one.number in seen or seen.add(one.number) else one
            for one in super().look_up(numbers)
        ]


class LastAnswerCounts(Careful):
    def look_up(self, numbers):
        return list({one.number: one for one in super().look_up(numbers)}.values())


class StumblesOverOtherNumbers(Careful):
    def look_up(self, numbers):
        asked = {number: number for number in numbers}
        return [Observation(asked[one.number], "careful", one.verdict) for one in super().look_up(numbers)]


class RefusesAll(Careful):
    def _ask(self, numbers):
        try:
            return super()._ask(numbers)
        except ProviderRefused as error:
            raise ProviderMisconfigured(str(error)) from error


class NoTimeToCallAgain(Careful):
    def _ask(self, numbers):
        try:
            return super()._ask(numbers)
        except ProviderUnavailable as error:
            raise ProviderUnavailable(str(error)) from error


class HidesRateLimit(Careful):
    def _ask(self, numbers):
        try:
            return super()._ask(numbers)
        except ProviderUnavailable:
            return []


class TimeOutIsRefusal(Careful):
    def _ask(self, numbers):
        try:
            return super()._ask(numbers)
        except OSError as error:
            raise ProviderRefused(str(error)) from error


@pytest.mark.parametrize(
    ("careless", "test", "said"),
    [
        (PromisesMore, "test_roles_and_operations_agree", "lacks the operation verify"),
        (CallsTheNetwork, "test_engines_and_creation_make_no_network_call", "calls .'socket.getaddrinfo'"),
        (ConnectsWhenCreated, "test_engines_and_creation_make_no_network_call", "calls .'socket.getaddrinfo'"),
        (WithoutTime, "test_limits_and_prices_are_positive", "timeout is not positive"),
        (LimitTooHigh, "test_a_call_takes_as_many_items_as_the_limits_say", "nothing about 100 items"),
        (AnotherEngine, "test_answers_are_well_formed", "the unknown engine another"),
        (LabelledAndClean, "test_answers_are_well_formed", "A clean answer has the label 'Spam Likely'"),
        (NaiveTimes, "test_answers_are_well_formed", "has no time zone"),
        (RawObjects, "test_answers_are_well_formed", "plain JSON values"),
        (SubmitsTwice, "test_repeated_request_has_the_same_reference", "A repeated submit has other references"),
        (EverythingIsDone, "test_unknown_reference_is_no_error_and_never_done", "that it is done"),
        (StumblesOverUnknownReferences, "test_unknown_reference_is_no_error_and_never_done", "withdraw fails"),
        (StumblesOverUnknownReferences, "test_withdrawal_may_be_repeated", "withdraw fails"),
        (MissingIsClean, "test_partial_answer", "calls a number clean that the vendor left out"),
        (UnknownIsClean, "test_missing_fields", "about which the vendor said nothing"),
        (LateIsCurrent, "test_late_answer", "no earlier observed_at"),
        (SecondAnswerIsDoubted, "test_repeated_answer", "different answers of a repeated one"),
        (LastAnswerCounts, "test_contradictory_answers", "hides a label"),
        (StumblesOverOtherNumbers, "test_answer_about_a_number_not_asked_for", "look_up fails as a whole"),
        (RefusesAll, "test_bad_number_in_a_batch", "look_up fails as a whole: not yours"),
        (NoTimeToCallAgain, "test_rate_limit", "does not say when to call again"),
        (HidesRateLimit, "test_rate_limit", "does not raise ProviderUnavailable"),
        (TimeOutIsRefusal, "test_time_out", "does not raise OSError"),
    ],
)
def test_careless_provider_fails(monkeypatch, careless, test, said):
    monkeypatch.setattr(Careful, "vendor", Vendor())
    suite = TestCareful()
    suite.provider_class = careless
    with pytest.raises(AssertionError, match=said):
        getattr(suite, test)()


def test_fault_has_to_be_arranged_or_to_be_impossible_for_a_reason():
    suite = ProviderConformance()
    suite.provider_class = Careful
    with pytest.raises(NotImplementedError, match="say in `impossible` why"):
        suite.test_time_out()
    suite.impossible = {Fault.TIME_OUT: ""}
    with pytest.raises(AssertionError, match="needs a reason"):
        suite.test_time_out()
    suite.impossible = {Fault.TIME_OUT: "It answers from memory."}
    suite.test_time_out()


def test_every_fault_has_a_careless_provider():
    (cases,) = [mark.args[1] for mark in test_careless_provider_fails.pytestmark if mark.name == "parametrize"]
    tests = {test for _, test, _ in cases}
    assert {name for name in vars(ProviderConformance) if name.startswith("test_")} == tests
