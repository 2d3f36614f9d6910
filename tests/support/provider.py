"""A provider in memory with the engines Alpha and Beta. Tests set its responses."""

from reputation.providers.protocol import EngineInfo, EngineResponse, Limits, Observation, Stage


class FakeProvider:
    name = "vendor"
    limits = Limits(verify=1_000, look_up=1_000, submit=1_000, poll=1_000, withdraw=1_000)

    def __init__(self):
        self.labels = {}  # (number, engine): label
        self.answers = {}  # operation: fields of each answer that differ from the default
        self.failures = {}  # operation: the exception it raises
        self.omitted = set()  # numbers that look_up omits
        self.calls = []  # (operation, items)
        self.cards = [EngineInfo("alpha", "Alpha"), EngineInfo("beta", "Beta")]

    def engines(self):
        return self.cards

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
        return [
            Observation(
                number,
                card.slug,
                tagged=(number, card.slug) in self.labels,
                label=self.labels.get((number, card.slug), ""),
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
