"""A provider that does what a test tells it, in memory: two engines, Alpha and Beta."""

from reputation.providers.protocol import EngineInfo, EngineResponse, Limits, Observation, Stage


class FakeProvider:
    name = "vendor"
    limits = Limits(verify=1_000, look_up=1_000, submit=1_000, poll=1_000, withdraw=1_000)

    def __init__(self):
        self.labels = {}  # (number, engine): label
        self.answers = {}  # operation: what each answer says besides, as keywords
        self.failures = {}  # operation: what it raises
        self.left_out = set()  # numbers that look_up does not answer
        self.calls = []  # (operation, items)
        self.cards = [EngineInfo("alpha", "Alpha"), EngineInfo("beta", "Beta")]

    def engines(self):
        return self.cards

    def called(self, operation):
        return [items for name, items in self.calls if name == operation]

    def verify(self, numbers):
        self._called("verify", numbers)
        said = {"stage": Stage.DONE} | self.answers.get("verify", {})
        return [
            EngineResponse(**{"number": number, "engine": card.slug, "reference": f"v-{card.slug}-{number}"} | said)
            for number in numbers
            for card in self.cards
        ]

    def look_up(self, numbers):
        self._called("look_up", numbers)
        return [
            Observation(
                number,
                card.slug,
                tagged=(number, card.slug) in self.labels,
                label=self.labels.get((number, card.slug), ""),
            )
            for number in numbers
            for card in self.cards
            if number not in self.left_out
        ]

    def submit(self, requests):
        self._called("submit", requests)
        said = {"stage": Stage.RECEIVED} | self.answers.get("submit", {})
        return [EngineResponse(**{"key": request.key, "reference": f"s-{request.key}"} | said) for request in requests]

    def poll(self, references):
        self._called("poll", references)
        said = {"stage": Stage.IN_REVIEW} | self.answers.get("poll", {})
        return [EngineResponse(reference=reference, **said) for reference in references]

    def withdraw(self, references):
        self._called("withdraw", references)
        return [EngineResponse(Stage.WITHDRAWN, reference=reference) for reference in references]

    def _called(self, operation, items):
        self.calls.append((operation, list(items)))
        if failure := self.failures.get(operation):
            raise failure
