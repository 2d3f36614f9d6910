"""Where a person is signed in: the list, signing out of one or all, and sessions that end by themselves."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.authentication.sessions import describe_client
from portal.models import AuditEvent
from tests.factories import MemberFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"
INDEX = "mfa_index"


def sign_in(user, agent: str = FIREFOX) -> Client:
    client = Client(headers={"User-Agent": agent})
    client.post(reverse("account_login"), {"username": user.email, "password": PASSWORD})
    assert is_signed_in(client)
    return client


def is_signed_in(client: Client) -> bool:
    return client.get(reverse("members")).status_code == 200


@pytest.fixture
def user(viewer):
    return viewer.user


def test_list_shows_each_session_with_browser_and_address(user):
    sign_in(user, CHROME)
    page = get_html(sign_in(user).get(reverse(INDEX)))
    assert "Firefox on Windows" in page
    assert "Chrome on Android" in page
    assert "127.0.0.1" in page
    assert page.count("this one") == 1


def test_sessions_of_others_are_neither_shown_nor_ended(user, account):
    other = MemberFactory(account=account).user
    theirs = sign_in(other, CHROME)
    client = sign_in(user)
    assert "Chrome on Android" not in get_html(client.get(reverse(INDEX)))
    session = UserSession.objects.get(user=other)
    assert client.post(reverse("session-end", args=[session.pk])).status_code == 404
    client.post(reverse("sessions-end-others"))
    assert is_signed_in(theirs)


def test_one_session_is_ended(user):
    phone, laptop = sign_in(user, CHROME), sign_in(user)
    session = UserSession.objects.get(user_agent=CHROME)
    answer = laptop.post(reverse("session-end", args=[session.pk]), follow=True)
    assert "Chrome on Android was signed out" in get_html(answer)
    assert not is_signed_in(phone)
    assert is_signed_in(laptop)
    assert laptop.post(reverse("session-end", args=[session.pk])).status_code == 404, "it has ended"


def test_own_session_is_ended(user):
    client = sign_in(user)
    answer = client.post(reverse("session-end", args=[UserSession.objects.get().pk]))
    assert answer.url == reverse("account_login")
    assert not is_signed_in(client)


@pytest.mark.parametrize("is_own", [False, True])
def test_signing_out_empties_what_the_browser_keeps(user, is_own):
    """Over plain http browsers ignore it. The cookies of known browsers stay."""
    client = sign_in(user)
    url = reverse("session-end", args=[UserSession.objects.get().pk]) if is_own else reverse("account_logout")
    assert "Clear-Site-Data" not in client.get(reverse("members"), secure=True).headers
    assert client.post(url, secure=True).headers["Clear-Site-Data"] == '"cache", "storage"'
    assert not is_signed_in(client)
    assert "Clear-Site-Data" not in client.get(reverse("account_login"), secure=True).headers
    assert "Clear-Site-Data" not in sign_in(user).post(reverse("account_logout")).headers


def test_all_others_are_ended(user):
    others = [sign_in(user, CHROME), sign_in(user, CHROME)]
    client = sign_in(user)
    page = get_html(client.post(reverse("sessions-end-others"), follow=True))
    assert "You were signed out of 2 other sessions" in page
    assert not any(is_signed_in(other) for other in others)
    assert is_signed_in(client)
    assert "nowhere else" in get_html(client.post(reverse("sessions-end-others"), follow=True))


def test_new_password_ends_the_others_and_keeps_this_one(user):
    other, client = sign_in(user, CHROME), sign_in(user)
    new = {"new_password1": "a much better one", "new_password2": "a much better one"}
    client.post(reverse("account_change_password"), {"old_password": PASSWORD, **new})
    assert not is_signed_in(other)
    assert is_signed_in(client)
    assert "this one" in get_html(client.get(reverse(INDEX))), "the list follows the session's new key"
    assert UserSession.objects.count() == 1


def test_session_that_expired_is_not_listed(user):
    sign_in(user, CHROME)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert "Chrome on Android" not in get_html(sign_in(user).get(reverse(INDEX)))


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605 Version/18 Safari/605", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18 like Mac OS X) Version/18 Mobile Safari/604", "Safari on iOS"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit Chrome/140 Safari/537 Edg/140.0", "Edge on Linux"),
        ("curl/8.5", "Another program"),
        ("", "Another program"),
    ],
)
def test_browsers_are_named(agent, words):
    assert describe_client(agent) == words


# Idle


def test_session_ends_after_four_hours_without_activity(user, time_machine):
    client, start = sign_in(user), timezone.now()
    time_machine.move_to(start + timedelta(minutes=239))
    assert is_signed_in(client)
    time_machine.move_to(start + timedelta(minutes=239 + 241))
    answer = client.get(reverse("members"), follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))
    assert "because nothing was done for a while" in get_html(answer)


def test_what_an_open_page_asks_does_not_keep_the_session(user, time_machine):
    client, start = sign_in(user), timezone.now()
    for minutes in range(10, 250, 10):
        time_machine.move_to(start + timedelta(minutes=minutes))
        client.get(reverse("change-token"), headers={"X-Live": "1"})
    assert not is_signed_in(client)


def test_administration_ends_the_session_sooner(as_superuser, time_machine):
    start = timezone.now()
    time_machine.move_to(start + timedelta(minutes=31))
    answer = as_superuser.get(reverse("admin:index"), follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))


def use_for(client: Client, time_machine, *, hours: int) -> bool:
    """Open a page every hour for so many hours. False if the session ended meanwhile."""
    for _ in range(hours):
        time_machine.move_to(timezone.now() + timedelta(hours=1))
        if not is_signed_in(client):
            return False
    return True


def test_session_that_is_used_ends_after_so_many_days(user, time_machine, settings):
    settings.SESSION_DAYS = 2
    client = sign_in(user)
    assert use_for(client, time_machine, hours=47)
    time_machine.move_to(timezone.now() + timedelta(hours=1, seconds=1))
    answer = client.get(reverse("members"), follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))
    assert "because you signed in a long time ago" in get_html(answer)
    event = AuditEvent.objects.filter(code="sign_in.ended").get()
    assert event.after == "longest time of a session"


def test_confirmation_does_not_prolong_a_session(user, time_machine, settings):
    settings.SESSION_DAYS = 1
    client = sign_in(user)
    assert use_for(client, time_machine, hours=23)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert not use_for(client, time_machine, hours=2)


def test_administration_ends_a_session_that_is_used_sooner(as_superuser, time_machine, settings):
    settings.ADMIN_SESSION_HOURS = 1
    start = timezone.now()
    for minutes in (0, 25, 50):
        time_machine.move_to(start + timedelta(minutes=minutes))
        assert as_superuser.get(reverse("admin:index")).status_code == 200
    time_machine.move_to(start + timedelta(minutes=61))
    answer = as_superuser.get(reverse("admin:index"), follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))


def test_activity_is_noted_once_a_minute(user, time_machine, django_assert_max_num_queries):
    client, start = sign_in(user), timezone.now()
    client.get(reverse("members"))
    with django_assert_max_num_queries(100) as usual:
        client.get(reverse("members"))
    usual_count = len(usual)
    time_machine.move_to(start + timedelta(seconds=61))
    with django_assert_max_num_queries(100) as noting:
        client.get(reverse("members"))
    assert len(noting) > usual_count
    with django_assert_max_num_queries(usual_count):
        client.get(reverse("members"))
    assert UserSession.objects.get().last_seen_at >= start + timedelta(seconds=61)


def test_session_of_an_earlier_release_goes_on(user):
    """It has no times, which begin to count now."""
    client = sign_in(user)
    session = client.session
    del session["active_at"], session["began_at"]
    session.save()
    assert is_signed_in(client)
    assert {"active_at", "began_at"} <= set(client.session.keys())


def test_list_needs_a_fixed_number_of_queries(user, django_assert_max_num_queries):
    client = sign_in(user)
    with django_assert_max_num_queries(100) as few:
        client.get(reverse(INDEX))
    count = len(few)
    for _ in range(5):
        sign_in(user)
    with django_assert_max_num_queries(count):
        client.get(reverse(INDEX))
