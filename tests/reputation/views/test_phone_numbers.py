"""Number Management > Phone Numbers: list, search, edit, remove."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.audit import Context
from portal.models import AuditEvent
from reputation import phone_numbers
from reputation.models import Campaign, Case, PhoneNumber, Tag
from tests.factories import (
    AccountFactory,
    CampaignFactory,
    CaseFactory,
    EngineFactory,
    MemberFactory,
    MonitoredNumberFactory,
    PhoneNumberFactory,
)
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

PAGE = reverse("phone-numbers")
ADD = reverse("phone-number-add")


def audit_events(code: str) -> list[tuple[str, str]]:
    return list(AuditEvent.objects.filter(code=code).order_by("pk").values_list("before", "after"))


def post_number(client, number: str, **fields):
    return client.post(ADD, {"number": number, "source": "native", **fields}, follow=True)


class TestList:
    def test_list_shows_the_fields_and_links_of_a_number(self, as_admin, account):
        campaign = CampaignFactory(account=account, name="Spring renewals")
        number = PhoneNumberFactory(account=account, label="Seattle 1", source="byoc", campaign=campaign)
        page = get_html(as_admin.get(PAGE))
        for expected in (
            str(number),
            number.e164,
            "Seattle 1",
            "BYOC",
            "Spring renewals",
            "Not monitored",
            reverse("phone-number-edit", args=[number.pk]),
            reverse("phone-number-remove", args=[number.pk]),
            reverse("phone-number-add"),
            reverse("import-new"),
            reverse("phone-numbers-export"),
        ):
            assert expected in page

    def test_empty_list_explains_what_to_do(self, as_admin):
        page = get_html(as_admin.get(PAGE))
        assert "No phone numbers yet" in page
        assert "Import a file" in page

    def test_search_without_a_result_links_to_all_numbers(self, as_admin, account):
        PhoneNumberFactory(account=account)
        page = get_html(as_admin.get(PAGE, {"q": "nowhere"}))
        assert "No number matches" in page
        assert "Show all numbers" in page

    @pytest.mark.parametrize(
        "params", [{"q": "206 255"}, {"q": "seattle"}, {"campaign": "none"}, {"source": "byoc"}, {"sort": "-label"}]
    )
    def test_search_filters_and_sorting_are_in_the_url(self, as_admin, account, params):
        found = PhoneNumberFactory(account=account, e164="+12062550143", label="Seattle", source="byoc")
        other = PhoneNumberFactory(
            account=account, e164="+14252550144", label="Bellevue", campaign=CampaignFactory(account=account)
        )
        page = get_html(as_admin.get(PAGE, params))
        assert found.e164 in page
        if "sort" in params:
            assert page.index(found.e164) < page.index(other.e164)
        else:
            assert other.e164 not in page

    def test_list_is_paginated(self, as_admin, account):
        PhoneNumberFactory.create_batch(60, account=account)
        first = as_admin.get(PAGE)
        second = as_admin.get(PAGE, {"after": first.context["table"].next})
        assert len(first.context["table"].rows) == 50
        assert len(second.context["table"].rows) == 10
        assert "51–60 of 60" in get_html(second)

    def test_export_link_has_the_filters(self, as_admin, account):
        PhoneNumberFactory(account=account, label="Seattle")
        assert f"{reverse('phone-numbers-export')}?q=seattle&amp;source=native" in get_html(
            as_admin.get(PAGE, {"q": "seattle", "source": "native", "sort": "label"})
        )

    def test_row_12_tagged_number_has_an_inline_alert(self, as_admin, account, now):
        number = MonitoredNumberFactory(account=account, spam_status="tagged", tagged_since=now)
        Tag.objects.create(account=account, number=number, engine=EngineFactory(name="Hiya"), detected_at=now)
        page = get_html(as_admin.get(PAGE))
        assert f'data-spam-alert="{number.pk}"' in page
        assert "Hiya" in page

    def test_viewer_can_read_but_not_change_numbers(self, as_viewer, account):
        number = PhoneNumberFactory(account=account)
        page = get_html(as_viewer.get(PAGE))
        assert number.e164 in page
        assert reverse("phone-number-add") not in page
        assert reverse("phone-number-remove", args=[number.pk]) not in page

    def test_counts_have_thousands_separators_and_ids_do_not(self, as_admin, account):
        number = PhoneNumberFactory(pk=1_234_567, account=account)
        PhoneNumber.objects.bulk_create(
            PhoneNumber(account=account, e164=f"+1425{2_000_000 + n}", region="US", kind="geographic")
            for n in range(1_000)
        )
        page = get_html(as_admin.get(PAGE))
        assert f'data-row="{number.pk}"' in page
        assert "1–50 of 1,001" in page

    def test_query_count_is_the_same_for_5_and_500_numbers(self, as_admin, account, now):
        def queries() -> int:
            with CaptureQueriesContext(
                connection,
            ) as captured:
                as_admin.get(PAGE)
            return len(captured)

        engine = EngineFactory()
        for number in MonitoredNumberFactory.create_batch(5, account=account, spam_status="tagged", tagged_since=now):
            Tag.objects.create(account=account, number=number, engine=engine, detected_at=now)
        with_5 = queries()
        MonitoredNumberFactory.create_batch(
            495, account=account, spam_status="tagged", tagged_since=now, campaign=CampaignFactory(account=account)
        )
        assert queries() == with_5


class TestEdit:
    def edit(self, client, edited: PhoneNumber, **fields):
        address = reverse("phone-number-edit", args=[edited.pk])
        return client.post(address, {"label": "", "source": "native", "campaign": "", **fields}, follow=True)

    def test_label_source_and_campaign_are_changed(self, as_admin, account):
        number = PhoneNumberFactory(account=account, label="Old")
        campaign = CampaignFactory(account=account, name="Spring")
        page = get_html(self.edit(as_admin, number, label="New", source="byoc", campaign=campaign.pk))
        number.refresh_from_db()
        assert (number.label, number.source, number.campaign) == ("New", "byoc", campaign)
        assert f"{number} was changed." in page
        assert audit_events("number.changed") == [("Old", "New"), ("Native", "BYOC")]
        assert audit_events("number.campaign") == [("", "Spring")]

    def test_the_number_itself_cannot_be_changed(self, as_admin, account):
        number = PhoneNumberFactory(account=account, e164="+12062550143")
        assert 'name="number"' not in get_html(as_admin.get(reverse("phone-number-edit", args=[number.pk])))
        self.edit(as_admin, number, e164="+14252550144", number="4252550144")
        number.refresh_from_db()
        assert number.e164 == "+12062550143"

    def test_saving_unchanged_values_writes_no_audit_event(self, as_admin, account):
        number = PhoneNumberFactory(account=account, label="Same")
        assert "is as it was" in get_html(self.edit(as_admin, number, label="Same"))
        assert not AuditEvent.objects.exists()

    def test_a_label_that_is_too_long_is_refused_and_kept_in_the_field(self, as_admin, account):
        number = PhoneNumberFactory(account=account, label="Old")
        page = get_html(self.edit(as_admin, number, label="x" * 81))
        assert "at most 80 characters" in page
        assert "x" * 81 in page
        number.refresh_from_db()
        assert number.label == "Old"

    def test_form_redirects_to_the_filtered_list(self, as_admin, account):
        number = PhoneNumberFactory(account=account)
        answer = self.edit(as_admin, number, label="x", back=f"{PAGE}?q=206")
        assert answer.redirect_chain == [(f"{PAGE}?q=206", 302)]

    @pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", ""])
    def test_form_never_redirects_to_another_site(self, as_admin, account, back):
        number = PhoneNumberFactory(account=account)
        assert self.edit(as_admin, number, label="x", back=back).redirect_chain == [(PAGE, 302)]

    def test_another_accounts_number_and_a_removed_one_are_not_found(self, as_admin, account, now):
        for number in (PhoneNumberFactory(), PhoneNumberFactory(account=account, removed_at=now)):
            assert self.edit(as_admin, number, label="x").status_code == 404

    def test_a_viewer_is_refused(self, as_viewer, account):
        number = PhoneNumberFactory(account=account, label="Old")
        assert self.edit(as_viewer, number, label="x").status_code == 403
        number.refresh_from_db()
        assert number.label == "Old"


class TestRemove:
    @pytest.fixture
    def tagged(self, account, now):
        """A monitored number with a tag and an open case, in a campaign whose default caller ID it is."""
        campaign = CampaignFactory(account=account, name="Spring")
        number = MonitoredNumberFactory(
            account=account, label="Seattle", spam_status="tagged", tagged_since=now, campaign=campaign
        )
        Campaign.objects.filter(pk=campaign.pk).update(default_number=number)
        case = CaseFactory(number=number)
        Tag.objects.create(account=account, number=number, engine=EngineFactory(), case=case, detected_at=now)
        return number

    def remove(self, client, number: PhoneNumber):
        return client.post(reverse("phone-number-remove", args=[number.pk]), follow=True)

    def test_confirmation_page_lists_the_consequences(self, as_admin, tagged):
        page = get_html(as_admin.get(reverse("phone-number-remove", args=[tagged.pk])))
        for sentence in (
            "Its monitoring stops.",
            "Its open case is cancelled",
            "It is the default caller ID of Spring, which then has none.",
            "Its history is kept.",
        ):
            assert sentence in page
        tagged.refresh_from_db()
        assert tagged.removed_at is None

    def test_monitoring_stops_the_case_is_cancelled_and_the_history_is_kept(self, as_admin, account, tagged):
        page = get_html(self.remove(as_admin, tagged))
        tagged.refresh_from_db()
        assert f"{tagged} was removed." in page
        assert tagged.removed_at is not None
        assert (tagged.capability, tagged.capability_reason) == ("off", "The number was removed.")
        assert tagged.campaign is None
        assert Campaign.objects.get().default_number is None
        assert Case.objects.get().state == Case.State.CANCELLED
        assert Tag.objects.get().end_reason == Tag.EndReason.NOT_MONITORED
        assert audit_events("number.removed") == [("Seattle", "")]
        assert not PhoneNumber.objects.for_account(account).exists()

    def test_second_removal_changes_nothing_and_shows_a_message(self, as_admin, tagged):
        self.remove(as_admin, tagged)
        before = AuditEvent.objects.count()
        answer = self.remove(as_admin, tagged)
        assert "was removed before. Nothing was changed." in get_html(answer)
        assert AuditEvent.objects.count() == before

    def test_confirmation_page_of_a_removed_number_redirects_to_the_list(self, as_admin, tagged):
        self.remove(as_admin, tagged)
        answer = as_admin.get(reverse("phone-number-remove", args=[tagged.pk]))
        assert answer.url == PAGE

    def test_confirmation_is_a_dialog_for_htmx(self, as_admin, tagged):
        address = reverse("phone-number-remove", args=[tagged.pk])
        page = get_html(as_admin.get(address, headers={"HX-Request": "true"}))
        assert page.startswith("<dialog")

    def test_query_count_is_the_same_for_5_and_500_removed_numbers(self, account, actor, now):
        def queries(count: int) -> int:
            numbers = MonitoredNumberFactory.create_batch(count, account=account)
            ids = [number.pk for number in numbers]
            with CaptureQueriesContext(connection) as captured:
                assert len(phone_numbers.remove(ids, context=Context(actor, now))) == count
            return len(captured)

        assert queries(5) == queries(500)

    def test_another_accounts_number_is_not_found(self, as_admin):
        number = PhoneNumberFactory(account=AccountFactory())
        assert self.remove(as_admin, number).status_code == 404
        number.refresh_from_db()
        assert number.removed_at is None

    def test_a_viewer_is_refused(self, as_viewer, tagged):
        assert self.remove(as_viewer, tagged).status_code == 403
        tagged.refresh_from_db()
        assert tagged.removed_at is None


def test_member_of_two_accounts_sees_the_numbers_of_the_chosen_one(client_for, account):
    member = MemberFactory(account=account)
    other = MemberFactory(user=member.user).account
    mine, theirs = PhoneNumberFactory(account=account), PhoneNumberFactory(account=other)
    client = client_for(member)
    client.post(reverse("switch-account"), {"account": other.pk})
    page = get_html(client.get(PAGE))
    assert theirs.e164 in page
    assert mine.e164 not in page


def test_row_that_no_longer_matches_is_returned_to_a_page_that_shows_it(as_admin, account):
    number = PhoneNumberFactory(account=account)
    page = get_html(
        as_admin.get(reverse("phone-numbers"), {"status": "in_remediation"}, headers={"X-Shown-Rows": str(number.pk)})
    )
    assert f'id="status-{number.pk}"' in page


@pytest.mark.parametrize("back", ["0", "sign-in", "a\0b", "//elsewhere.example/", "https://elsewhere.example/"])
def test_removal_never_redirects_to_another_site(as_admin, account, back):
    number = PhoneNumberFactory(account=account)
    answer = as_admin.post(reverse("phone-number-remove", args=[number.pk]), {"back": back})
    assert answer.url == reverse("phone-numbers")
