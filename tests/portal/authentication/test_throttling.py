"""Guessing is slow, whoever guesses, and keeps nobody out who signed in with this browser before."""

import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.authentication import throttling
from portal.authentication.throttling import MustWait, Subject, get_delay, get_network
from portal.models import AttemptCount, Invitation, User
from tests.factories import MemberFactory
from tests.support.mails import read_code, send_mails, set_password
from tests.support.pages import get_html
from tests.support.second_factors import add_app, get_code
from tests.support.urls import create_api_key

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _stopped_clock(time_machine):
    """Waits do not end while a busy machine runs a test."""
    time_machine.move_to(timezone.now(), tick=False)


@pytest.fixture
def user() -> User:
    return MemberFactory(user__email="dana@example.com").user


def send(client: Client, password: str, *, address: str = "203.0.113.9", email: str = "dana@example.com"):
    return client.post(reverse("account_login"), {"username": email, "password": password}, REMOTE_ADDR=address)


def guess(count: int, **details) -> list[int]:
    """Guess with a client that keeps no cookies; return the statuses."""
    return [send(Client(), f"guess {number}", **details).status_code for number in range(count)]


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_of_sixty_guesses_few_are_checked(user):
    statuses = guess(60)
    assert statuses[:5] == [200] * 5
    assert statuses.count(200) == 5
    assert statuses[-1] == 429


def test_guesses_from_many_addresses_count_together(user):
    statuses = [guess(1, address=f"198.51.100.{number}")[0] for number in range(60)]
    assert statuses.count(200) == 5


def test_guesses_at_many_people_from_one_address_count_together(user):
    statuses = [guess(1, email=f"person{number}@example.com")[0] for number in range(60)]
    assert statuses.count(200) == 20


def test_unknown_people_are_throttled_alike():
    assert guess(8, email="nobody@example.com")[-1] == 429


def test_waiting_guess_is_not_checked_even_if_right(user):
    guess(20)
    client = Client()
    answer = send(client, PASSWORD)
    assert answer.status_code == 429
    assert "Too many attempts" not in get_html(answer)
    assert "There were too many attempts. Try again in" in get_html(answer)
    assert 'value="dana@example.com"' in get_html(answer)
    assert not is_signed_in(client)


def test_person_signs_in_with_a_browser_they_used_while_others_guess(user):
    client = Client()
    send(client, PASSWORD)
    client.post(reverse("account_logout"))
    assert guess(60)[-1] == 429
    send(client, PASSWORD)
    assert is_signed_in(client)


def test_known_browser_may_not_guess_for_ever(user):
    client = Client()
    send(client, PASSWORD)
    client.post(reverse("account_logout"))
    statuses = [send(client, f"guess {number}").status_code for number in range(30)]
    assert statuses.count(200) == 10


def test_browser_of_one_person_does_not_help_with_another(user):
    other = MemberFactory(user__email="eve@example.com").user
    client = Client()
    send(client, PASSWORD, email=other.email)
    client.post(reverse("account_logout"))
    statuses = [send(client, f"guess {number}").status_code for number in range(20)]
    assert statuses.count(200) == 5


def test_link_by_mail_lets_the_person_in_while_others_guess(user):
    guess(60)
    client = Client()
    client.post(reverse("account_reset_password"), {"email": user.email})
    send_mails()
    set_password(client, read_code(mail.outbox[0].body), "a much better one")
    send(client, "a much better one")
    assert is_signed_in(client)


def test_right_password_ends_the_count_of_the_person_and_not_of_the_address(user):
    for _ in range(3):
        guess(4)
        client = Client()
        send(client, PASSWORD)
        assert is_signed_in(client)
    # 12 wrong ones from this address, of which none were forgotten.
    address = Subject(throttling.ADDRESS, "203.0.113.9")
    assert AttemptCount.objects.get(key=address.key).attempts == 12


def test_wait_is_logged_once_when_it_begins(user, caplog):
    guess(throttling.PERSON.free - 1)
    assert "Too many attempts" not in caplog.text
    guess(20)
    lines = [record.getMessage() for record in caplog.records if record.name == throttling.logger.name]
    assert lines == ["Too many attempts (person): the next waits 0:00:01."]
    assert "dana@example.com" not in caplog.text


def test_waits_grow_and_end(user, time_machine):
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    guess(5)
    assert guess(1) == [429]
    time_machine.move_to(now + timedelta(seconds=2), tick=False)
    assert guess(2) == [200, 429], "two seconds, then four"
    time_machine.move_to(now + timedelta(seconds=3), tick=False)
    assert guess(1) == [429]
    time_machine.move_to(now + timedelta(days=1, minutes=20), tick=False)
    assert guess(5) == [200] * 5, "a day later it begins anew"


@pytest.mark.parametrize(("attempts", "seconds"), [(4, 0), (5, 1), (6, 2), (10, 32), (20, 900), (10_000, 900)])
def test_delay_doubles_up_to_a_quarter_of_an_hour(attempts, seconds):
    assert get_delay(throttling.PERSON, attempts) == timedelta(seconds=seconds)


def test_clock_that_was_fast_makes_nobody_wait_for_long(user, time_machine):
    now = timezone.now()
    time_machine.move_to(now + timedelta(hours=2), tick=False)
    guess(20)
    time_machine.move_to(now, tick=False)
    assert guess(1) == [200]


def test_networks_of_ipv6_count_as_one():
    assert get_network("2001:db8::1:2:3:4") == get_network("2001:db8::9")
    assert get_network("203.0.113.9") == "203.0.113.9"
    assert get_network("") == ""


def test_table_holds_no_addresses(user):
    guess(2)
    assert not AttemptCount.objects.filter(key__contains="203").exclude(key__regex="^[0-9a-f]{64}$").exists()
    assert all(len(count.key) == 64 for count in AttemptCount.objects.all())


def test_known_and_unknown_people_cost_the_same_queries(user, django_assert_num_queries):
    with django_assert_num_queries(8):
        send(Client(), "wrong")
    with django_assert_num_queries(8):
        send(Client(), "wrong", email="nobody@example.com")


# Codes, confirmation, mails, invitations, keys


def test_codes_of_the_second_factor_are_throttled(user):
    secret = add_app(user)
    client = Client()
    send(client, PASSWORD)
    where = reverse("mfa_authenticate")
    pages = [get_html(client.post(where, {"code": f"{number:06}"})) for number in range(20)]
    assert sum("too many attempts" in page for page in pages) == 15
    client.post(where, {"code": get_code(secret)})
    assert not is_signed_in(client), "it is not looked at"


def test_confirmations_are_throttled(as_owner, time_machine):
    time_machine.move_to(timezone.now() + timedelta(minutes=20))
    where = reverse("account_reauthenticate")
    pages = [get_html(as_owner.post(where, {"password": f"guess {number}"})) for number in range(20)]
    assert "too many attempts" in pages[-1]


def test_one_person_gets_few_mails_and_the_page_does_not_tell(user):
    for number in range(8):
        answer = Client().post(
            reverse("account_reset_password"), {"email": user.email}, REMOTE_ADDR=f"198.51.100.{number}", follow=True
        )
        assert "Look at your mail" in get_html(answer)
        send_mails()
    assert len(mail.outbox) == 3


def test_one_address_asks_for_few_mails():
    url = reverse("account_reset_password")
    statuses = [Client().post(url, {"email": f"person{number}@example.com"}).status_code for number in range(20)]
    assert statuses == [302] * 10 + [429] * 10


def test_owner_invites_few_people_an_hour(as_owner):
    for number in range(40):
        answer = as_owner.post(reverse("member-add"), {"email": f"guest{number}@example.com", "role": "viewer"})
    assert "You invited many people" in get_html(answer)
    assert 'value="guest39@example.com"' in get_html(answer)
    assert Invitation.objects.count() == 30


def test_address_that_guesses_keys_waits_and_a_valid_key_does_not(client, account):
    _, token = create_api_key(account)
    url = "/api/v1/numbers"
    wrong = {"Authorization": "Bearer nrp_0123456789_wrong"}
    answers = [client.get(url, headers=wrong) for _ in range(40)]
    assert [answer.status_code for answer in answers[:30]] == [401] * 30
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert answers[-1].headers["Content-Type"] == "application/problem+json"
    assert client.get(url, headers={"Authorization": f"Bearer {token}"}).status_code == 200


# At the same time


@pytest.mark.django_db(transaction=True)
def test_attempts_at_the_same_time_all_count():
    subject = Subject(throttling.PERSON, "dana@example.com")
    outcomes = []

    def attempt() -> None:
        try:
            throttling.begin_attempt([subject], now=timezone.now())
            outcomes.append("made")
        except MustWait:
            outcomes.append("waits")
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 20
    assert AttemptCount.objects.get().attempts == outcomes.count("made")
    assert outcomes.count("made") >= 5
