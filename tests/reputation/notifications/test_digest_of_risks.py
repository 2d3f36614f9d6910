"""The digest's lines about numbers at risk: each names its reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.models import Member
from reputation.models import Check, PhoneNumber
from reputation.notifications import digests
from tests.factories import CheckFactory, EngineFactory, MemberFactory, MonitoredNumberFactory
from tests.support.mails import send_mails

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
Evidence, Verdict = Check.Evidence, Check.Verdict
SIGNS = (
    ({"verdict": Verdict.LABELLED, "label": "Telemarketer"}, "Hiya shows “Telemarketer”"),
    ({"verdict": Verdict.WARNING}, "Hiya sees a medium risk"),
    (
        {"verdict": Verdict.WARNING, "evidence": Evidence.REPORT, "label": "Scam Likely", "carrier": "T-Mobile"},
        "Somebody reports “Scam Likely” on T-Mobile; not confirmed",
    ),
    (
        {
            "verdict": Verdict.WARNING,
            "evidence": Evidence.COMPLAINTS,
            "raw_response": {"complaints": 2, "within_days": 30},
        },
        "2 complaints in 30 days (Hiya)",
    ),
)


@pytest.fixture
def member(account, now) -> Member:
    return MemberFactory(account=account, digest=Member.Digest.AT_ONCE, digest_sent_at=now - 2 * HOUR)


@pytest.fixture
def add_risk(account, now):
    def add(*signs: dict) -> PhoneNumber:
        number = MonitoredNumberFactory(
            account=account,
            spam_status=PhoneNumber.SpamStatus.AT_RISK,
            at_risk_since=now - HOUR,
            at_risk_until=now + timedelta(days=30),
        )
        for place, sign in enumerate(signs):
            CheckFactory(
                number=number,
                engine=EngineFactory(slug="hiya", name="Hiya"),
                provider=f"provider-{place}",
                effect=Check.Effect.RISK,
                valid_until=now + timedelta(days=30),
                **sign,
            )
        return number

    return add


@pytest.mark.parametrize(("sign", "reason"), SIGNS)
def test_the_line_names_the_reason(add_risk, member, now, sign, reason):
    number = add_risk(sign)
    digests.enqueue_digests(now=now)
    [message] = send_mails(now)
    assert f"- {number}: {reason}\n" in message.body


def test_the_line_names_each_reason(add_risk, member, now):
    add_risk(SIGNS[0][0], SIGNS[1][0])
    digests.enqueue_digests(now=now)
    [message] = send_mails(now)
    assert "Hiya shows “Telemarketer”" in message.body
    assert "; " in message.body
    assert "Hiya sees a medium risk" in message.body


def test_reasons_cost_the_same_for_2_and_20_numbers(add_risk, member, now):
    counts = []
    for count in (2, 18):
        for _ in range(count):
            add_risk(SIGNS[3][0])
        Member.objects.update(digest_sent_at=now - 2 * HOUR)
        with CaptureQueriesContext(connection) as queries:
            digests.enqueue_digests(now=now)
        counts.append(len(queries))
    assert counts[0] == counts[1]
