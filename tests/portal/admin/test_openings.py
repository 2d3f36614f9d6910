"""What staff open of a customer in Django admin is an event of the customer's account."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from portal.models import AuditEvent, User
from reputation.models import Connection
from tests.factories import AccountFactory, ApplicationFactory, LicenceFactory, UserFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


@pytest.fixture
def application(account):
    # A name that is longer than a label of the trail.
    return ApplicationFactory(account=account, state="submitted", legal_name="Cascade Solar " * 12)


def change_url(model: str, subject) -> str:
    return reverse(f"admin:{model}_change", args=[subject.pk])


def get_openings() -> list[tuple]:
    openings = AuditEvent.objects.filter(code="staff.opened").order_by("pk")
    return list(openings.values_list("account", "subject_type", "subject_id", "subject_label", "via"))


def test_opened_enrollment_is_an_event_of_the_account_that_its_members_see(as_superuser, application, as_viewer):
    as_superuser.get(change_url("enrollment_application", application))
    label = application.legal_name[:120]
    assert get_openings() == [(application.account_id, "application", application.pk, label, "admin")]
    page = get_html(as_viewer.get(reverse("audit-trail"), {"kind": "staff"}))
    assert "Opened by staff" in page


def test_enrollments_on_the_page_of_a_decision_are_events(as_superuser, application):
    other = ApplicationFactory(account=AccountFactory(), state="submitted")
    shown = [f"{one.pk}:{one.revision}" for one in (application, other)]
    as_superuser.get(reverse("admin:enrollment_application_decide", args=["approved"]), {"shown": shown})
    assert {account for account, *_ in get_openings()} == {application.account_id, other.account_id}


@pytest.mark.parametrize("page", ["change", "history"])
def test_opened_account_is_an_event(as_operator, account, page):
    as_operator.get(reverse(f"admin:portal_account_{page}", args=[account.pk]))
    assert get_openings() == [(account.pk, "account", account.pk, account.name, "admin")]


def test_opened_licences_connections_people_and_events_are_events(as_superuser, account, viewer):
    connection = Connection.objects.create(provider="simulated", account=account)
    for model, subject in (
        ("portal_licence", LicenceFactory(account=account)),
        ("reputation_connection", connection),
        ("portal_user", viewer.user),
    ):
        assert as_superuser.get(change_url(model, subject)).status_code == 200
    as_superuser.get(change_url("portal_auditevent", AuditEvent.objects.latest("pk")))
    assert [kind for _, kind, *_ in get_openings()] == ["licence", "connection", "member", "auditevent"]
    assert {of for of, *_ in get_openings()} == {account.pk}


def test_what_belongs_to_no_customer_is_no_event(as_superuser):
    as_superuser.get(change_url("portal_user", UserFactory()))
    as_superuser.get(change_url("reputation_connection", Connection.objects.get(provider="simulated")))
    assert not get_openings()


def test_same_person_who_opens_an_object_again_adds_one_event_an_hour(as_operator, as_staff, account, time_machine):
    start = timezone.now()
    for minutes, count in ((0, 1), (29, 1), (58, 1), (61, 2)):
        time_machine.move_to(start + timedelta(minutes=minutes))
        as_operator.get(change_url("portal_account", account))
        assert len(get_openings()) == count, minutes
    as_staff(User.StaffRole.REVIEWER).get(change_url("portal_account", account))
    assert len(get_openings()) == 3


def test_pages_that_were_refused_or_do_not_exist_are_no_events(as_owner, as_staff, account, viewer):
    as_owner.get(change_url("portal_account", account))
    as_staff(User.StaffRole.REVIEWER).get(change_url("portal_user", viewer.user))
    as_staff(User.StaffRole.OPERATOR).get(reverse("admin:portal_account_change", args=[account.pk + 999]))
    assert not get_openings()


def test_opening_again_costs_two_queries(as_operator, account, django_assert_max_num_queries):
    as_operator.get(change_url("portal_account", account))
    with django_assert_max_num_queries(100) as again:
        as_operator.get(change_url("portal_account", account))
    assert sum("portal_auditevent" in query["sql"] for query in again.captured_queries) == 1
    assert sum("portal_auditidentity" in query["sql"] for query in again.captured_queries) == 1
