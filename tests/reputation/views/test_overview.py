"""The dashboard: counts of numbers by state, and what needs attention."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reputation.models import Case, NumberImport, PhoneNumber
from tests.factories import (
    AccountFactory,
    CampaignFactory,
    CaseFactory,
    DeskRequestFactory,
    MonitoredNumberFactory,
    PhoneNumberFactory,
    TagFactory,
)
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus


def get_page(client) -> str:
    return get_html(client.get(reverse("overview")))


def create_tagged_number(account, status=Status.TAGGED, state=Case.State.OPEN, **fields) -> PhoneNumber:
    number = MonitoredNumberFactory(account=account, spam_status=status, **fields)
    TagFactory(account=account, number=number, case=CaseFactory(account=account, number=number, state=state))
    return number


def test_page_of_a_new_account_links_to_enrollment_and_numbers(as_admin):
    page = get_page(as_admin)
    assert reverse("enrollment") in page
    assert "Add the numbers you call from" in page


def test_row_12_a_tag_raises_alerts_on_the_dashboard_and_in_the_menu(as_viewer, account):
    number = create_tagged_number(account)
    create_tagged_number(AccountFactory())
    page = get_page(as_viewer)
    assert f'data-spam-alert="{number.pk}"' in page
    assert page.count("data-spam-alert") == 1
    assert '1<span class="sr"> tagged numbers</span>' in page


def test_page_counts_monitored_numbers_and_each_state(as_viewer, account):
    PhoneNumberFactory(account=account)
    create_tagged_number(account)
    create_tagged_number(account, Status.IN_REMEDIATION, Case.State.SUBMITTED)
    create_tagged_number(account, Status.FAILED, Case.State.FAILED)
    page = get_page(as_viewer)
    assert "3 of 4 numbers are monitored" in page
    for value in ("tagged", "in_remediation", "failed"):
        assert f"?status={value}" in page


def test_verification_is_shown_only_while_numbers_are_verified(as_viewer, account):
    MonitoredNumberFactory(account=account)
    assert "Verifying" not in get_page(as_viewer)
    PhoneNumberFactory(account=account, capability=PhoneNumber.Capability.VERIFYING)
    assert "<dt>Verifying</dt>" in get_page(as_viewer)


def test_failed_case_is_listed_until_its_ticket_is_stored(as_viewer, account):
    number = create_tagged_number(account, Status.FAILED, Case.State.FAILED)
    assert "could not be cleared" in get_page(as_viewer)
    Case.objects.filter(number=number).update(ticket_reference="SUP-1")
    assert "could not be cleared" not in get_page(as_viewer)


def test_linked_list_has_all_tagged_numbers(as_viewer, account):
    numbers = [create_tagged_number(account, Status.IN_REMEDIATION, Case.State.SUBMITTED) for _ in range(6)]
    assert "?status=tagged" in get_page(as_viewer)
    listed = as_viewer.get(reverse("number-reputation"), {"status": "tagged"}).context["table"]
    assert [row.number for row in listed.rows] == numbers


def test_viewer_sees_no_link_to_a_page_that_refuses_them(as_viewer, as_admin):
    assert reverse("import-new") in get_page(as_admin)
    assert reverse("import-new") not in get_page(as_viewer)
    assert "See how it stands" in get_page(as_viewer)
    services = get_html(as_viewer.get(reverse("services-details")))
    assert "The next step is an owner's or admin's of the account" in services
    assert f'href="{reverse("enrollment-business")}"' not in services


def test_row_14_tagged_default_caller_id_is_listed(as_viewer, account):
    CampaignFactory(account=account, name="Spring renewals", default_number=create_tagged_number(account))
    page = get_page(as_viewer)
    assert "The default caller ID of Spring renewals is tagged." in page
    assert "It is still used where no other number matches." in page


def test_query_count_is_the_same_for_5_and_500_numbers(as_viewer, account):
    def more(times: int) -> None:
        for _ in range(times):
            number = create_tagged_number(account, Status.FAILED, Case.State.FAILED)
        CampaignFactory(account=account, default_number=number)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            get_page(as_viewer)
        return len(captured)

    more(5)
    queries()
    few = queries()
    more(495)
    assert queries() == few


def test_import_ready_to_be_confirmed_is_listed(as_viewer, as_admin, account, owner, now):
    assert "waits for you" not in get_page(as_viewer)
    NumberImport.objects.create(
        account=account,
        user=owner.user,
        file_name="numbers-nov.csv",
        size=1,
        received_at=now,
        state=NumberImport.State.READY,
    )
    assert "numbers-nov.csv is read and waits for an owner or admin." in get_page(as_viewer)
    assert "numbers-nov.csv is read and waits for you." in get_page(as_admin)


# Whether no number is tagged

ALL_FREE = "No monitored number carries a spam label."


def create_clean_number(account, *, checked_at, fresh_until) -> PhoneNumber:
    return MonitoredNumberFactory(
        account=account, spam_status=Status.CLEAN, checked_at=checked_at, fresh_until=fresh_until, next_action_at=None
    )


def test_it_says_that_no_number_is_tagged_when_that_is_known(as_viewer, account, now):
    assert ALL_FREE not in get_page(as_viewer)
    create_clean_number(account, checked_at=now, fresh_until=now + timedelta(days=1))
    PhoneNumberFactory(account=account)
    assert ALL_FREE in get_page(as_viewer)


def test_it_does_not_say_that_numbers_were_never_monitored_after_monitoring_ended(as_viewer, account):
    PhoneNumberFactory(account=account, spam_status=Status.LAST_SEEN)
    page = get_page(as_viewer)
    assert "No number is monitored." in page
    assert "No number is monitored yet" not in page


def test_it_says_how_many_numbers_are_not_yet_known_why_and_when_they_are_looked_up(as_viewer, account, now):
    create_clean_number(account, checked_at=now, fresh_until=now + timedelta(days=1))
    MonitoredNumberFactory.create_batch(2, account=account, next_action_at=now + timedelta(hours=5, minutes=59))
    page = get_page(as_viewer)
    assert ALL_FREE not in page
    assert "No label is known, but 2 of 3 monitored numbers may carry one." in page
    assert 'status=unknown">2 numbers</a> are not yet known: not every engine has answered.' in page
    assert "The next look-up is due <time" in page
    assert ">within 5 hours" in page
    assert "stale:" not in page


def test_it_says_how_many_numbers_are_stale_why_and_since_when(as_viewer, account, now):
    create_clean_number(account, checked_at=now - timedelta(days=9), fresh_until=now - timedelta(days=8))
    page = get_page(as_viewer)
    assert ALL_FREE not in page
    assert "No label is known, but 1 of 1 monitored number may carry one." in page
    assert 'status=stale">1 number</a> is stale: an answer has expired. The oldest is from' in page
    assert f'datetime="{(now - timedelta(days=9)).isoformat()}"' in page
    assert "not yet known:" not in page


def test_numbers_of_another_account_say_nothing_about_this_one(as_viewer, account, now):
    create_clean_number(account, checked_at=now, fresh_until=now + timedelta(days=1))
    MonitoredNumberFactory()
    assert ALL_FREE in get_page(as_viewer)


def test_page_lists_requests_that_wait_for_you_due_first(as_admin, account, now):
    later, first, other = (
        DeskRequestFactory(case__account=account, case__number__account=account, due_at=now + timedelta(days=days))
        for days in (3, 1, 2)
    )
    DeskRequestFactory(case__account=account, case__number__account=account, state="sent")
    DeskRequestFactory()
    page = get_page(as_admin)
    assert "3 requests to desks wait for you." in " ".join(page.split())
    places = [page.index(request.number.e164) for request in (first, other, later)]
    assert places == sorted(places)


def add_request(account, *, case_state=Case.State.OPEN, **fields):
    number = create_tagged_number(account, state=case_state)
    return DeskRequestFactory(case=number.cases.get(), **fields)


def test_overview_and_desk_count_the_same_requests_as_yours(as_admin, account, now):
    add_request(account)
    done = add_request(account, state="done", due_at=None, state_since=now - timedelta(days=1))
    TagFactory(number=done.number, engine=done.engine, last_seen_at=now)
    add_request(account, state="done", due_at=None)
    assert "2 requests to desks wait for you." in get_page(as_admin)
    assert "said done, but the label was seen again" in get_page(as_admin)
    assert "2 requests wait for you." in get_html(as_admin.get(reverse("desks")))


def test_overdue_request_is_called_overdue_as_on_the_desks_page(as_admin, account, now):
    account.time_zone = "UTC"
    account.save()
    overdue = add_request(account, due_at=now - timedelta(days=2))
    page = get_page(as_admin)
    assert f"overdue since {overdue.due_at.day} {overdue.due_at:%b}" in page
    assert "any moment now" not in page


def test_cases_of_which_nothing_was_sent_are_not_called_in_remediation(as_admin, account):
    add_request(account)
    page = get_page(as_admin)
    assert "<dt>In remediation</dt><dd>no case" in page
    assert "<dt>Not yet sent</dt><dd>1 case</dd>" in page
    assert "business days" not in page


def test_each_case_is_said_to_take_the_time_of_who_works_on_it(as_admin, account):
    create_tagged_number(account, Status.IN_REMEDIATION, Case.State.SUBMITTED)
    assert "1 case, 1 to 2 days as a rule</dd>" in get_page(as_admin)
    add_request(account, case_state=Case.State.SUBMITTED, state="sent")
    page = get_page(as_admin)
    assert "1 case, 1 to 2 days as a rule; 1 case at desks, which take 2 to 10 business days, some weeks" in page
