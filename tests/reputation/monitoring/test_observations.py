"""Observations over a connection become checks, tags and the state *at risk*."""

from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from portal.models import AuditEvent
from reputation.models import Case, Check, Connection, EngineRole, PhoneNumber, Tag
from reputation.monitoring.observations import apply_observations
from reputation.numbers import at_risk
from reputation.providers.protocol import Evidence, Observation, Severity, Verdict
from reputation.service_clock import days
from tests.factories import AccountFactory, ApplicationFactory, EngineFactory, MonitoredNumberFactory

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus
CATEGORY = {"verdict": Verdict.LABELLED, "label": "Telemarketer", "severity": Severity.CATEGORY}


@pytest.fixture
def number(provider, account) -> PhoneNumber:
    return MonitoredNumberFactory(account=account)


@pytest.fixture
def observe(provider, number, now):
    """Apply observations of the number, one for each engine's slug, at `at`."""
    vendor = Connection.objects.get(provider="vendor")

    def apply(*engines: str, at=now, **fields) -> dict[str, int]:
        observations = [Observation(number.e164, engine, **fields) for engine in engines]
        changes = apply_observations(observations, connection=vendor, now=at)
        number.refresh_from_db()
        return changes

    return apply


@pytest.fixture
def app_lists(provider) -> None:
    for name in ("nomorobo", "youmail"):
        EngineRole.objects.create(
            engine=EngineFactory(slug=name), provider="vendor", role="look_up", evidence=Check.Evidence.APP_LIST
        )


def test_a_category_that_fits_the_purpose_puts_a_number_at_risk_and_opens_no_case(number, observe, now):
    assert observe("alpha", **CATEGORY) == {}
    assert (number.spam_status, number.at_risk_since, number.at_risk_until) == (Status.AT_RISK, now, now + days(30))
    assert not Tag.objects.exists()
    assert not Case.objects.exists()
    event = AuditEvent.objects.get(code="number.at_risk")
    assert (event.subject_label, event.after, event.reason) == (number.e164, "Telemarketer", "Alpha")


def test_a_category_that_contradicts_the_declared_purpose_tags_the_number(number, observe, account):
    business = [{"group": "Calls", "fields": [{"name": "use_case", "value": "appointments"}]}]
    ApplicationFactory(account=account, snapshot={"business": business})
    assert observe("alpha", **CATEGORY) == {"tags detected": 1}
    tag = Tag.objects.get()
    assert (number.spam_status, tag.label, tag.severity) == (Status.TAGGED, "Telemarketer", "category")


def test_a_medium_risk_puts_a_number_at_risk(number, observe):
    observe("alpha", verdict=Verdict.WARNING)
    observe("beta", verdict=Verdict.CLEAN)
    assert number.spam_status == Status.AT_RISK


def test_the_risk_ends_30_days_after_the_last_sign(number, observe, now):
    observe("alpha", verdict=Verdict.WARNING)
    observe("alpha", verdict=Verdict.WARNING, at=now + days(5))
    assert (number.at_risk_since, number.at_risk_until) == (now, now + days(35))
    observe("alpha", "beta", verdict=Verdict.CLEAN, at=now + days(34.5))
    assert number.spam_status == Status.AT_RISK
    assert at_risk.end_risks(now + days(34.9)) == 0
    assert at_risk.end_risks(now + days(35)) == 1
    assert at_risk.end_risks(now + days(35)) == 0
    number.refresh_from_db()
    assert (number.spam_status, number.at_risk_until) == (Status.CLEAN, None)
    assert AuditEvent.objects.filter(code="number.at_risk").count() == 1


def test_a_label_outweighs_a_risk_and_the_risk_remains_when_it_is_cleared(number, observe, now):
    observe("alpha", verdict=Verdict.WARNING)
    observe("beta", verdict=Verdict.LABELLED, label="Spam Likely")
    assert number.spam_status == Status.TAGGED
    observe("beta", verdict=Verdict.CLEAN, at=now + days(1))
    assert number.spam_status == Status.AT_RISK


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.PENDING])
def test_an_answer_that_says_nothing_makes_a_number_neither_clean_nor_cleared(number, observe, now, verdict):
    observe("alpha", verdict=verdict)
    observe("beta", verdict=Verdict.CLEAN)
    assert number.spam_status == Status.UNKNOWN
    observe("alpha", verdict=Verdict.LABELLED, label="Spam Likely")
    observe("alpha", verdict=verdict, at=now + days(1))
    assert number.spam_status == Status.TAGGED
    assert Check.objects.get(engine__slug="alpha", is_current=True).verdict == "labelled"


def test_an_answer_that_says_nothing_ends_a_clean_one_only_after_this_expired(number, observe, now):
    observe("alpha", "beta", verdict=Verdict.CLEAN)
    observe("alpha", verdict=Verdict.UNKNOWN, at=now + days(1))
    assert number.spam_status == Status.CLEAN
    assert Check.objects.get(engine__slug="alpha", is_current=True).received_at == now + days(1)
    observe("alpha", verdict=Verdict.UNKNOWN, at=now + days(3))
    assert number.spam_status == Status.UNKNOWN


def test_a_confirmed_block_tags_a_number(number, observe):
    observe("alpha", verdict=Verdict.BLOCKED, evidence=Evidence.NETWORK_BLOCK)
    assert (number.spam_status, Tag.objects.get().evidence) == (Status.TAGGED, "network_block")


def test_one_app_list_is_a_risk_and_two_that_agree_tag(number, observe, app_lists, now):
    listed = {"verdict": Verdict.LABELLED, "label": "Robocaller", "evidence": Evidence.APP_LIST}
    observe("nomorobo", **listed)
    assert (number.spam_status, Tag.objects.count()) == (Status.AT_RISK, 0)
    assert observe("youmail", **listed, at=now + days(1)) == {"tags detected": 2}
    assert number.spam_status == Status.TAGGED
    changes = observe("youmail", verdict=Verdict.CLEAN, evidence=Evidence.APP_LIST, at=now + days(2))
    assert changes == {"tags cleared": 2}
    assert (number.spam_status, Case.objects.get().state) == (Status.AT_RISK, "cleared")


def test_a_label_on_one_carrier_is_not_cleared_by_another(number, observe, now):
    observe("alpha", verdict=Verdict.LABELLED, label="Scam Likely", carrier="T-Mobile")
    observe("alpha", verdict=Verdict.CLEAN, carrier="Verizon", at=now + days(1))
    assert Tag.objects.active().get().carrier == "T-Mobile"
    observe("alpha", verdict=Verdict.CLEAN, carrier="T-Mobile", at=now + days(2))
    assert not Tag.objects.active().exists()


def test_two_providers_of_an_engine_clear_a_label_only_together(number, observe, now):
    other = Connection.objects.create(provider="other")
    EngineRole.objects.create(
        engine=EngineFactory(slug="alpha"), provider="other", role="look_up", evidence=Check.Evidence.ENGINE_DATA
    )
    observe("alpha", verdict=Verdict.LABELLED, label="Spam Likely")
    label = Observation(number.e164, "alpha", Verdict.LABELLED, "Spam Likely")
    apply_observations([label], connection=other, now=now)
    assert Tag.objects.count() == 1
    observe("alpha", "beta", verdict=Verdict.CLEAN, at=now + days(1))
    assert Tag.objects.active().count() == 1
    apply_observations([Observation(number.e164, "alpha", Verdict.CLEAN)], connection=other, now=now + days(1))
    assert not Tag.objects.active().exists()
    number.refresh_from_db()
    assert number.spam_status == Status.CLEAN


def test_every_source_of_the_account_has_to_call_a_number_clean(number, observe, account, now):
    observe("alpha", "beta", verdict=Verdict.CLEAN)
    assert number.spam_status == Status.CLEAN
    own = Connection.objects.create(provider="other", account=account)
    EngineRole.objects.create(
        engine=EngineFactory(slug="gamma"), provider="other", role="look_up", evidence=Check.Evidence.ENGINE_DATA
    )
    observe("alpha", "beta", verdict=Verdict.CLEAN, at=now + days(1))
    assert number.spam_status == Status.UNKNOWN
    elsewhere = MonitoredNumberFactory(account=AccountFactory())
    answers = [Observation(elsewhere.e164, engine, Verdict.CLEAN) for engine in ("alpha", "beta")]
    apply_observations(answers, connection=Connection.objects.get(provider="vendor"), now=now)
    elsewhere.refresh_from_db()
    assert elsewhere.spam_status == Status.CLEAN
    gamma = [Observation(one.e164, "gamma", Verdict.CLEAN) for one in (number, elsewhere)]
    apply_observations(gamma, connection=own, now=now + days(1))
    number.refresh_from_db()
    assert number.spam_status == Status.CLEAN
    assert not Check.objects.filter(number=elsewhere, engine__slug="gamma").exists()


def test_an_accounts_own_connection_takes_the_place_of_the_operators(number, observe, account, now):
    Connection.objects.create(provider="vendor", account=account)
    observe("alpha", "beta", verdict=Verdict.CLEAN)
    assert not Check.objects.exists()


def test_complaints_put_a_number_at_risk_and_never_make_it_clean(number, observe, provider, now):
    EngineRole.objects.create(
        engine=EngineFactory(slug="ftc"), provider="vendor", role="look_up", evidence="complaints"
    )
    none = {"verdict": Verdict.CLEAN, "evidence": Evidence.COMPLAINTS}
    observe("ftc", **none)
    assert (number.spam_status, number.checked_at, number.ever_checked) == (Status.UNKNOWN, None, False)
    observe("ftc", verdict=Verdict.WARNING, evidence=Evidence.COMPLAINTS, expires_at=now + days(20))
    assert (number.spam_status, number.at_risk_until) == (Status.AT_RISK, now + days(20))
    observe("alpha", "beta", verdict=Verdict.CLEAN)
    observe("ftc", **none, at=now + days(1))
    assert number.spam_status == Status.AT_RISK
    at_risk.end_risks(now + days(20))
    number.refresh_from_db()
    assert number.spam_status == Status.CLEAN


def test_of_two_answers_of_a_source_the_later_counts_or_else_the_worse(number, provider, now):
    vendor = Connection.objects.get(provider="vendor")
    clean, labelled = (
        Observation(number.e164, "alpha", verdict, "Spam Likely" if verdict is Verdict.LABELLED else "")
        for verdict in (Verdict.CLEAN, Verdict.LABELLED)
    )
    for answers in ([clean, labelled], [labelled, clean]):
        apply_observations(answers, connection=vendor, now=now)
        assert Tag.objects.active().count() == 1
    dated = [
        Observation(number.e164, "alpha", Verdict.LABELLED, "Spam", observed_at=now + timedelta(hours=1)),
        Observation(number.e164, "alpha", Verdict.CLEAN, observed_at=now + timedelta(hours=2)),
    ]
    apply_observations(dated[::-1], connection=vendor, now=now + timedelta(hours=3))
    assert not Tag.objects.active().exists()


def test_a_tag_knows_when_its_label_was_last_found(number, observe, now):
    observe("alpha", verdict=Verdict.LABELLED, label="Spam Likely")
    observe("alpha", verdict=Verdict.LABELLED, label="Spam Likely", at=now + days(3))
    observe("alpha", verdict=Verdict.UNKNOWN, at=now + days(4))
    tag = Tag.objects.get()
    assert (tag.detected_at, tag.last_seen_at) == (now, now + days(3))


def test_numbers_that_were_not_asked_for_and_unknown_engines_are_ignored(number, observe, caplog):
    observe("alpha", verdict=Verdict.LABELLED, label="Spam Likely")
    vendor = Connection.objects.get(provider="vendor")
    strange = [Observation("+12065550199", "alpha", Verdict.CLEAN), Observation(number.e164, "zeta", Verdict.CLEAN)]
    assert apply_observations(strange, connection=vendor, now=number.added_at) == {}
    assert "zeta" in caplog.text
    assert Tag.objects.active().count() == 1


def test_query_count_is_the_same_for_5_and_200_numbers_with_every_verdict(provider, account, now):
    vendor = Connection.objects.get(provider="vendor")
    verdicts = list(Verdict)

    def count_queries(count: int) -> int:
        numbers = [MonitoredNumberFactory(account=account) for _ in range(count)]
        observations = [
            Observation(number.e164, engine, verdicts[index % len(verdicts)], f"Spam {index}", evidence=evidence)
            for index, number in enumerate(numbers)
            for engine, evidence in (("alpha", Evidence.ENGINE_DATA), ("beta", Evidence.APP_LIST))
        ]
        with CaptureQueriesContext(database) as queries:
            apply_observations(observations, connection=vendor, now=now)
        return len(queries)

    assert count_queries(6) == count_queries(200)
