"""Change a password, and reset it by mail."""

import re

import pytest
from django.core import mail
from django.urls import reverse

from tests.factories import UserFactory
from tests.support.mails import send_mails
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

NEW_PASSWORD = {"new_password1": "a much better one", "new_password2": "a much better one"}


def link_in(message) -> str:
    return re.search(r"http://127\.0\.0\.1:8000(\S+)", message.body)[1]


def request_reset(client, email):
    answer = client.post(reverse("password_reset"), {"email": email}, follow=True)
    send_mails()
    return answer


def test_sign_in_page_links_to_the_password_reset(client):
    assert reverse("password_reset") in get_html(client.get(reverse("sign-in")))


def test_forgotten_password_is_reset_with_a_mailed_link(client):
    UserFactory(email="dana@example.com")
    assert "Look at your mail" in get_html(request_reset(client, "Dana@Example.com"))
    [message] = mail.outbox
    where = client.get(link_in(message), follow=True).redirect_chain[-1][0]
    answer = client.post(where, NEW_PASSWORD, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("sign-in")
    assert "Your password is set" in get_html(answer)
    assert client.login(username="dana@example.com", password=NEW_PASSWORD["new_password1"])


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
    client.post(reverse("password_reset"), {"email": "dana@example.com"}, headers={"host": "evil.example"})
    send_mails()
    assert "http://127.0.0.1:8000/password/set/" in mail.outbox[0].body
    assert "evil" not in mail.outbox[0].body


def test_reset_link_works_once(client):
    UserFactory(email="dana@example.com")
    request_reset(client, "dana@example.com")
    link = link_in(mail.outbox[0])
    client.post(client.get(link, follow=True).redirect_chain[-1][0], NEW_PASSWORD)
    assert "This link no longer works" in get_html(client.get(link, follow=True))


def test_weak_password_is_refused_with_the_reason(client):
    UserFactory(email="dana@example.com")
    request_reset(client, "dana@example.com")
    where = client.get(link_in(mail.outbox[0]), follow=True).redirect_chain[-1][0]
    page = get_html(client.post(where, {"new_password1": "short", "new_password2": "short"}))
    assert "too short" in page


def test_a_member_changes_their_password_and_stays_signed_in(as_viewer, viewer):
    data = {"old_password": "correct horse battery", **NEW_PASSWORD}
    answer = as_viewer.post(reverse("password_change"), data, follow=True)
    assert "Your password was changed" in get_html(answer)
    viewer.user.refresh_from_db()
    assert viewer.user.check_password(NEW_PASSWORD["new_password1"])


def test_a_wrong_old_password_changes_nothing(as_viewer, viewer):
    page = get_html(as_viewer.post(reverse("password_change"), {"old_password": "wrong", **NEW_PASSWORD}))
    assert "old password was entered incorrectly" in page
    viewer.user.refresh_from_db()
    assert viewer.user.check_password("correct horse battery")


def test_settings_page_links_to_the_password_change(as_viewer):
    assert reverse("password_change") in get_html(as_viewer.get(reverse("preferences")))
