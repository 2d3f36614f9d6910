"""The conformance suite: what the portal relies on in every provider, as tests to run against yours.

Subclass ProviderConformance in a test module, name your class, and let `arrange` make a stand-in of your vendor
misbehave. pytest runs each method that begins with `test_`. docs/providers.md has an example.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from django.utils import timezone

from reputation.providers.client import CallResult, call_in_batches
from reputation.providers.conformance_checks import check_observation, check_response, require, watch_network
from reputation.providers.protocol import (
    ConnectionSettings,
    EngineResponse,
    Observation,
    Provider,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    Stage,
    SubmitRequest,
    Verdict,
    get_operations,
)
from reputation.providers.registry import find_faults

# Operations that ask something new about numbers.
ASKING = ("look_up", "verify", "submit")
UNASKED_NUMBER = "+12067829999"
UNKNOWN_REFERENCE = "no-such-reference"
# Numbers of a call with as many items as the limits allow.
_NUMBERS_FROM = 12067830000


class Fault(Enum):
    """What a vendor does wrong. The first of the numbers that are asked about is the one concerned."""

    PARTIAL = "It leaves the number out of its answer."
    LATE = "It answers with what it saw of the number at an earlier time."
    REPEATED = "It says the same about the number twice."
    CONTRADICTORY = "It says of the number both that it is labelled and that it is not."
    UNASKED = f"It answers about {UNASKED_NUMBER} as well."
    BAD_NUMBER = "It refuses every list that holds the number."
    RATE_LIMIT = "It refuses the call for now, and says when to call again."
    TIME_OUT = "It does not answer in time."
    MISSING_FIELDS = "It leaves out the field that says whether the number is labelled."


# Faults that only an answer about labels can have.
OF_LOOK_UPS = (Fault.LATE, Fault.CONTRADICTORY, Fault.MISSING_FIELDS)


class ProviderConformance:
    """Subclass it, with your class as `provider_class`."""

    provider_class: type[Provider]
    # The settings of the connection, such as the address of the stand-in.
    connection_values: Mapping[str, Any] = {}
    # Numbers that the vendor may be asked about.
    numbers: Sequence[str] = ("+12067824021", "+12067824022", "+12067824023", "+12067824024")
    # Faults that cannot happen, with the reason.
    impossible: Mapping[Fault, str] = {}

    def arrange(self, fault: Fault, operation: str, numbers: Sequence[str]) -> None:
        """Makes the vendor do this wrong in the following calls. The fault concerns the first number."""
        raise NotImplementedError(f"Arrange {fault}, or say in `impossible` why it cannot happen.")

    # What the class declares ------------------------------------------------------------------------------------------

    def test_roles_and_operations_agree(self) -> None:
        faults = list(find_faults(self.provider_class))
        require(not faults, " ".join(faults))

    def test_engines_and_creation_make_no_network_call(self) -> None:
        with watch_network() as calls:
            self.provider_class.engines()
            self._create()
        require(not calls, f"engines() or the creation of the provider calls {calls}.")

    def test_limits_and_prices_are_positive(self) -> None:
        limits, prices = self.provider_class.limits, self.provider_class.prices
        counts = [getattr(limits, operation) for operation in get_operations(self.provider_class)]
        require(all(isinstance(count, int) and count >= 1 for count in counts), "A limit is below 1.")
        require(limits.timeout > 0, "limits.timeout is not positive.")
        values = (prices.look_up, prices.verify, prices.submit, prices.monthly)
        require(all(isinstance(price, Decimal) and price >= 0 for price in values), "A price is no Decimal from 0 on.")

    # Answers ----------------------------------------------------------------------------------------------------------

    def test_answers_are_well_formed(self) -> None:
        for operation in self._asking:
            result = self._call(operation, self.numbers)
            require(bool(result.answers), f"{operation} answers nothing.")

    def test_a_call_takes_as_many_items_as_the_limits_say(self) -> None:
        for operation in self._asking:
            size = getattr(self.provider_class.limits, operation)
            numbers = [f"+{_NUMBERS_FROM + place}" for place in range(size)]
            answers = getattr(self._create(), operation)(self._get_items(operation, numbers))
            require(bool(answers), f"{operation} answers nothing about {size} items.")

    def test_repeated_request_has_the_same_reference(self) -> None:
        for operation in ("verify", "submit"):
            if operation in self._asking:
                first, again = (self._get_references(operation) for _ in range(2))
                require(first == again, f"A repeated {operation} has other references: {first}, then {again}.")

    def test_unknown_reference_is_no_error_and_never_done(self) -> None:
        for operation in ("poll", "withdraw"):
            if operation in get_operations(self.provider_class):
                answers = _call_once(self._create(), operation, [UNKNOWN_REFERENCE])
                done = [answer for answer in answers if answer.stage is Stage.DONE]
                require(not done, f"{operation} says of an unknown reference that it is done.")

    def test_withdrawal_may_be_repeated(self) -> None:
        if "withdraw" in get_operations(self.provider_class):
            references = sorted({*self._get_references("verify").values(), *self._get_references("submit").values()})
            for _ in range(2):
                if references:
                    _call_once(self._create(), "withdraw", references)

    # Faults of the vendor ---------------------------------------------------------------------------------------------

    def test_partial_answer(self) -> None:
        for operation in self._arrange(Fault.PARTIAL):
            result = self._call(operation, self.numbers)
            left_out, *others = self.numbers
            clean = _find(result, left_out, Verdict.CLEAN)
            require(not clean, f"{operation} calls a number clean that the vendor left out.")
            answered = {_get_number(answer) for answer in result.answers}
            require(set(others) <= answered, f"{operation} loses answers because one is missing.")

    def test_late_answer(self) -> None:
        started = timezone.now()
        for operation in self._arrange(Fault.LATE):
            late = _find(self._call(operation, self.numbers), self.numbers[0])
            require(bool(late), f"{operation} loses a late answer.")
            times = [answer.observed_at for answer in late]
            require(all(at and at < started for at in times), f"{operation}: a late answer has no earlier observed_at.")

    def test_repeated_answer(self) -> None:
        for operation in self._arrange(Fault.REPEATED):
            answers = _find(self._call(operation, self.numbers), self.numbers[0])
            require(bool(answers), f"{operation} loses a repeated answer.")
            said = {
                (answer.engine, getattr(answer, "verdict", None), getattr(answer, "label", "")) for answer in answers
            }
            engines = {answer.engine for answer in answers}
            require(len(said) == len(engines), f"{operation} makes different answers of a repeated one.")

    def test_contradictory_answers(self) -> None:
        for operation in self._arrange(Fault.CONTRADICTORY):
            answers = _find(self._call(operation, self.numbers), self.numbers[0])
            require(bool(answers), f"{operation} loses contradictory answers.")
            hidden = all(answer.verdict is Verdict.CLEAN for answer in answers)
            require(not hidden, f"{operation} hides a label behind a contradictory answer.")

    def test_answer_about_a_number_not_asked_for(self) -> None:
        for operation in self._arrange(Fault.UNASKED):
            answered = {_get_number(answer) for answer in self._call(operation, self.numbers).answers}
            require(set(self.numbers) <= answered, f"{operation} loses answers because of a number not asked for.")

    def test_bad_number_in_a_batch(self) -> None:
        for operation in self._arrange(Fault.BAD_NUMBER):
            result = self._call(operation, self.numbers)
            bad, *others = self.numbers
            answered = {_get_number(answer) for answer in result.answers if not _is_refusal(answer)}
            require(set(others) <= answered, f"{operation} loses the other numbers of a refused list.")
            require(bad not in answered, f"{operation} answers about a refused number.")
            require(all(reason for _, reason in result.refused), f"{operation} refuses without a reason.")

    def test_rate_limit(self) -> None:
        for operation in self._arrange(Fault.RATE_LIMIT):
            failure = self._get_failure(operation)
            is_unavailable = isinstance(failure, ProviderUnavailable)
            require(is_unavailable, f"{operation} does not raise ProviderUnavailable at a rate limit: {failure!r}.")
            retry_at = getattr(failure, "retry_at", None)
            is_later = bool(retry_at and timezone.is_aware(retry_at) and retry_at > timezone.now())
            require(is_later, f"{operation} does not say when to call again: {retry_at}.")

    def test_time_out(self) -> None:
        for operation in self._arrange(Fault.TIME_OUT):
            started = time.monotonic()
            failure = self._get_failure(operation)
            require(
                isinstance(failure, OSError | ProviderUnavailable) and not isinstance(failure, ProviderRefused),
                f"{operation} does not raise OSError or ProviderUnavailable at a time-out: {failure!r}.",
            )
            took, limit = time.monotonic() - started, self.provider_class.limits.timeout
            require(took <= limit + 1, f"{operation} takes {took:.0f} s, more than limits.timeout ({limit} s).")

    def test_missing_fields(self) -> None:
        for operation in self._arrange(Fault.MISSING_FIELDS):
            clean = _find(self._call(operation, self.numbers), self.numbers[0], Verdict.CLEAN)
            require(not clean, f"{operation} calls a number clean about which the vendor said nothing.")

    # Steps ------------------------------------------------------------------------------------------------------------

    @property
    def _asking(self) -> list[str]:
        needed = get_operations(self.provider_class)
        return [operation for operation in ASKING if operation in needed]

    def _create(self) -> Provider:
        return self.provider_class(ConnectionSettings(1, None, dict(self.connection_values)))

    def _arrange(self, fault: Fault) -> Iterator[str]:
        """Arranges the fault for each operation that can have it. None if the fault is impossible, with a reason."""
        if fault in self.impossible:
            require(bool(self.impossible[fault]), f"{fault} needs a reason why it is impossible.")
            return
        for operation in ("look_up",) if fault in OF_LOOK_UPS else ASKING:
            if operation in self._asking:
                self.arrange(fault, operation, self.numbers)
                yield operation

    def _get_items(self, operation: str, numbers: Sequence[str]) -> list[Any]:
        if operation != "submit":
            return list(numbers)
        engine = self.provider_class.engines()[0].slug
        detected_at = timezone.now() - timedelta(hours=1)
        return [SubmitRequest(f"key-{number}", number, engine, "Spam Likely", detected_at) for number in numbers]

    def _call(self, operation: str, numbers: Sequence[str]) -> CallResult:
        """Calls as the portal does: in batches, and with the halves of a refused list. Checks each answer."""
        result = CallResult()
        try:
            call_in_batches(self._create(), operation, self._get_items(operation, numbers), result)
        except ProviderError as failure:
            raise AssertionError(f"{operation} fails as a whole: {failure}") from failure
        engines = {engine.slug for engine in self.provider_class.engines()}
        for answer in result.answers:
            if operation == "look_up":
                check_observation(answer, engines)
            else:
                check_response(answer, operation, engines)
        return result

    def _get_failure(self, operation: str) -> Exception | None:
        try:
            getattr(self._create(), operation)(self._get_items(operation, self.numbers))
        except Exception as failure:
            return failure
        return None

    def _get_references(self, operation: str) -> dict[tuple[str, str], str]:
        """The references of the requests for all numbers, by number or key, and engine."""
        if operation not in self._asking:
            return {}
        answers = self._call(operation, self.numbers).answers
        return {(answer.number or answer.idempotency_key, answer.engine): answer.reference for answer in answers}


def _get_number(answer: Observation | EngineResponse) -> str:
    return answer.number or getattr(answer, "idempotency_key", "").removeprefix("key-")


def _is_refusal(answer: Observation | EngineResponse) -> bool:
    """Whether the answer is none: the vendor refuses the request, or does not know."""
    if isinstance(answer, Observation):
        return answer.verdict is Verdict.UNKNOWN
    return answer.stage is Stage.REFUSED


def _find(result: CallResult, number: str, verdict: Verdict | None = None) -> list[Any]:
    return [
        answer
        for answer in result.answers
        if _get_number(answer) == number and verdict in (None, getattr(answer, "verdict", None))
    ]


def _call_once(provider: Provider, operation: str, items: Sequence[str]) -> list[EngineResponse]:
    """The answers about these references. Drops no answer and hides no exception."""
    try:
        answers = getattr(provider, operation)(list(items))
    except Exception as error:
        raise AssertionError(f"{operation} fails about references that it may get: {error!r}") from error
    for answer in answers:
        check_response(answer, operation, set())
    return [answer for answer in answers if answer.reference in items]
