"""Wrong passwords become events: a few for each person, one for all addresses that nobody has."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.audit.labels import describe_event
from portal.audit.verification import Verification
from portal.authentication.security_events.tasks import record_failed_sign_ins
from portal.models import AuditEvent, FailedSignIn, User
from tests.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _stopped_clock(time_machine):
    """Waits do not end while a busy machine runs a test."""
    time_machine.move_to(timezone.now(), tick=False)


@pytest.fixture
def user(viewer) -> User:
    return viewer.user


def fail(email: str, *, times: int = 1, address: str = "203.0.113.9") -> None:
    for _ in range(times):
        data = {"username": email, "password": "wrong"}
        Client(REMOTE_ADDR=address).post(reverse("account_login"), data)


def get_events() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(code="sign_in.failed").order_by("pk"))


def test_failures_of_a_person_are_one_event_of_each_of_their_accounts(user, account):
    other = MemberFactory(user=user).account
    fail(user.email.upper(), times=2)
    fail(user.email, address="198.51.100.7")
    record_failed_sign_ins()
    events = get_events()
    assert {event.account for event in events} == {account, other}
    assert [describe_event(event).sentence for event in events] == ["Sign-in failed: 3 ×"] * 2
    assert {(event.actor, event.texts.label) for event in events} == {(None, user.email)}
    assert {event.texts.reason for event in events} == {"From 198.51.100.7, Another program"}
    assert not FailedSignIn.objects.exists()
    assert list(Verification().run()) == []


def test_failures_of_a_person_without_an_account_are_an_event_without_an_account():
    staff = UserFactory()
    fail(staff.email)
    record_failed_sign_ins()
    (event,) = get_events()
    assert (event.account, event.texts.label, event.after) == (None, staff.email, "1 ×")


def test_event_has_the_time_of_the_attempt(user, time_machine):
    at = timezone.now()
    fail(user.email)
    time_machine.shift(3_600)
    record_failed_sign_ins()
    assert get_events()[0].at == at


def test_addresses_that_nobody_has_share_one_event_that_names_none(user):
    for number in range(40):
        fail(f"stranger{number}@example.com", address=f"198.51.100.{number}")
    record_failed_sign_ins()
    (event,) = get_events()
    assert (event.account, event.texts.label, event.texts.reason) == (None, "Addresses that nobody has", "40 attempts")
    assert not FailedSignIn.objects.exists()


def test_attempts_that_have_to_wait_are_not_kept(user):
    fail(user.email, times=60)
    fail("nobody@example.com", times=60, address="198.51.100.7")
    assert FailedSignIn.objects.filter(email=user.email).count() == 5
    assert FailedSignIn.objects.filter(email="nobody@example.com").count() == 5


def test_page_adds_nothing_to_the_trail_itself(user):
    fail(user.email)
    fail("nobody@example.com")
    assert not AuditEvent.objects.exists()


def test_number_of_queries_does_not_depend_on_the_number_of_people(user, django_assert_max_num_queries):
    def measure() -> int:
        with django_assert_max_num_queries(100) as done:
            record_failed_sign_ins()
        return len(done)

    fail(user.email)
    fail("nobody@example.com")
    fail(UserFactory().email)
    record_failed_sign_ins()
    fail(user.email, address="198.51.100.1")
    fail("nobody@example.com", address="198.51.100.1")
    fail(User.objects.latest("pk").email, address="198.51.100.1")
    few = measure()
    for number in range(5):
        fail(MemberFactory(account=user.memberships.get().account).user.email, address=f"198.51.100.{number + 10}")
        fail(UserFactory().email, address=f"198.51.100.{number + 20}")
        fail(f"stranger{number}@example.com", address=f"198.51.100.{number + 30}")
    assert measure() == few
