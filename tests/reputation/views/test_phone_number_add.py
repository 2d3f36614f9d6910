"""Number Management > Phone Numbers: adding a number."""

import threading

import pytest
from django.db import connection
from django.urls import reverse

from portal.audit import Context
from portal.models import AuditEvent
from portal.phone.numbers import InvalidPhoneNumber, parse_number
from reputation import phone_numbers
from reputation.models import PhoneNumber
from tests.factories import CampaignFactory, MonitoredNumberFactory, PhoneNumberFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

ADD = reverse("phone-number-add")


def audit_events(code: str) -> list[tuple[str, str]]:
    return list(AuditEvent.objects.filter(code=code).order_by("pk").values_list("before", "after"))


def post_number(client, number: str, **fields):
    return client.post(ADD, {"number": number, "source": "native", **fields}, follow=True)


class TestAdd:
    def test_number_is_added_with_its_fields(self, as_admin, account):
        campaign = CampaignFactory(account=account)
        page = get_html(post_number(as_admin, "(206) 255-0143", label="Seattle 1", source="byoc", campaign=campaign.pk))
        number = PhoneNumber.objects.get()
        assert (number.e164, number.label, number.source, number.campaign) == (
            "+12062550143",
            "Seattle 1",
            "byoc",
            campaign,
        )
        assert (number.region, number.kind, number.area_code) == ("US", "geographic", "206")
        assert "(206) 255-0143 was added." in page
        assert audit_events("number.added") == [("", "Seattle 1")]

    def test_vanity_letters_are_accepted_and_shown_as_digits(self, as_admin):
        page = get_html(post_number(as_admin, "1-800-FLOWERS"))
        assert PhoneNumber.objects.get().e164 == "+18003569377"
        assert "1-800-FLOWERS is (800) 356-9377 in digits." in page

    def test_number_outside_the_united_states_is_added_with_an_explanation(self, as_admin):
        page = get_html(post_number(as_admin, "+1 416 255 0144"))
        assert PhoneNumber.objects.get().region == "CA"
        assert "It belongs to Canada: it is listed, but only United States numbers can be monitored." in page

    def test_number_of_a_territory_belongs_to_the_united_states(self, as_admin):
        assert "only United States numbers" not in get_html(post_number(as_admin, "787 255 0144"))

    @pytest.mark.parametrize(
        ("number", "reason"),
        [
            ("", "Write the phone number."),
            ("206 255 014", "Digits are missing"),
            ("911 555 1234", "The area code 911 is not assigned"),
            ("206 255 0143 x12", "extension"),
            ("206 255 0143; 222", "extension"),
            ("hello", "This is not a phone number"),
            ("900 555 1234", "premium-rate"),
            ("500 555 1234", "personal number"),
            ("\x00", "Null characters"),
        ],
    )
    def test_invalid_caller_id_is_refused_at_the_field_and_input_is_kept(self, as_admin, number, reason):
        page = get_html(post_number(as_admin, number, label="My label"))
        assert reason in page
        assert 'aria-invalid="true"' in page
        assert 'value="My label"' in page
        assert not PhoneNumber.objects.exists()

    def test_existing_number_is_linked_and_not_changed(self, as_admin, account):
        there = PhoneNumberFactory(account=account, e164="+12062550143", label="Front desk")
        page = get_html(post_number(as_admin, "206.255.0143", label="Other"))
        assert f'<a href="{reverse("number", args=[there.pk])}">(206) 255-0143</a> is already in the list' in page
        there.refresh_from_db()
        assert there.label == "Front desk"
        assert not AuditEvent.objects.exists()

    def test_label_of_an_existing_number_is_escaped(self, as_admin, account):
        PhoneNumberFactory(account=account, e164="+12062550143", label="<b>x</b>")
        assert "&lt;b&gt;x&lt;/b&gt;" in get_html(post_number(as_admin, "206.255.0143"))

    def test_number_of_another_account_can_be_added(self, as_admin, account):
        PhoneNumberFactory(e164="+12062550143")
        post_number(as_admin, "206 255 0143")
        assert PhoneNumber.objects.for_account(account).count() == 1

    def test_another_accounts_campaign_cannot_be_chosen(self, as_admin):
        page = get_html(post_number(as_admin, "206 255 0143", campaign=CampaignFactory().pk))
        assert "Select a valid choice" in page
        assert not PhoneNumber.objects.exists()

    def test_removed_number_is_restored_with_its_history(self, as_admin, account, actor, now):
        number = MonitoredNumberFactory(account=account, e164="+12062550143", label="Old label")
        phone_numbers.remove([number.pk], context=Context(actor, now))
        page = get_html(post_number(as_admin, "206 255 0143", source="byoc"))
        number.refresh_from_db()
        assert "added again, with its history" in page
        assert (number.removed_at, number.label, number.source, number.capability) == (None, "Old label", "byoc", "off")
        assert audit_events("number.restored") == [("", "Old label")]
        assert PhoneNumber.objects.count() == 1

    def test_second_submission_adds_no_second_number(self, as_admin):
        post_number(as_admin, "206 255 0143")
        post_number(as_admin, "206 255 0143")
        assert PhoneNumber.objects.count() == 1
        assert len(audit_events("number.added")) == 1

    def test_label_is_converted_to_one_line(self, account, actor, now):
        added = phone_numbers.add(
            account=account, parsed=parse_number("2062550143"), label=" a\tb\r\nc\x07 ", context=Context(actor, now)
        )
        assert added.number.label == "a b c"

    def test_letters_are_refused_in_files(self):
        with pytest.raises(InvalidPhoneNumber, match="letters"):
            phone_numbers.parse_caller_id("1-800-FLOWERS")

    def test_a_viewer_is_refused(self, as_viewer):
        assert post_number(as_viewer, "206 255 0143").status_code == 403
        assert as_viewer.get(ADD).status_code == 403
        assert not PhoneNumber.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_concurrent_additions_add_the_number_once(account, actor, now):
    begin, became = threading.Barrier(4), []

    def add_it() -> None:
        begin.wait()
        try:
            became.append(
                phone_numbers.add(
                    account=account, parsed=parse_number("2062550143"), context=Context(actor, now)
                ).outcome
            )
        finally:
            connection.close()

    threads = [threading.Thread(target=add_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(became) == ["added", "existing", "existing", "existing"]
    assert PhoneNumber.objects.count() == 1
    assert len(audit_events("number.added")) == 1
