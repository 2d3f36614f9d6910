"""The demo data: two accounts, a history, and a sample file to import."""

import csv
from collections import Counter

import pytest
from django.db.models import Sum
from django.urls import reverse

from enrollment.models import Application
from portal.environment import BASE_DIR
from portal.models import Account, ApiKey, AuditEvent, Licence, Member, User, today_of
from portal.phone.numbers import US_REGIONS, InvalidPhoneNumber, parse_number
from reputation.demo import data
from reputation.matching.statistics import get_campaign_statistics, get_number_statistics
from reputation.models import (
    Campaign,
    CampaignCalls,
    Case,
    Check,
    DeskRequest,
    NumberCalls,
    PhoneNumber,
    Tag,
    Telephone,
    TestCall,
    TestRound,
)
from reputation.monitoring.eligibility import get_coverage, is_enrolled
from reputation.monitoring.engines import sync_engines
from reputation.number_table.alerts import build_rows

pytestmark = pytest.mark.django_db

SAMPLE_FILE = BASE_DIR / "docs" / "sample-numbers.csv"
Capability = PhoneNumber.Capability


@pytest.fixture
def seeded(settings, tmp_path, now):
    settings.SIMULATED_DIR = settings.DATA_DIR = tmp_path
    settings.PROVIDERS = ["simulated", "complaints", "handset", "desk"]
    sync_engines()
    return data.seed(now=now)


@pytest.fixture
def sign_ins(seeded):
    return seeded.logins


def test_each_role_has_a_user_who_can_sign_in(sign_ins, client):
    assert [sign_in.email.split("@")[0] for sign_in in sign_ins] == ["dana", "vic", "hana", "alex", "riley", "olga"]
    for sign_in in sign_ins:
        client.post(reverse("account_login"), {"username": sign_in.email, "password": sign_in.password})
        assert client.get(sign_in.start_path or reverse("overview")).status_code == 200
        client.logout()
    roles = {
        (member.user.email.split("@")[0], member.account.name, member.role)
        for member in Member.objects.select_related("user", "account")
    }
    assert roles == {
        ("dana", data.CASCADE, "owner"),
        ("vic", data.CASCADE, "viewer"),
        ("hana", data.HARBOR, "admin"),
        ("alex", data.CASCADE, "admin"),
        ("alex", data.HARBOR, "admin"),
    }
    staff = User.objects.exclude(staff_role="").values_list("email", "staff_role")
    assert set(staff) == {("riley@portal.example", "reviewer"), ("olga@portal.example", "operator")}


def test_one_account_is_monitored_with_a_history_and_the_other_is_empty(sign_ins, now):
    cascade, harbor = Account.objects.get(name=data.CASCADE), Account.objects.get(name=data.HARBOR)
    assert is_enrolled(cascade)
    assert not Application.objects.for_account(harbor).exists()
    coverage = get_coverage(cascade, now)
    assert coverage.includes_campaign_numbers
    assert (coverage.seats, coverage.uncovered_count) == (5, 0)
    assert len(coverage.licences) < Licence.objects.for_account(cascade).count(), "one licence has expired"
    assert not PhoneNumber.objects.for_account(harbor).exists()

    capabilities = Counter(PhoneNumber.objects.values_list("capability", flat=True))
    assert set(capabilities) == set(Capability)
    assert capabilities[Capability.ON] > 20
    assert capabilities[Capability.VERIFYING] > 15
    statuses = set(PhoneNumber.objects.values_list("spam_status", flat=True))
    assert {"clean", "failed", "in_remediation", "not_monitored"} <= statuses
    cases = Counter(Case.objects.values_list("state", flat=True))
    assert cases["cleared"]
    assert cases["failed"]
    assert Case.objects.unfinished().exists()
    assert Case.objects.filter(former__isnull=False).exists(), "one was tagged again"
    assert Check.objects.filter(looks__gt=15).exists()
    assert set(PhoneNumber.objects.exclude(region__in=US_REGIONS).values_list("region", flat=True)) == {"CA", "JM"}

    # The table agrees with the stored tags.
    for row in build_rows(PhoneNumber.objects.all(), now):
        assert bool(row.tags) == row.number.is_tagged
        assert row.status != PhoneNumber.STALE
    defaults = PhoneNumber.objects.filter(default_of__isnull=False)
    assert defaults.count() == 3
    assert defaults.tagged().exists(), "one default caller ID is tagged"


def test_each_number_was_called_and_one_showed_a_label_that_waits_for_its_request(seeded, now):
    test_round = TestRound.objects.get()
    assert not test_round.is_open
    not_called = PhoneNumber.objects.exclude(pk__in=test_round.calls.values("number"))
    assert {number.spam_status for number in not_called} == {"in_remediation"}, "their request is out"
    call = test_round.calls.get(result=TestCall.Result.LABEL)
    tag = Tag.objects.active().get(number=call.number, evidence="handset")
    assert (tag.label, tag.engine.slug) == ("Scam Likely", "first-orion")
    request = DeskRequest.objects.your_turn(now).get()
    assert (request.number, request.desk.slug) == (call.number, "t-mobile")
    proven, not_proven = Telephone.objects.order_by("pk")
    assert proven.is_proven(now)
    assert not not_proven.is_proven(now)


def test_campaigns_have_calls_of_20_days_and_defaults_shown_because_of_tags(sign_ins, now):
    today = today_of(Account.objects.get(name=data.CASCADE), now)
    for campaign in Campaign.objects.filter(account__name=data.CASCADE):
        cost = get_campaign_statistics(campaign, today)
        assert 0 < cost.month.default_for_tags < cost.month.local / 5
        assert cost.today.default_for_tags
        shown = NumberCalls.objects.filter(number__campaign=campaign, day=today).aggregate(calls=Sum("calls"))["calls"]
        assert shown == cost.today.total, "what campaigns and numbers say agrees"
    assert CampaignCalls.objects.values("day").distinct().count() == 20
    tagged = PhoneNumber.objects.tagged().filter(campaign__isnull=False, default_of=None).first()
    assert get_number_statistics(tagged, today).today == 0
    assert get_number_statistics(tagged, today).month > 0


def test_api_key_can_match_and_read_and_is_stored_in_a_private_file(seeded, client, settings):
    def status_of(path: str) -> int:
        return client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {seeded.api_key}"}).status_code

    assert (status_of("campaigns"), status_of("match")) == (200, 405)
    kept = settings.DATA_DIR / "demo-api-key"
    assert (kept.read_text().strip(), kept.stat().st_mode & 0o777) == (seeded.api_key, 0o600)


def test_new_api_key_is_created_when_the_stored_one_was_revoked(seeded, now):
    ApiKey.objects.update(revoked_at=now)
    assert data.seed(now=now).api_key != seeded.api_key


def test_second_seed_changes_nothing(seeded, now):
    before = AuditEvent.objects.count(), PhoneNumber.objects.count(), User.objects.count()
    assert data.seed(now=now) == seeded
    assert (AuditEvent.objects.count(), PhoneNumber.objects.count(), User.objects.count()) == before


def test_sample_file_has_rows_of_every_kind():
    kinds = Counter(map(classify_row, sample_rows()))
    assert sum(kinds.values()) == 500
    assert kinds["United States"] > 400
    assert min(kinds["Canada"], kinds["elsewhere"], kinds["toll_free"], kinds["PR"], kinds["no number"]) >= 4
    numbers = [parse_number(row["Phone Number"]).e164 for row in sample_rows() if classify_row(row) != "no number"]
    assert len(numbers) - len(set(numbers)) >= 10
    campaigns = Counter(row["Campaign"] for row in sample_rows())
    assert campaigns["Recall calls"] > 400
    assert campaigns[""] > 20, "more than Harbor Dental has seats for"


def sample_rows() -> list[dict[str, str]]:
    with SAMPLE_FILE.open(newline="") as file:
        return list(csv.DictReader(file))


def classify_row(row: dict[str, str]) -> str:
    try:
        number = parse_number(row["Phone Number"])
    except InvalidPhoneNumber:
        return "no number"
    if number.region not in US_REGIONS:
        return "Canada" if number.region == "CA" else "elsewhere"
    if number.region != "US":
        return number.region
    return "United States" if number.kind == "geographic" else number.kind
