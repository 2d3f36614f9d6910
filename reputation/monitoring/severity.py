"""What an observation does to a number: the one place for the rules about labels, risks and evidence.

- A scam label, a spam label and a confirmed block tag the number.
- A category, such as *Telemarketer*, tags it only if it contradicts the purpose that the account declared when it
  enrolled. Otherwise the number is at risk.
- An app's list tags it when two apps agree. One alone is a risk.
- A medium risk and complaints put it at risk. Complaints never show that a number is clean.
- An unknown or pending answer says nothing.
- A person's report is a warning until it is confirmed, and then does what the label does.

Engines each serve one network, so nothing asks several engines to agree.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from django.conf import settings

from enrollment.choices import UseCase
from reputation.models import Check
from reputation.providers.protocol import Evidence, Observation, Severity, Verdict
from reputation.service_clock import days

Effect = Check.Effect


# Words in labels, in the order in which they are looked for. A label without any of them counts as spam.
SEVERITY_BY_WORD = (
    (Severity.SCAM, ("scam", "fraud", "phish")),
    (Severity.SPAM, ("spam", "nuisance", "robocall", "junk", "suspected", "unwanted")),
    (
        Severity.CATEGORY,
        (
            *("telemarket", "sales", "survey", "debt", "collect", "nonprofit", "non-profit", "charity", "political"),
            *("fundrais", "informational", "customer service", "prison"),
        ),
    ),
)
# The purposes that a category agrees with, by a word in its name. An unknown category contradicts none.
PURPOSES_BY_CATEGORY: tuple[tuple[str, Collection[str]], ...] = (
    ("telemarket", {UseCase.TELEMARKETING, UseCase.LEAD_GENERATION, UseCase.FUNDRAISING}),
    ("sales", {UseCase.TELEMARKETING, UseCase.LEAD_GENERATION}),
    ("survey", {UseCase.SURVEYS}),
    ("debt", {UseCase.DEBT_COLLECTION}),
    ("collect", {UseCase.DEBT_COLLECTION}),
    ("nonprofit", {UseCase.FUNDRAISING}),
    ("non-profit", {UseCase.FUNDRAISING}),
    ("charity", {UseCase.FUNDRAISING}),
    ("fundrais", {UseCase.FUNDRAISING}),
    ("political", {UseCase.POLITICAL}),
)


@dataclass(frozen=True)
class ClearingRule:
    """What ends a label: so many observations of its source without it, the first and the last so far apart."""

    times: int = 1
    apart: timedelta = timedelta()


def get_clearing_rule(evidence: str) -> ClearingRule:
    """What ends a label that was found on this evidence.

    An engine knows its own data, so one answer is enough. One call shows what one telephone showed once, so a label
    that was seen on a telephone ends after several calls on its network.
    """
    if evidence in (Check.Evidence.HANDSET, Check.Evidence.REPORT):
        config = settings.TEST_CALLS
        return ClearingRule(config.clean_calls, timedelta(hours=config.clean_hours_apart))
    return ClearingRule()


def get_severity(observation: Observation) -> Severity | None:
    """What the label says; None if the observation has no label."""
    if observation.verdict is not Verdict.LABELLED:
        return None
    return observation.severity or classify_label(observation.label)


@lru_cache(maxsize=1_000)
def classify_label(label: str) -> Severity:
    """What the text of a label says, as a telephone shows it."""
    text = label.lower()
    for severity, words in SEVERITY_BY_WORD:
        if any(word in text for word in words):
            return severity
    return Severity.SPAM


def contradicts_purpose(category: str, purpose: str) -> bool:
    """Whether calls for this declared purpose (a UseCase, or empty if none is known) cannot be of this category."""
    if purpose in ("", UseCase.OTHER):
        return False
    text = category.lower()
    return any(word in text and purpose not in purposes for word, purposes in PURPOSES_BY_CATEGORY)


def get_effect(observation: Observation, *, purpose: str = "") -> Effect:
    """What one observation does to the number of an account with this declared purpose.

    That of an app's list is a risk until another app agrees; see app_lists.py.
    """
    match observation.verdict:
        case Verdict.CLEAN:
            return Effect.NONE if observation.evidence is Evidence.COMPLAINTS else Effect.CLEARS
        case Verdict.WARNING:
            return Effect.RISK
        case Verdict.LABELLED | Verdict.BLOCKED if observation.evidence in (Evidence.COMPLAINTS, Evidence.APP_LIST):
            return Effect.RISK
        case Verdict.BLOCKED:
            return Effect.TAGS
        case Verdict.LABELLED:
            is_category = get_severity(observation) is Severity.CATEGORY
            return Effect.RISK if is_category and not contradicts_purpose(observation.label, purpose) else Effect.TAGS
        case Verdict.PENDING | Verdict.UNKNOWN:
            return Effect.NONE


def get_validity(effect: Effect) -> timedelta:
    """How long an answer may be relied on, on the service's clock.

    A clean answer: longer than until the next look-up, so that one that is missed leaves no gap. A label does not
    expire; after this time pages say when it was last seen. A risk ends without a new sign.
    """
    valid_days = {Effect.TAGS: settings.LABEL_SEEN_DAYS, Effect.RISK: settings.RISK_DAYS}
    return days(valid_days.get(effect, settings.CLEAN_DAYS))


def get_expiry(observation: Observation, observed_at: datetime, validity: timedelta) -> datetime:
    """Until when the observation may be relied on. `validity` is that of its effect, looked up once for many."""
    return observation.expires_at or observed_at + validity
