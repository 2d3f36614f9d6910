"""What a campaign does when its local numbers are labelled: its settings, *Try it*, and the API."""

from __future__ import annotations

import pytest
from django.urls import reverse

from reputation.models import Campaign
from reputation.monitoring.carriers import create_known_engines
from reputation.views.campaigns.forms import WHEN_ALL_LABELLED_EXPLANATIONS
from tests.factories import CampaignFactory, PhoneNumberFactory, TagFactory
from tests.reputation.api.helpers import send_request
from tests.reputation.views.campaign_pages import audit_events, post_change, settings_data
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

Choice = Campaign.WhenAllLabelled


@pytest.fixture
def campaign(account) -> Campaign:
    create_known_engines()
    return CampaignFactory(account=account, name="Spring renewals")


@pytest.fixture
def labelled_number(account, campaign):
    number = PhoneNumberFactory(account=account, campaign=campaign, e164="+12063551000", spam_status="tagged")
    TagFactory(number=number, carrier="T-Mobile")
    return number


def try_call(client, campaign: Campaign, **query: str) -> str:
    page = client.get(reverse("campaign", args=[campaign.pk]), {"call": "(206) 355-0199", **query})
    return " ".join(get_html(page).split())


def test_a_new_campaign_has_the_choices_of_the_specification(as_admin):
    as_admin.post(reverse("campaign-add"), {"name": "Renewals"})
    campaign = Campaign.objects.get()
    assert (campaign.when_all_labelled, campaign.shows_on_other_networks) == (Choice.DEFAULT, False)


def test_settings_explain_each_choice_to_admins_and_the_chosen_one_to_viewers(as_admin, as_viewer, campaign):
    address = reverse("campaign", args=[campaign.pk])
    page = " ".join(get_html(as_admin.get(address)).split()).replace("&#x27;", "'")
    for choice, explanation in WHEN_ALL_LABELLED_EXPLANATIONS.items():
        assert choice.label in page
        assert explanation in page
    page = " ".join(get_html(as_viewer.get(address)).split()).replace("&#x27;", "'")
    assert WHEN_ALL_LABELLED_EXPLANATIONS[Choice.DEFAULT] in page
    assert 'name="when_all_labelled"' not in page


def test_choices_are_changed_recorded_and_kept(as_admin, campaign):
    shown = {"initial-when_all_labelled": "default", "when_all_labelled": "no_call"}
    allowed = {"initial-shows_on_other_networks": "False", "shows_on_other_networks": "on"}
    post_change(as_admin, campaign, **settings_data(campaign, **shown, **allowed))
    campaign.refresh_from_db()
    assert (campaign.when_all_labelled, campaign.shows_on_other_networks) == (Choice.NO_CALL, True)
    assert audit_events(campaign) == [
        ("campaign.when_labelled", "Same State, then the default caller ID", "No call"),
        ("campaign.other_networks_on", "", ""),
    ]
    page = get_html(as_admin.get(reverse("campaign", args=[campaign.pk])))
    assert 'value="no_call" id="id_when_all_labelled_2" checked' in page.replace('" required', '"')


def test_a_stale_page_that_changes_something_else_overwrites_no_choice(as_admin, campaign):
    stale = {"initial-when_all_labelled": "default", "when_all_labelled": "default", "daily_limit": "5"}
    Campaign.objects.update(when_all_labelled=Choice.LEAST_BAD)
    post_change(as_admin, campaign, **settings_data(campaign, **stale))
    campaign.refresh_from_db()
    assert (campaign.when_all_labelled, campaign.daily_limit) == (Choice.LEAST_BAD, 5)


def test_an_unknown_choice_is_refused(as_admin, campaign):
    answer = post_change(as_admin, campaign, **settings_data(campaign, when_all_labelled="all"))
    assert "when_all_labelled" in answer.context["form"].errors
    assert audit_events(campaign) == []


def test_try_it_says_why_a_labelled_number_is_shown(as_viewer, campaign, labelled_number):
    Campaign.objects.update(when_all_labelled=Choice.LEAST_BAD)
    page = try_call(as_viewer, campaign)
    assert "and this one has the least bad label." in page
    assert "Shown though labelled" in page


def test_try_it_explains_that_no_call_is_made(as_viewer, campaign, labelled_number):
    Campaign.objects.update(when_all_labelled=Choice.NO_CALL)
    page = try_call(as_viewer, campaign)
    assert "shows <strong>no caller ID</strong>." in page
    assert "the campaign is to make no call then." in page


def test_try_it_takes_the_carrier_and_says_if_it_changes_nothing(as_viewer, campaign, labelled_number):
    assert "The network changes nothing" in try_call(as_viewer, campaign, carrier="Verizon")
    Campaign.objects.update(shows_on_other_networks=True)
    page = try_call(as_viewer, campaign, carrier="Verizon")
    assert "It is labelled on one network only, and the called person uses another one." in page
    assert 'name="carrier" value="Verizon"' in page
    page = try_call(as_viewer, campaign, carrier="Mint <Mobile>")
    assert "does not know which engine labels calls of Mint &lt;Mobile&gt;" in page


# API


def test_api_shows_and_changes_the_choices(api_client, campaign):
    address = f"/campaigns/{campaign.pk}"
    seen = send_request(api_client, "PATCH", address, {"name": "Other"})
    assert (seen.json()["when_all_labelled"], seen.json()["shows_on_other_networks"]) == ("default", False)
    change = {"when_all_labelled": "least_bad", "shows_on_other_networks": True}
    changed = send_request(api_client, "PATCH", address, change)
    assert {name: changed.json()[name] for name in change} == change
    assert changed.headers["ETag"] != seen.headers["ETag"]
    assert send_request(api_client, "PATCH", address, {"when_all_labelled": "all"}).status_code == 422


def test_api_adds_a_campaign_with_the_choices(api_client):
    choices = {"when_all_labelled": "no_call", "shows_on_other_networks": True}
    added = send_request(api_client, "POST", "/campaigns", {"name": "Renewals", **choices})
    assert added.status_code == 201
    assert {name: added.json()[name] for name in choices} == choices
    seen = send_request(api_client, "POST", "/campaigns", {"name": "Spring"}).json()
    assert (seen["when_all_labelled"], seen["shows_on_other_networks"]) == ("default", False)
    refused = send_request(api_client, "POST", "/campaigns", {"name": "Autumn", "when_all_labelled": "all"})
    assert (refused.status_code, refused.json()["errors"][0]["where"]) == (422, "body.when_all_labelled")


def test_match_takes_the_carrier_of_the_call(api_client, campaign, labelled_number):
    Campaign.objects.update(shows_on_other_networks=True)

    def ask(**fields: object) -> dict:
        body = {"campaign_id": campaign.pk, "called": "+12063550199", **fields}
        return api_client.post("/api/v1/match", body, content_type="application/json").json()

    shown = ask(called_carrier="verizon")
    assert (shown["caller_id"], shown["because"], shown["is_tagged"]) == ("+12063551000", "labelled_elsewhere", True)
    for fields in ({}, {"called_carrier": None}, {"called_carrier": ""}, {"called_carrier": "T-Mobile"}):
        assert (ask(**fields)["caller_id"], ask(**fields)["because"]) == (None, "local_numbers_skipped")
    assert ask(called_carrier="x" * 61)["errors"][0]["where"] == "body.called_carrier"


def test_match_answers_that_no_call_is_to_be_made(api_client, campaign, labelled_number):
    Campaign.objects.update(when_all_labelled=Choice.NO_CALL)
    body = {"campaign_id": campaign.pk, "called": "+12063550199"}
    said = api_client.post("/api/v1/match", body, content_type="application/json").json()
    assert (said["caller_id"], said["basis"], said["because"]) == (None, "none", "all_labelled")
