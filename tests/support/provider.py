"""A provider in memory with the engines Alpha and Beta. Tests set its responses."""

from reputation.providers.protocol import (
    ConnectionSettings,
    EngineInfo,
    EngineResponse,
    Limits,
    Observation,
    Prices,
    Role,
    Stage,
    Verdict,
)


class FakeVendor:
    """What all instances of a FakeProvider call. The fixture `provider` has a new one for each test.

    Tests may replace its operations.
    """

    def __init__(self, *cards):
        self.labels = {}  # (number, engine): label
        self.answers = {}  # operation: fields of each answer that differ from the default
        self.failures = {}  # operation: the exception it raises
        self.omitted = set()  # numbers that look_up omits
        self.calls = []  # (operation, items)
        self.asked_by = []  # (the account of the connection or None, operation, items)
        self.cards = list(cards) or [EngineInfo("alpha", "Alpha"), EngineInfo("beta", "Beta")]
        self.limits = Limits(verify=1_000, look_up=1_000, submit=1_000, poll=1_000, withdraw=1_000)
        self.prices = Prices()

    def called(self, operation):
        return [items for name, items in self.calls if name == operation]

    def verify(self, numbers):
        self._record("verify", numbers)
        answer = {"stage": Stage.DONE} | self.answers.get("verify", {})
        return [
            EngineResponse(**{"number": number, "engine": card.slug, "reference": f"v-{card.slug}-{number}"} | answer)
            for number in numbers
            for card in self.cards
        ]

    def look_up(self, numbers):
        self._record("look_up", numbers)
        fields = self.answers.get("look_up", {})
        return [
            Observation(
                number,
                card.slug,
                **{
                    "verdict": Verdict.LABELLED if (number, card.slug) in self.labels else Verdict.CLEAN,
                    "label": self.labels.get((number, card.slug), ""),
                    "evidence": card.evidence,
                }
                | fields,
            )
            for number in numbers
            for card in self.cards
            if number not in self.omitted
        ]

    def submit(self, requests):
        self._record("submit", requests)
        answer = {"stage": Stage.RECEIVED} | self.answers.get("submit", {})
        return [
            EngineResponse(
                **{"idempotency_key": request.idempotency_key, "reference": f"s-{request.idempotency_key}"} | answer
            )
            for request in requests
        ]

    def poll(self, references):
        self._record("poll", references)
        answer = {"stage": Stage.IN_REVIEW} | self.answers.get("poll", {})
        return [EngineResponse(reference=reference, **answer) for reference in references]

    def withdraw(self, references):
        self._record("withdraw", references)
        return [EngineResponse(Stage.WITHDRAWN, reference=reference) for reference in references]

    def _record(self, operation, items):
        self.calls.append((operation, list(items)))
        if failure := self.failures.get(operation):
            raise failure


class FromVendor:
    """A class attribute with the present value of the vendor's attribute of the same name."""

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner):
        return getattr(owner.vendor, self.name)


class FakeLookUps:
    """A provider that only looks up."""

    name = "look-ups"
    roles = frozenset({Role.LOOK_UP})
    limits = FromVendor()
    prices = FromVendor()
    vendor = FakeVendor()

    def __init__(self, connection: ConnectionSettings):
        self.connection = connection

    @classmethod
    def engines(cls):
        return cls.vendor.cards

    def look_up(self, numbers):
        return self._call("look_up", numbers)

    def _call(self, operation, items):
        self.vendor.asked_by.append((self.connection.account_id, operation, list(items)))
        return getattr(self.vendor, operation)(items)


class FakeProvider(FakeLookUps):
    """A provider with all roles that call a vendor."""

    name = "vendor"
    roles = frozenset({Role.LOOK_UP, Role.REGISTER, Role.REMEDIATE})
    vendor = FakeVendor()

    def verify(self, numbers):
        return self._call("verify", numbers)

    def submit(self, requests):
        return self._call("submit", requests)

    def poll(self, references):
        return self._call("poll", references)

    def withdraw(self, references):
        return self._call("withdraw", references)
