"""How labels are worked on here, and how long that takes: by providers, by the account's people at desks, or by both.

The specification's "automatic" and "1 to 2 days" hold where a provider asks the engine. Elsewhere people ask desks.
"""

from __future__ import annotations

from dataclasses import dataclass

from reputation.providers.connections import is_anyone_asked_by_people, is_anyone_asked_by_providers

_BY_PROVIDERS = "spam labels are worked on automatically"
_BY_PEOPLE = "your own people ask the engines' desks to remove spam labels"


@dataclass(frozen=True)
class Outlook:
    """Who asks engines to remove labels. The texts are parts of sentences."""

    by_providers: bool
    by_people: bool

    @property
    def work(self) -> str:
        """Who works on labels, as in: spam labels are worked on automatically."""
        if self.by_providers and self.by_people:
            return f"{_BY_PROVIDERS} where a provider can ask the engine; elsewhere {_BY_PEOPLE}"
        if self.by_providers:
            return _BY_PROVIDERS
        return _BY_PEOPLE if self.by_people else "spam labels are shown, but nobody is set up here to ask for removal"

    @property
    def duration(self) -> str:
        """How long that takes; empty if nobody asks."""
        parts = [
            "1 to 2 days as a rule" + (" where a provider asks" if self.by_people else "") if self.by_providers else "",
            "desks take 2 to 10 business days, some weeks, and some never answer" if self.by_people else "",
        ]
        return "; ".join(filter(None, parts))


def get_outlook() -> Outlook:
    """No query."""
    return Outlook(is_anyone_asked_by_providers(), is_anyone_asked_by_people())
