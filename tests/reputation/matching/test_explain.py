"""*Try it*: the number that a call would show, and the candidates in order. Nothing is changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import strip_tags

from portal.audit import Context
from portal.phone.numbers import InvalidPhoneNumber
from reputation import campaigns
from reputation.matching.explain import ADVICE, MAX_CANDIDATES, MatchExplanation, explain_match, get_place_name
from reputation.matching.match import REASONS, match
from reputation.matching.recorder import flush
from reputation.matching.tiers import Basis
from reputation.models import Campaign, CampaignCalls, NumberCalls, PhoneNumber
from tests.factories import CampaignFactory, EngineFactory, PhoneNumberFactory, TagFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

CALLED = "(206) 355-0199"
SAME_EXCHANGE, SAME_AREA, SAME_STATE, ELSEWHERE = "+12063551000", "+12064551000", "+15093551000", "+13053551000"
Status = PhoneNumber.SpamStatus


@pytest.fixture
def campaign(account) -> Campaign:
    return CampaignFactory(account=account, name="Spring renewals")


@pytest.fixture
def add_number(account, campaign):
    """Return a function that adds a number to the campaign."""

    def add(e164: str, **fields: object) -> PhoneNumber:
        return PhoneNumberFactory(**{"account": account, "campaign": campaign, "e164": e164} | fields)

    return add


@pytest.fixture
def explain_call(campaign, now):
    def ask(called: str = CALLED) -> MatchExplanation:
        return explain_match(Campaign.objects.select_related("default_number").get(pk=campaign.pk), called, now)

    return ask


@pytest.fixture
def campaign_page(campaign):
    """Return a function that reads the campaign page for a call, as one line."""

    def read(client, called: str = CALLED) -> str:
        answer = client.get(reverse("campaign", args=[campaign.pk]), {"call": called})
        return " ".join(get_html(answer).split())

    return read


def set_default(campaign: Campaign, add_number: PhoneNumber) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(default_number=add_number)


def candidate_outcomes(explanation: MatchExplanation) -> list[tuple[str, str, str]]:
    return [
        (candidate.row.number.e164, tier.basis.value, candidate.outcome.value)
        for tier in explanation.tiers
        for candidate in tier.candidates
    ]


# Result and candidates


def test_candidates_are_listed_in_order_with_their_outcome(add_number, explain_call, campaign):
    add_number(SAME_EXCHANGE, spam_status=Status.TAGGED)
    shown, waiting = add_number(SAME_AREA), add_number("+12064552000")
    add_number(SAME_STATE)
    set_default(campaign, add_number(ELSEWHERE))
    explanation = explain_call()
    assert explanation.result.basis == Basis.AREA_CODE
    first, second = (shown, waiting) if explanation.result.number_id == shown.pk else (waiting, shown)
    assert candidate_outcomes(explanation) == [
        (SAME_EXCHANGE, "exchange", "skipped"),
        (first.e164, "area_code", "shown"),
        (second.e164, "area_code", "waits"),
        (SAME_STATE, "state", "not_reached"),
        (ELSEWHERE, "default", "not_reached"),
    ]


def test_candidates_are_in_the_order_of_rotation(add_number, explain_call, campaign, now):
    for place in range(5):
        add_number(f"+1206455{1000 + place}")
    explanation = explain_call()
    order = [e164 for e164, *_ in candidate_outcomes(explanation)]
    turns = [
        match(account_id=campaign.account_id, campaign_id=campaign.pk, called_number=CALLED, now=now).caller_id
        for _ in range(5)
    ]
    assert order == turns
    assert explain_call().result.caller_id == turns[0], "after one round it is the first one's turn again"


def test_each_number_is_in_one_tier(add_number, explain_call):
    for place in range(3):
        add_number(f"+1206355{1000 + place}", spam_status=Status.TAGGED)
    for e164 in ("+12063549999", "+12063560000", "+12062010000", "+12069999999"):
        add_number(e164)
    explanation = explain_call()
    assert [len(tier.candidates) for tier in explanation.tiers] == [3, 4]
    assert len({e164 for e164, *_ in candidate_outcomes(explanation)}) == 7


def test_ten_candidates_of_a_tier_are_listed_including_the_shown_one_and_the_rest_is_counted(
    add_number, explain_call, campaign, now
):
    for place in range(30):
        add_number(f"+1206455{1000 + place}", spam_status=Status.TAGGED)
    shown = add_number("+12064559000")
    # It was shown last, so all others come before it.
    match(account_id=campaign.account_id, campaign_id=campaign.pk, called_number=CALLED, now=now)
    [tier] = explain_call().tiers
    assert (len(tier.candidates), tier.remaining) == (MAX_CANDIDATES, 31 - MAX_CANDIDATES)
    assert [candidate.row.number.pk for candidate in tier.candidates if candidate.outcome == "shown"] == [shown.pk]


def test_a_number_at_its_daily_limit_is_skipped(add_number, explain_call, campaign, now, actor):
    campaigns.set_daily_limit(campaign, limit=1, expected_limit=None, context=Context(actor, now))
    add_number(SAME_EXCHANGE)
    add_number(SAME_AREA)
    match(account_id=campaign.account_id, campaign_id=campaign.pk, called_number=CALLED, now=now)
    assert candidate_outcomes(explain_call()) == [
        (SAME_EXCHANGE, "exchange", "skipped"),
        (SAME_AREA, "area_code", "shown"),
    ]
    tomorrow = explain_match(campaign, CALLED, now + timedelta(days=1))
    assert candidate_outcomes(tomorrow)[0] == (SAME_EXCHANGE, "exchange", "shown")


def test_only_the_default_is_a_candidate_when_matching_does_not_apply(add_number, explain_call, campaign):
    add_number(SAME_EXCHANGE)
    set_default(campaign, add_number(ELSEWHERE))
    assert candidate_outcomes(explain_call("+442079460958")) == [(ELSEWHERE, "default", "shown")]
    Campaign.objects.update(automatic_matching=False)
    assert candidate_outcomes(explain_call()) == [(ELSEWHERE, "default", "shown")]
    Campaign.objects.update(is_paused=True)
    assert candidate_outcomes(explain_call()) == []


def test_tagged_default_is_listed_as_skipped_number_and_as_shown_default(add_number, explain_call, campaign):
    set_default(campaign, add_number(SAME_AREA, spam_status=Status.TAGGED))
    assert candidate_outcomes(explain_call()) == [(SAME_AREA, "area_code", "skipped"), (SAME_AREA, "default", "shown")]


def test_removed_default_is_not_a_candidate(add_number, explain_call, campaign, now):
    set_default(campaign, add_number(ELSEWHERE, removed_at=now))
    assert candidate_outcomes(explain_call()) == []


@pytest.mark.parametrize("called", ["", "911", "call me", "x" * 100])
def test_invalid_called_number_is_refused(explain_call, called):
    with pytest.raises(InvalidPhoneNumber):
        explain_call(called)


@pytest.mark.parametrize(
    ("e164", "place"),
    [("+12063550199", "Washington"), ("+17873550199", "Puerto Rico"), ("+18002345678", ""), ("+14165550123", "Canada")],
)
def test_place_of_the_called_number_is_named(e164, place):
    assert get_place_name(e164) == place


def test_every_reason_has_advice():
    assert set(ADVICE) == set(REASONS) - {""}


# Nothing changes


def test_explaining_a_call_changes_nothing(as_viewer, add_number, campaign_page, campaign, now, actor):
    campaigns.set_daily_limit(campaign, limit=5, expected_limit=None, context=Context(actor, now))
    for place in range(3):
        add_number(f"+1206455{1000 + place}")
    before = list(PhoneNumber.objects.order_by("pk").values()), list(Campaign.objects.values())
    sentences = {campaign_page(as_viewer).partition(" shows ")[2].partition("</p>")[0] for _ in range(3)}
    assert len(sentences) == 1, "no turn is over"
    assert (list(PhoneNumber.objects.order_by("pk").values()), list(Campaign.objects.values())) == before
    flush()
    assert not NumberCalls.objects.exists()
    assert not CampaignCalls.objects.exists()


def test_query_count_is_the_same_for_5_and_500_numbers(add_number, explain_call, campaign):
    add = iter(range(1000))

    def more(count: int) -> None:
        for _ in range(count):
            place = next(add)
            prefix = ("+1206355", "+1206455", "+1509355")[place % 3]
            add_number(f"{prefix}{place:04}", spam_status=Status.TAGGED if place % 2 else Status.CLEAN)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            explain_call()
        return len(queries)

    more(6)
    set_default(campaign, add_number(ELSEWHERE))
    few = cost()
    more(494)
    assert cost() == few


# The page


def test_viewer_can_try_a_call_and_reads_the_result_as_a_sentence(as_viewer, add_number, campaign_page):
    add_number(SAME_AREA)
    text = campaign_page(as_viewer)
    sentence = "A call to (206) 355-0199 (Washington) shows (206) 455-1000: same area code."
    assert sentence in strip_tags(text)
    assert "Next in turn" in text
    assert 'value="(206) 355-0199"' in text


def test_skipped_number_names_the_engine_and_date_of_its_tag(as_viewer, account, add_number, campaign_page, now):
    noon_in_new_york = now.replace(hour=17) - timedelta(days=3)
    tagged = add_number(SAME_AREA, spam_status=Status.TAGGED, tagged_since=noon_in_new_york)
    TagFactory(account=account, number=tagged, engine=EngineFactory(slug="hiya", name="Hiya"))
    text = campaign_page(as_viewer)
    assert "Tagged by Hiya since <time" in text
    assert "shows <strong>no caller ID</strong>" in text
    assert f">{date_format(noon_in_new_york, 'j M')}</time></span>" in text


def test_default_is_shown_with_the_reason_and_its_tag(as_viewer, add_number, campaign_page, campaign):
    set_default(campaign, add_number(ELSEWHERE, spam_status=Status.TAGGED, campaign=None))
    text = campaign_page(as_viewer)
    assert "the default caller ID. The campaign has no number in the called person&#x27;s State." in text
    assert "It is tagged, and shown all the same: the default is not skipped." in text
    assert "It is not one of the campaign’s numbers." in text
    assert "Default: shown though tagged" in text


def test_result_without_a_caller_id_has_the_reason_and_advice(as_viewer, campaign, campaign_page):
    assert "Add a number of that State, or choose a default caller ID." in campaign_page(as_viewer)
    Campaign.objects.update(is_paused=True)
    text = campaign_page(as_viewer)
    assert "shows <strong>no caller ID</strong>. The campaign is paused" in text
    assert "Resume the campaign to call for it again." in text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("911", "Digits are missing"),
        ("555-0143", "The area code is missing"),
        ("call me", "This is not a phone number"),
        ("", "Write"),
    ],
)
def test_invalid_number_shows_an_error_at_the_field_and_stays_in_it(as_viewer, add_number, campaign_page, typed, said):
    add_number(SAME_AREA)
    text = campaign_page(as_viewer, typed)
    assert f'<ul class="error" id="id_call_error"><li>{said}' in text
    assert "aria-invalid" in text
    if typed:
        assert f'value="{typed}"' in text
    assert "A call to" not in text


def test_page_without_a_called_number_shows_no_error(as_viewer, campaign):
    text = get_html(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    assert "Type a number as you would dial it." in text
    assert "aria-invalid" not in text
