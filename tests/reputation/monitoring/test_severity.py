"""What each kind of observation does to a number."""

from datetime import timedelta

import pytest
from django.utils import timezone

from enrollment.choices import UseCase
from reputation.models import Check
from reputation.monitoring.severity import (
    classify_label,
    contradicts_purpose,
    get_effect,
    get_expiry,
    get_severity,
    get_validity,
)
from reputation.providers.protocol import Evidence, Observation, Severity, Verdict
from reputation.service_clock import days

NUMBER = "+12067824021"
Effect = Check.Effect


def observe(verdict: Verdict, label: str = "", evidence: Evidence = Evidence.ENGINE_DATA, **more) -> Observation:
    return Observation(NUMBER, "hiya", verdict, label, evidence=evidence, **more)


def test_an_observation_without_a_verdict_is_unknown():
    assert Observation(NUMBER, "hiya").verdict is Verdict.UNKNOWN
    assert get_effect(Observation(NUMBER, "hiya")) == Effect.NONE


@pytest.mark.parametrize(
    ("observation", "effect"),
    [
        (observe(Verdict.CLEAN), Effect.CLEARS),
        (observe(Verdict.WARNING), Effect.RISK),
        (observe(Verdict.LABELLED, "Scam Likely"), Effect.TAGS),
        (observe(Verdict.LABELLED, "Spam Likely"), Effect.TAGS),
        (observe(Verdict.LABELLED, "Spam Likely", Evidence.HANDSET), Effect.TAGS),
        (observe(Verdict.LABELLED, "Telemarketer"), Effect.RISK),
        (observe(Verdict.LABELLED, "", severity=Severity.CATEGORY), Effect.RISK),
        (observe(Verdict.LABELLED), Effect.TAGS),
        (observe(Verdict.BLOCKED, evidence=Evidence.NETWORK_BLOCK), Effect.TAGS),
        (observe(Verdict.LABELLED, "Robocaller", Evidence.APP_LIST), Effect.RISK),
        (observe(Verdict.CLEAN, evidence=Evidence.APP_LIST), Effect.CLEARS),
        (observe(Verdict.WARNING, evidence=Evidence.COMPLAINTS), Effect.RISK),
        (observe(Verdict.LABELLED, "Reported", Evidence.COMPLAINTS), Effect.RISK),
        (observe(Verdict.CLEAN, evidence=Evidence.COMPLAINTS), Effect.NONE),
        (observe(Verdict.PENDING), Effect.NONE),
        (observe(Verdict.UNKNOWN), Effect.NONE),
    ],
)
def test_effect_of_a_verdict_and_its_evidence(observation, effect):
    assert get_effect(observation) == effect


@pytest.mark.parametrize(
    ("label", "severity"),
    [
        ("Scam Likely", Severity.SCAM),
        ("FRAUD RISK", Severity.SCAM),
        ("Suspected Spam", Severity.SPAM),
        ("Potential Spam Telemarketer", Severity.SPAM),
        ("Nuisance Likely", Severity.SPAM),
        ("Telemarketer", Severity.CATEGORY),
        ("Debt Collector", Severity.CATEGORY),
        ("Survey", Severity.CATEGORY),
        ("Nonprofit", Severity.CATEGORY),
        ("Political Call", Severity.CATEGORY),
        ("A text that nobody has seen before", Severity.SPAM),
        ("", Severity.SPAM),
    ],
)
def test_severity_of_a_label_is_read_from_its_text(label, severity):
    assert classify_label(label) is severity


def test_severity_that_the_provider_knows_counts_more_than_the_text():
    assert get_severity(observe(Verdict.LABELLED, "Telemarketer", severity=Severity.SPAM)) is Severity.SPAM
    assert get_severity(observe(Verdict.CLEAN, "Spam")) is None


@pytest.mark.parametrize(
    ("category", "purpose", "contradicts"),
    [
        ("Telemarketer", UseCase.APPOINTMENTS, True),
        ("Telemarketer", UseCase.TELEMARKETING, False),
        ("Telemarketer", UseCase.LEAD_GENERATION, False),
        ("Debt Collector", UseCase.DEBT_COLLECTION, False),
        ("Debt Collector", UseCase.CUSTOMER_CARE, True),
        ("Survey", UseCase.SURVEYS, False),
        ("Political", UseCase.POLITICAL, False),
        ("Political", UseCase.SURVEYS, True),
        ("Telemarketer", UseCase.OTHER, False),
        ("Telemarketer", "", False),
        ("Prison", UseCase.CUSTOMER_CARE, False),
    ],
)
def test_category_tags_only_if_it_contradicts_the_declared_purpose(category, purpose, contradicts):
    assert contradicts_purpose(category, purpose) is contradicts
    effect = get_effect(observe(Verdict.LABELLED, category, severity=Severity.CATEGORY), purpose=purpose)
    assert effect == (Effect.TAGS if contradicts else Effect.RISK)


@pytest.mark.parametrize(
    ("effect", "valid_days"), [(Effect.CLEARS, 2), (Effect.NONE, 2), (Effect.TAGS, 14), (Effect.RISK, 30)]
)
def test_time_for_which_an_observation_may_be_relied_on(effect, valid_days):
    now = timezone.now()
    validity = get_validity(effect)
    assert get_expiry(observe(Verdict.CLEAN), now, validity) == now + days(valid_days)
    own = now + timedelta(hours=3)
    assert get_expiry(observe(Verdict.CLEAN, expires_at=own), now, validity) == own
