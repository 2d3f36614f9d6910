"""Change a password, and reset it by mail."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.authentication import passwords
from portal.authentication.password_links import INVITATION, RESET, get_set_password_link, read_token
from portal.models import User
from tests.factories import UserFactory
from tests.support.mails import read_code, send_mails, set_password
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

NEW = "a much better one"
NEW_PASSWORD = {"new_password1": NEW, "new_password2": NEW}


def request_reset(client, email):
    answer = client.post(reverse("account_reset_password"), {"email": email}, follow=True)
    send_mails()
    return answer


def test_sign_in_page_links_to_the_password_reset(client):
    assert reverse("account_reset_password") in get_html(client.get(reverse("account_login")))


def test_forgotten_password_is_reset_with_a_mailed_link(client):
    UserFactory(email="dana@example.com")
    assert "Look at your mail" in get_html(request_reset(client, "Dana@Example.com"))
    [message] = mail.outbox
    answer = set_password(client, read_code(message.body), NEW)
    assert answer.redirect_chain[-1][0] == reverse("account_login")
    assert "Your password is set" in get_html(answer)
    assert client.login(username="dana@example.com", password=NEW)


def test_user_without_a_password_can_request_a_reset_link(client):
    user = UserFactory(email="dana@example.com")
    user.set_unusable_password()
    user.save()
    request_reset(client, "dana@example.com")
    assert len(mail.outbox) == 1


def test_an_unknown_address_gets_the_same_answer_and_no_mail(client):
    assert "Look at your mail" in get_html(request_reset(client, "nobody@example.com"))
    assert mail.outbox == []


def test_inactive_user_gets_no_reset_link(client):
    UserFactory(email="gone@example.com", is_active=False)
    request_reset(client, "gone@example.com")
    assert mail.outbox == []


def test_reset_link_uses_the_public_url_and_not_the_host_header(client, settings):
    settings.ALLOWED_HOSTS = ["*"]
    UserFactory(email="dana@example.com")
    client.post(reverse("account_reset_password"), {"email": "dana@example.com"}, headers={"host": "evil.example"})
    send_mails()
    assert "http://localhost:8000/password/set/#" in mail.outbox[0].body
    assert "evil" not in mail.outbox[0].body


def test_reset_link_works_once(client):
    UserFactory(email="dana@example.com")
    request_reset(client, "dana@example.com")
    code = read_code(mail.outbox[0].body)
    set_password(client, code, NEW)
    assert "This link no longer works" in get_html(set_password(client, code, "yet another good one"))
    assert not client.login(username="dana@example.com", password="yet another good one")


def test_weak_password_is_refused_with_the_reason(client):
    UserFactory(email="dana@example.com")
    request_reset(client, "dana@example.com")
    code = read_code(mail.outbox[0].body)
    page = get_html(set_password(client, code, "short"))
    assert "too short" in page
    assert f'value="{code}"' in page, "the code would have to be copied again"


def test_a_member_changes_their_password_and_stays_signed_in(as_viewer, viewer):
    data = {"old_password": "correct horse battery", **NEW_PASSWORD}
    answer = as_viewer.post(reverse("account_change_password"), data, follow=True)
    assert "Your password was changed" in get_html(answer)
    viewer.user.refresh_from_db()
    assert viewer.user.check_password(NEW)


def test_a_wrong_old_password_changes_nothing(as_viewer, viewer):
    page = get_html(as_viewer.post(reverse("account_change_password"), {"old_password": "wrong", **NEW_PASSWORD}))
    assert "old password was entered incorrectly" in page
    viewer.user.refresh_from_db()
    assert viewer.user.check_password("correct horse battery")


def test_settings_page_links_to_the_password_change(as_viewer):
    assert reverse("account_change_password") in get_html(as_viewer.get(reverse("preferences")))


# Links


def test_link_is_valid_for_one_hour(client, time_machine):
    user = UserFactory(email="dana@example.com")
    now = timezone.now()
    code = get_set_password_link(user, purpose=RESET).partition("#")[2]
    time_machine.move_to(now + timedelta(minutes=59))
    assert read_token(code) == user
    time_machine.move_to(now + timedelta(minutes=61))
    assert read_token(code) is None
    assert "This link no longer works" in get_html(set_password(client, code, NEW))


def test_link_of_an_invitation_is_valid_for_three_days(time_machine):
    user, now = UserFactory(), timezone.now()
    code = get_set_password_link(user, purpose=INVITATION).partition("#")[2]
    time_machine.move_to(now + timedelta(hours=71))
    assert read_token(code) == user
    time_machine.move_to(now + timedelta(hours=73))
    assert read_token(code) is None


def test_link_for_one_hour_cannot_be_used_as_one_for_three_days():
    code = get_set_password_link(UserFactory(), purpose=RESET).partition("#")[2]
    assert read_token(code.replace(RESET, INVITATION)) is None


def test_link_ends_when_the_person_signs_in(client):
    user = UserFactory(email="dana@example.com")
    code = get_set_password_link(user, purpose=RESET).partition("#")[2]
    client.post(reverse("account_login"), {"username": "dana@example.com", "password": "correct horse battery"})
    assert read_token(code) is None


@pytest.mark.parametrize("code", ["", "reset", "reset.", "reset.a:b:c", "invitation.MQ:1:x", "x.y", "\0", "x" * 10_000])
def test_invented_codes_are_refused(client, code):
    assert read_token(code) is None
    assert client.post(reverse("set-password"), {"code": code, **NEW_PASSWORD}).status_code == 200


def test_token_is_in_no_request(client):
    """Browsers do not send what follows the sign #, so no log of the portal or of a proxy has the token."""
    link = urlsplit(get_set_password_link(UserFactory(), purpose=RESET))
    assert link.path == reverse("set-password")
    assert link.query == ""
    assert read_token(link.fragment)
    assert client.get(link.path).status_code == 200


def test_of_two_who_set_the_password_at_once_one_does(user_with_link):
    """Both have read the user before one of them writes."""
    first, second = (User.objects.get(pk=user_with_link.pk) for _ in range(2))
    details = {"code": passwords.SET_BY_LINK, "request": RequestFactory().get("/"), "now": timezone.now()}
    assert passwords.set_password(first, NEW, **details)
    assert not passwords.set_password(second, "yet another good one", **details)
    user_with_link.refresh_from_db()
    assert user_with_link.check_password(NEW)


@pytest.fixture
def user_with_link():
    return UserFactory(email="dana@example.com")


def test_link_of_an_earlier_release_leads_to_a_new_one(client):
    answer = client.get("/password/set/MTc/c8x-0123456789/", follow=True)
    assert answer.redirect_chain[-1][0] == reverse("account_reset_password")
    assert "This link no longer works" in get_html(answer)


def test_known_and_unknown_addresses_cost_the_same(client):
    UserFactory(email="dana@example.com")
    counts = []
    for address in ("dana@example.com", "nobody@example.com"):
        with CaptureQueriesContext(connection) as queries:
            client.post(reverse("account_reset_password"), {"email": address})
        counts.append([query["sql"].split(" ")[0] for query in queries])
    assert counts[0] == counts[1]


# Notices


def test_person_is_told_by_mail_that_their_password_was_set(client):
    UserFactory(email="dana@example.com")
    request_reset(client, "dana@example.com")
    set_password(client, read_code(mail.outbox[0].body), NEW)
    [_, notice] = send_mails()
    assert notice.to == ["dana@example.com"]
    assert "Your password was set, with a link from a mail" in notice.body
    assert "127.0.0.1" in notice.body


def test_person_is_told_by_mail_that_their_password_was_changed(as_viewer, viewer):
    as_viewer.post(reverse("account_change_password"), {"old_password": "correct horse battery", **NEW_PASSWORD})
    [notice] = send_mails()
    assert notice.to == [viewer.user.email]
    assert "Your password was changed" in notice.body


def test_person_without_a_password_sets_their_first(as_viewer, viewer):
    viewer.user.set_unusable_password()
    viewer.user.save()
    client = Client()
    client.force_login(viewer.user)
    client.post(reverse("account_change_password"), NEW_PASSWORD)
    viewer.user.refresh_from_db()
    assert viewer.user.check_password(NEW)
