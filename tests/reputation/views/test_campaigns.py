"""Outbound Dialer > Campaigns: the numbers a campaign calls from, its settings, and its default caller ID."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.audit import Context
from portal.models import AuditEvent, today_of
from reputation import campaigns
from reputation.models import Campaign, Case, PhoneNumber, Tag
from tests.factories import CampaignFactory, EngineFactory, MonitoredNumberFactory, PhoneNumberFactory

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus


@pytest.fixture
def campaign(account) -> Campaign:
    return CampaignFactory(account=account, name="Spring renewals")


def create_tag(number: PhoneNumber, *, now, state=Case.State.IN_REVIEW) -> Case:
    """A standing label of Hiya on the number, with a case in this state."""
    case = Case.objects.create(
        account=number.account,
        number=number,
        state=state,
        state_since=now,
        opened_at=now,
        deadline_at=now + timedelta(days=7),
    )
    Tag.objects.create(
        account=number.account,
        number=number,
        engine=EngineFactory(slug="hiya", name="Hiya"),
        case=case,
        detected_at=now,
    )
    PhoneNumber.objects.filter(pk=number.pk).update(spam_status=Status.IN_REMEDIATION, tagged_since=now)
    return case


def messages_in(answer) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


def page_text(answer) -> str:
    return " ".join(answer.content.decode().split())


def post_change(client, campaign, **data):
    return client.post(reverse("campaign-change", args=[campaign.pk]), data, follow=True)


def settings_data(campaign, **changed) -> dict[str, str]:
    """What the settings form sends: what it showed, and what the reader made of it."""
    shown = {"initial-name": campaign.name, "name": campaign.name}
    if campaign.automatic_matching:
        shown |= {"initial-automatic_matching": "True", "automatic_matching": "on"}
    else:
        shown |= {"initial-automatic_matching": "False"}
    limit = str(campaign.daily_limit or "")
    shown |= {"initial-daily_limit": limit, "daily_limit": limit}
    data = {"change": "settings", **shown, **changed}
    return {name: value for name, value in data.items() if value is not None}


def audit_events(campaign) -> list[tuple[str, str, str]]:
    found = AuditEvent.objects.filter(subject="campaign", subject_id=campaign.pk).order_by("pk")
    return list(found.values_list("what", "before", "after"))


# The list


def test_the_list_shows_each_campaign_with_its_numbers_and_how_many_are_tagged(as_viewer, account, campaign, now):
    for number in MonitoredNumberFactory.create_batch(3, account=account, campaign=campaign):
        create_tag(number, now=now)
    MonitoredNumberFactory.create_batch(2, account=account, campaign=campaign)
    PhoneNumberFactory(account=account, campaign=campaign, removed_at=now)
    [row] = as_viewer.get(reverse("campaigns")).context["rows"]
    assert (row.numbers, row.tagged) == (5, 3)


def test_row_12_the_list_shows_the_tag_of_a_default_caller_id_and_that_it_is_still_used(
    as_viewer, account, campaign, now
):
    number = MonitoredNumberFactory(account=account)
    create_tag(number, now=now)
    Campaign.objects.filter(pk=campaign.pk).update(default_number=number)
    page = as_viewer.get(reverse("campaigns")).content.decode()
    assert f'data-spam-alert="{number.pk}"' in page
    assert "The default is not skipped: it is still used." in page


def test_without_campaigns_the_list_says_what_one_is_and_how_to_add_one(as_admin):
    page = as_admin.get(reverse("campaigns")).content.decode()
    assert "No campaigns yet" in page
    assert reverse("campaign-add") in page


def test_a_viewer_is_offered_nothing_to_add(as_viewer):
    assert reverse("campaign-add") not in as_viewer.get(reverse("campaigns")).content.decode()


def test_another_accounts_campaigns_are_not_listed(as_admin):
    CampaignFactory(name="Somebody else's")
    assert "Somebody else" not in as_admin.get(reverse("campaigns")).content.decode()


# Adding and renaming


def test_a_campaign_is_added_and_its_page_opens(as_admin, account):
    answer = as_admin.post(
        reverse("campaign-add"), {"name": " Spring renewals ", "automatic_matching": "on"}, follow=True
    )
    campaign = Campaign.objects.get()
    assert answer.redirect_chain[-1][0] == reverse("campaign", args=[campaign.pk])
    assert (campaign.account, campaign.name, campaign.is_paused) == (account, "Spring renewals", False)
    assert campaign.automatic_matching
    assert audit_events(campaign) == [("campaign.added", "", "Spring renewals")]


def test_a_name_that_is_taken_is_refused_at_the_field_and_what_was_typed_stays(as_admin, campaign):
    answer = as_admin.post(reverse("campaign-add"), {"name": "SPRING renewals"})
    assert "already a campaign called SPRING renewals" in answer.context["form"].errors["name"][0]
    assert 'value="SPRING renewals"' in answer.content.decode()
    assert Campaign.objects.count() == 1


def test_another_account_may_use_the_same_name(as_admin):
    CampaignFactory(name="Spring renewals")
    as_admin.post(reverse("campaign-add"), {"name": "Spring renewals"})
    assert Campaign.objects.filter(name="Spring renewals").count() == 2


def test_a_campaign_needs_a_name(as_admin):
    answer = as_admin.post(reverse("campaign-add"), {"name": "  "})
    assert "Give the campaign a name" in answer.content.decode()
    assert not Campaign.objects.exists()


def test_a_campaign_is_renamed(as_admin, campaign):
    post_change(as_admin, campaign, **settings_data(campaign, name="Summer renewals"))
    campaign.refresh_from_db()
    assert campaign.name == "Summer renewals"
    assert audit_events(campaign) == [("campaign.name", "Spring renewals", "Summer renewals")]


def test_the_letters_of_its_own_name_may_change(as_admin, campaign):
    post_change(as_admin, campaign, **settings_data(campaign, name="SPRING renewals"))
    campaign.refresh_from_db()
    assert campaign.name == "SPRING renewals"


def test_renaming_to_a_name_that_is_taken_is_refused_at_the_field(as_admin, account, campaign):
    CampaignFactory(account=account, name="Winter")
    answer = post_change(as_admin, campaign, **settings_data(campaign, name="winter"))
    assert "already a campaign called winter" in answer.context["form"].errors["name"][0]
    assert 'value="winter"' in answer.content.decode()
    assert audit_events(campaign) == []


def test_a_rename_on_a_page_opened_before_another_rename_changes_nothing(as_admin, campaign, actor, now):
    old_page = settings_data(campaign, name="Summer")
    campaigns.rename(campaign, name="Autumn", shown="Spring renewals", context=Context(actor, now))
    answer = post_change(as_admin, campaign, **old_page)
    campaign.refresh_from_db()
    assert campaign.name == "Autumn"
    assert "renamed it to Autumn meanwhile" in messages_in(answer)


def test_saving_an_old_page_keeps_what_its_reader_did_not_touch(as_admin, campaign, actor, now):
    old_page = settings_data(campaign, automatic_matching=None)
    campaigns.rename(campaign, name="Autumn", shown="Spring renewals", context=Context(actor, now))
    post_change(as_admin, campaign, **old_page)
    campaign.refresh_from_db()
    assert (campaign.name, campaign.automatic_matching) == ("Autumn", False)


def test_saving_without_a_change_says_so_and_writes_no_event(as_admin, campaign):
    assert "nothing was changed" in messages_in(post_change(as_admin, campaign, **settings_data(campaign)))
    assert audit_events(campaign) == []


# Pausing, and matching


def test_a_campaign_is_paused_and_resumed(as_admin, campaign):
    post_change(as_admin, campaign, change="pause")
    campaign.refresh_from_db()
    assert campaign.is_paused
    post_change(as_admin, campaign, change="resume")
    campaign.refresh_from_db()
    assert not campaign.is_paused
    assert [what for what, *_ in audit_events(campaign)] == ["campaign.paused", "campaign.resumed"]


def test_pausing_twice_does_it_once_and_says_so(as_admin, campaign):
    post_change(as_admin, campaign, change="pause")
    assert "It was paused." in messages_in(post_change(as_admin, campaign, change="pause"))
    assert len(audit_events(campaign)) == 1


def test_automatic_matching_is_switched_off_and_on(as_admin, campaign):
    post_change(as_admin, campaign, **settings_data(campaign, automatic_matching=None))
    campaign.refresh_from_db()
    assert not campaign.automatic_matching
    post_change(as_admin, campaign, **settings_data(campaign, automatic_matching="on"))
    campaign.refresh_from_db()
    assert campaign.automatic_matching
    assert [what for what, *_ in audit_events(campaign)] == ["campaign.matching_off", "campaign.matching_on"]


def test_the_page_explains_what_automatic_matching_does(as_admin, campaign):
    page = page_text(as_admin.get(reverse("campaign", args=[campaign.pk])))
    assert "tagged numbers are skipped until their tag is gone" in page
    assert "Off: every call shows the default caller ID." in page


def test_without_matching_and_without_a_default_the_page_says_that_calls_have_no_caller_id(as_admin, campaign):
    Campaign.objects.filter(pk=campaign.pk).update(automatic_matching=False)
    assert "Calls have no caller ID to show." in as_admin.get(reverse("campaign", args=[campaign.pk])).content.decode()


def test_a_viewer_sees_the_settings_and_can_change_none(as_viewer, campaign):
    page = as_viewer.get(reverse("campaign", args=[campaign.pk])).content.decode()
    assert "Automatic caller ID matching" in page
    assert reverse("campaign-change", args=[campaign.pk]) not in page
    assert post_change(as_viewer, campaign, change="pause").status_code == 403
    assert as_viewer.get(reverse("campaign-default", args=[campaign.pk])).status_code == 403
    assert as_viewer.get(reverse("campaign-assign", args=[campaign.pk])).status_code == 403
    campaign.refresh_from_db()
    assert not campaign.is_paused


def test_a_viewer_reads_what_automatic_matching_does(as_viewer, campaign):
    page = reverse("campaign", args=[campaign.pk])
    assert "On: a call shows a number that is local to the called person, and tagged numbers are skipped.</dd>" in (
        page_text(as_viewer.get(page))
    )
    Campaign.objects.update(automatic_matching=False)
    assert "<dd>Off: every call shows the default caller ID.</dd>" in page_text(as_viewer.get(page))


def test_a_change_that_does_not_exist_is_not_found(as_admin, campaign):
    assert post_change(as_admin, campaign, change="explode").status_code == 404


def test_another_accounts_campaign_is_not_found(as_admin):
    foreign = CampaignFactory()
    for name in ("campaign", "campaign-default", "campaign-assign"):
        assert as_admin.get(reverse(name, args=[foreign.pk])).status_code == 404
    assert post_change(as_admin, foreign, change="pause").status_code == 404


# The daily limit


def test_a_daily_limit_is_set_changed_and_taken_back(as_admin, campaign):
    for typed, limit in (("75", 75), ("100", 100), ("", None)):
        post_change(as_admin, campaign, **settings_data(campaign, daily_limit=typed))
        campaign.refresh_from_db()
        assert campaign.daily_limit == limit
    assert audit_events(campaign) == [
        ("campaign.daily_limit", "none", "75"),
        ("campaign.daily_limit", "75", "100"),
        ("campaign.daily_limit", "100", "none"),
    ]


def test_the_audit_trail_says_the_limit_in_words(as_admin, campaign):
    post_change(as_admin, campaign, **settings_data(campaign, daily_limit="75"))
    page = page_text(as_admin.get(reverse("audit-trail")))
    assert "Daily limit of calls per number changed" in page
    assert '<td data-label="Before">none</td> <td data-label="After">75</td>' in page


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("0", "A limit is at least 1 call a day."),
        ("-5", "A limit is at least 1 call a day."),
        ("many", "Write a whole number, such as 75"),
        ("1.5", "Write a whole number, such as 75"),
        ("99999999999999999999", "A limit is at most 1,000,000 calls a day."),
    ],
)
def test_what_is_no_limit_is_refused_at_the_field_and_stays_in_it(as_admin, campaign, typed, said):
    answer = post_change(as_admin, campaign, **settings_data(campaign, daily_limit=typed, name="Summer"))
    assert said in answer.context["form"].errors["daily_limit"][0]
    assert f'name="daily_limit" value="{typed}"' in answer.content.decode()
    assert audit_events(campaign) == []


def test_a_limit_on_a_page_opened_before_another_change_is_not_saved_and_neither_is_the_rest(
    as_admin, campaign, actor, now
):
    old_page = settings_data(campaign, daily_limit="75", name="Summer renewals")
    campaigns.set_daily_limit(campaign, calls=50, shown=None, context=Context(actor, now))
    answer = post_change(as_admin, campaign, **old_page)
    assert "The daily limit was changed meanwhile: it is 50 calls. Nothing else was changed." in messages_in(answer)
    campaign.refresh_from_db()
    assert (campaign.daily_limit, campaign.name) == (50, "Spring renewals")


def test_saving_an_old_page_keeps_a_limit_that_its_reader_did_not_touch(as_admin, campaign, actor, now):
    old_page = settings_data(campaign, name="Summer renewals")
    campaigns.set_daily_limit(campaign, calls=50, shown=None, context=Context(actor, now))
    post_change(as_admin, campaign, **old_page)
    campaign.refresh_from_db()
    assert (campaign.daily_limit, campaign.name) == (50, "Summer renewals")


def test_a_campaign_is_added_with_a_daily_limit(as_admin):
    as_admin.post(reverse("campaign-add"), {"name": "Spring renewals", "daily_limit": "75"})
    assert Campaign.objects.get().daily_limit == 75


def test_a_viewer_sees_the_limit(as_viewer, campaign):
    page = reverse("campaign", args=[campaign.pk])
    assert "<dt>Daily limit</dt><dd>none</dd>" in page_text(as_viewer.get(page))
    Campaign.objects.update(daily_limit=1_200)
    assert "<dt>Daily limit</dt><dd>1,200 calls per number</dd>" in page_text(as_viewer.get(page))


@pytest.mark.parametrize("page", ["campaign", "number-reputation", "phone-numbers", "number"])
def test_a_number_that_reached_its_limit_today_is_said_to_where_it_is_shown(as_viewer, account, campaign, now, page):
    Campaign.objects.update(daily_limit=5)
    number = PhoneNumberFactory(account=account, campaign=campaign, exhausted_on=today_of(account, now))
    of = {"campaign": [campaign.pk], "number": [number.pk]}.get(page, [])
    said = "Daily limit reached today:"
    assert f"{said} not shown until tomorrow" in page_text(as_viewer.get(reverse(page, args=of)))
    Campaign.objects.update(default_number=number)
    assert f"{said} shown only as the default until tomorrow" in page_text(as_viewer.get(reverse(page, args=of)))
    PhoneNumber.objects.update(exhausted_on=today_of(account, now) - timedelta(days=1))
    assert said not in page_text(as_viewer.get(reverse(page, args=of)))


# The default caller ID: row 14 of the specification's table


def test_row_14_a_tagged_default_caller_id_is_not_skipped_and_the_page_warns_that_it_is_still_used(
    as_viewer, account, campaign, now
):
    number = MonitoredNumberFactory(account=account, campaign=campaign)
    case = create_tag(number, now=now)
    Campaign.objects.filter(pk=campaign.pk).update(default_number=number)
    page = page_text(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    assert "is labelled as spam by Hiya" in page
    assert "Automatic matching skips tagged numbers, but never the default" in page
    assert "calls will still show it" in page
    assert reverse("case", args=[case.pk]) in page


def test_the_warning_goes_when_the_tag_is_cleared(as_viewer, account, campaign, now):
    number = MonitoredNumberFactory(account=account)
    create_tag(number, now=now)
    Campaign.objects.filter(pk=campaign.pk).update(default_number=number)
    PhoneNumber.objects.update(spam_status=Status.CLEAN, fresh_until=now + timedelta(days=1))
    assert "labelled as spam" not in as_viewer.get(reverse("campaign", args=[campaign.pk])).content.decode()


def test_a_tagged_default_with_matching_off_is_said_to_be_shown_by_every_call(as_viewer, account, campaign, now):
    number = MonitoredNumberFactory(account=account)
    create_tag(number, now=now)
    Campaign.objects.filter(pk=campaign.pk).update(default_number=number, automatic_matching=False)
    page = page_text(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    assert "automatic matching is off: every call will still show it" in page


def test_row_12_the_campaign_page_says_how_many_of_its_numbers_are_tagged_and_leads_to_them(
    as_viewer, account, campaign, now
):
    for number in MonitoredNumberFactory.create_batch(2, account=account, campaign=campaign):
        create_tag(number, now=now)
    MonitoredNumberFactory.create_batch(3, account=account, campaign=campaign)
    page = page_text(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    assert "2 of 5 numbers are tagged" in page
    assert 'href="?status=in_remediation#numbers">2 in remediation</a>' in page


def test_any_number_of_the_account_is_found_by_a_part_of_it_or_of_its_label(as_admin, account, campaign):
    PhoneNumberFactory(account=account, e164="+12065550143", label="Front desk")
    PhoneNumberFactory(account=account, e164="+13035550199")
    PhoneNumberFactory(e164="+12065550143", label="Front desk of another account")
    url = reverse("campaign-default", args=[campaign.pk])
    for typed in ("206 555", "(206) 555-01", "front"):
        offered = as_admin.get(url, {"find": typed}).context["offered"]
        assert [row.number.e164 for row in offered] == ["+12065550143"], typed


def test_to_htmx_the_search_answers_with_the_results_alone(as_admin, account, campaign):
    PhoneNumberFactory(account=account, e164="+12065550143")
    url = reverse("campaign-default", args=[campaign.pk])
    page = as_admin.get(url, {"find": "206"}, headers={"HX-Request": "true"}).content.decode()
    assert "(206) 555-0143" in page
    assert "<html" not in page


def test_however_many_numbers_match_ten_are_offered(as_admin, account, campaign):
    PhoneNumberFactory.create_batch(30, account=account)
    answer = as_admin.get(reverse("campaign-default", args=[campaign.pk]), {"find": "206"})
    assert len(answer.context["offered"]) == 10
    assert "the first 10; type more to narrow them down" in page_text(answer)


def test_without_a_search_untagged_numbers_of_the_campaign_are_offered(as_admin, account, campaign, now):
    create_tag(MonitoredNumberFactory(account=account, campaign=campaign), now=now)
    clean = MonitoredNumberFactory(account=account, campaign=campaign)
    PhoneNumberFactory(account=account)
    offered = as_admin.get(reverse("campaign-default", args=[campaign.pk])).context["offered"]
    assert [row.number for row in offered] == [clean]


def test_a_tagged_number_can_be_chosen_but_is_said_to_be_used_all_the_same(as_admin, account, campaign, now):
    number = MonitoredNumberFactory(account=account)
    create_tag(number, now=now)
    answer = as_admin.get(reverse("campaign-default", args=[campaign.pk]), {"find": number.e164})
    assert "Tagged, and it would still be used." in answer.content.decode()


def test_the_default_caller_id_is_chosen_and_taken_back(as_admin, account, campaign):
    number = PhoneNumberFactory(account=account)
    post_change(as_admin, campaign, change="default", number=number.pk, shown="")
    campaign.refresh_from_db()
    assert campaign.default_number == number
    post_change(as_admin, campaign, change="default", number="", shown=number.pk)
    campaign.refresh_from_db()
    assert campaign.default_number is None
    assert audit_events(campaign) == [("campaign.default", "", number.e164), ("campaign.default", number.e164, "")]


def test_a_choice_on_a_page_opened_before_another_choice_changes_nothing(as_admin, account, campaign, actor, now):
    first, second = PhoneNumberFactory.create_batch(2, account=account)
    campaigns.set_default_number(campaign, number=first.pk, shown=None, context=Context(actor, now))
    answer = post_change(as_admin, campaign, change="default", number=second.pk, shown="")
    campaign.refresh_from_db()
    assert campaign.default_number == first
    assert "changed meanwhile" in messages_in(answer)


@pytest.mark.parametrize("of", ["another account", "the removed"])
def test_a_number_that_is_not_the_accounts_cannot_be_the_default(as_admin, account, campaign, now, of):
    number = PhoneNumberFactory() if of == "another account" else PhoneNumberFactory(account=account, removed_at=now)
    answer = post_change(as_admin, campaign, change="default", number=number.pk, shown="")
    campaign.refresh_from_db()
    assert campaign.default_number is None
    assert "no longer, one of the account" in messages_in(answer)


def test_a_premium_number_cannot_be_the_default(as_admin, account, campaign):
    number = PhoneNumberFactory(account=account, kind="premium")
    assert "cannot be shown as a caller ID" in messages_in(
        post_change(as_admin, campaign, change="default", number=number.pk)
    )
    offered = as_admin.get(reverse("campaign-default", args=[campaign.pk]), {"find": number.e164}).context["offered"]
    assert offered == []


def test_a_default_that_is_removed_from_the_account_is_forgotten(as_admin, account, campaign, actor, now):
    number = PhoneNumberFactory(account=account)
    campaigns.set_default_number(campaign, number=number.pk, shown=None, context=Context(actor, now))
    campaigns.clear_default_numbers([number.pk], context=Context(actor, now))
    campaign.refresh_from_db()
    assert campaign.default_number is None
    assert audit_events(campaign)[-1] == ("campaign.default", number.e164, "")


def test_a_default_that_was_removed_is_shown_as_none(as_viewer, account, campaign, now):
    Campaign.objects.filter(pk=campaign.pk).update(default_number=PhoneNumberFactory(account=account, removed_at=now))
    answer = as_viewer.get(reverse("campaign", args=[campaign.pk]))
    assert answer.context["default"] is None


# Its numbers


def test_the_page_shows_the_campaigns_numbers_and_no_others(as_viewer, account, campaign):
    inside = PhoneNumberFactory(account=account, campaign=campaign)
    PhoneNumberFactory(account=account)
    table = as_viewer.get(reverse("campaign", args=[campaign.pk])).context["table"]
    assert [row.number for row in table.rows] == [inside]


def test_numbers_to_add_are_those_that_are_not_in_the_campaign(as_admin, account, campaign):
    PhoneNumberFactory(account=account, campaign=campaign)
    free = PhoneNumberFactory(account=account)
    elsewhere = PhoneNumberFactory(account=account, campaign=CampaignFactory(account=account))
    table = as_admin.get(reverse("campaign-assign", args=[campaign.pk])).context["table"]
    assert {row.number for row in table.rows} == {free, elsewhere}


def test_when_all_numbers_are_in_the_campaign_the_page_says_so(as_admin, account, campaign):
    PhoneNumberFactory(account=account, campaign=campaign)
    assert "No numbers left to add" in as_admin.get(reverse("campaign-assign", args=[campaign.pk])).content.decode()


def test_assigning_moves_numbers_and_writes_an_event_for_each(account, campaign, actor, now):
    other = CampaignFactory(account=account, name="Winter")
    moved = PhoneNumberFactory(account=account, campaign=other)
    already = PhoneNumberFactory(account=account, campaign=campaign)
    foreign = PhoneNumberFactory()
    ids = [moved.pk, already.pk, foreign.pk]
    assert campaigns.assign(ids, campaign=campaign, context=Context(actor, now)) == [moved.pk]
    event = AuditEvent.objects.get(what="number.campaign")
    assert (event.subject_id, event.before, event.after) == (moved.pk, "Winter", "Spring renewals")
    foreign.refresh_from_db()
    assert foreign.campaign is None


def test_unassigning_takes_numbers_out_of_their_campaign(account, campaign, actor, now):
    number = PhoneNumberFactory(account=account, campaign=campaign)
    assert campaigns.unassign([number.pk], account_id=account.pk, context=Context(actor, now)) == [number.pk]
    number.refresh_from_db()
    assert number.campaign is None


# The number of queries


def count_queries(client, url) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def test_the_list_asks_as_much_for_5_campaigns_as_for_500(as_admin, account, now):
    def more(count):
        for _ in range(count):
            number = MonitoredNumberFactory(account=account)
            CampaignFactory(account=account, default_number=number)
        create_tag(number, now=now)

    more(5)
    url = reverse("campaigns")
    count_queries(as_admin, url)
    few = count_queries(as_admin, url)
    more(495)
    assert count_queries(as_admin, url) == few


@pytest.mark.parametrize("page", ["campaign", "campaign-assign", "campaign-default"])
def test_a_campaigns_pages_ask_as_much_for_5_numbers_as_for_500(as_admin, account, now, page):
    campaign = CampaignFactory(account=account)
    outside = CampaignFactory(account=account) if page == "campaign-assign" else campaign

    def more(count):
        numbers = MonitoredNumberFactory.create_batch(count, account=account, campaign=outside)
        create_tag(numbers[0], now=now)
        MonitoredNumberFactory(account=account, campaign=outside, capability=PhoneNumber.Capability.VERIFYING)

    more(5)
    Campaign.objects.filter(pk=campaign.pk).update(default_number=PhoneNumber.objects.tagged().first())
    url = reverse(page, args=[campaign.pk])
    count_queries(as_admin, url)
    few = count_queries(as_admin, url)
    more(495)
    assert count_queries(as_admin, url) == few
