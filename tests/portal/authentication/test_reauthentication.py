"""Keys, members, roles, secrets and factors are changed only by whoever proved recently who they are."""

from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.models import Account, ApiKey, Member, User
from tests.factories import MemberFactory, UserFactory, WebhookEndpointFactory
from tests.support.pages import get_html
from tests.support.urls import create_api_key

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
CONFIRM = "account_reauthenticate"
KEY = {"name": "Dialer", "scopes": ["match"], "lifetime": "30"}


@pytest.fixture
def later(time_machine):
    """Twenty minutes later."""
    return lambda: time_machine.move_to(timezone.now() + timedelta(minutes=20))


def confirm(client, where: str, password: str = PASSWORD):
    """Answer the page that asks who the person is, as it was reached: with `next` in its address."""
    page = client.get(where)
    return client.post(where, {"password": password, "next": page.context["redirect_field_value"]}, follow=True)


def test_key_is_made_right_after_sign_in(as_owner):
    as_owner.post(reverse("api-key-create"), KEY)
    assert ApiKey.objects.count() == 1


def test_later_the_person_confirms_and_what_they_sent_is_done(as_owner, later):
    later()
    answer = as_owner.post(reverse("api-key-create"), KEY)
    assert answer.url.startswith(reverse(CONFIRM))
    assert not ApiKey.objects.exists()
    page = confirm(as_owner, answer.url)
    assert ApiKey.objects.get().name == "Dialer"
    assert "nrp_" in get_html(page), "the key is shown once"


def test_wrong_password_changes_nothing(as_owner, later):
    later()
    answer = as_owner.post(reverse("api-key-create"), KEY)
    page = confirm(as_owner, answer.url, password="wrong")
    assert "This is not your present password" in get_html(page)
    assert not ApiKey.objects.exists()


def test_confirmation_lasts_for_the_next_changes(as_owner, later):
    later()
    confirm(as_owner, as_owner.get(reverse("api-key-create")).url)
    assert as_owner.get(reverse("api-key-create")).status_code == 200


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("member-add", {"email": "new@example.com", "role": "owner"}),
        ("api-key-create", KEY),
        ("account-settings", {"name": "Mine", "time_zone": "UTC"}),
    ],
)
def test_changes_wait_for_a_confirmation(as_owner, account, later, name, data):
    later()
    assert as_owner.post(reverse(name), data).url.startswith(reverse(CONFIRM))
    assert (Member.objects.count(), ApiKey.objects.count()) == (1, 0)
    assert Account.objects.get().name == account.name


@pytest.mark.parametrize("name", ["member-change-role", "member-remove"])
def test_members_are_changed_after_a_confirmation(as_owner, account, later, name):
    other = MemberFactory(account=account, role=Member.Role.VIEWER)
    later()
    answer = as_owner.post(reverse(name, args=[other.pk]), {"role": "owner", "shown": "viewer"})
    assert answer.url.startswith(reverse(CONFIRM))
    assert Member.objects.get(pk=other.pk).role == Member.Role.VIEWER


def test_secret_is_replaced_after_a_confirmation(as_owner, account, later):
    endpoint = WebhookEndpointFactory(account=account)
    later()
    answer = as_owner.post(reverse("webhook-rotate-secret", args=[endpoint.pk]), {"shown": endpoint.secret})
    assert answer.url.startswith(reverse(CONFIRM))


@pytest.mark.parametrize("name", ["mfa_add_webauthn", "mfa_activate_totp", "mfa_generate_recovery_codes"])
def test_factors_are_changed_after_a_confirmation(as_viewer, later, name):
    later()
    assert as_viewer.get(reverse(name)).url.startswith(reverse(CONFIRM))


def test_viewers_are_refused_before_they_are_asked(as_viewer, later):
    later()
    assert as_viewer.post(reverse("api-key-create"), KEY).status_code == 403


def test_superuser_confirms_before_roles_are_changed(as_superuser, later):
    user = UserFactory()
    later()
    url = reverse("admin:portal_user_change", args=[user.pk])
    data = {"email": user.email, "name": "", "is_active": "on", "staff_role": "superuser"}
    answer = as_superuser.post(url, data)
    assert answer.url.startswith(reverse(CONFIRM))
    assert User.objects.get(pk=user.pk).staff_role == ""
    confirm(as_superuser, answer.url)
    assert User.objects.get(pk=user.pk).staff_role == "superuser"


def test_confirmation_never_leads_to_another_site(as_owner, later):
    later()
    answer = as_owner.post(reverse(CONFIRM), {"password": PASSWORD, "next": "https://evil.example/"})
    assert answer.url == reverse("overview")


def test_time_of_a_clock_that_was_fast_does_not_count(as_owner, time_machine):
    time_machine.move_to(timezone.now() - timedelta(hours=2))
    assert as_owner.post(reverse("api-key-create"), KEY).url.startswith(reverse(CONFIRM))


def test_other_sessions_are_ended_after_a_confirmation(viewer, later):
    clients = [Client(), Client()]
    for client in clients:
        client.post(reverse("account_login"), {"username": viewer.user.email, "password": PASSWORD})
    mine, other = [UserSession.objects.get(session_key=client.session.session_key) for client in clients]
    later()
    for url in (reverse("session-end", args=[other.pk]), reverse("sessions-end-others")):
        assert clients[0].post(url).url.startswith(reverse(CONFIRM))
    assert clients[1].get(reverse("members")).status_code == 200
    assert clients[0].post(reverse("session-end", args=[mine.pk])).url == reverse("account_login")


def test_confirmation_gives_the_session_another_key(viewer, later):
    client, thief = Client(), Client()
    client.post(reverse("account_login"), {"username": viewer.user.email, "password": PASSWORD})
    thief.cookies = SimpleCookie({settings.SESSION_COOKIE_NAME: client.session.session_key})
    entry = UserSession.objects.get()
    assert thief.get(reverse("members")).status_code == 200
    later()
    client.post(reverse(CONFIRM), {"password": "wrong"})
    assert client.session.session_key == entry.session_key
    client.post(reverse(CONFIRM), {"password": PASSWORD})
    assert client.get(reverse("members")).status_code == 200
    assert thief.get(reverse("members")).status_code == 302, "who knows the former key is signed out"
    renewed = UserSession.objects.get()
    assert (renewed.pk, renewed.created_at) == (entry.pk, entry.created_at)
    assert renewed.session_key == client.session.session_key


@pytest.mark.parametrize("name", ["api-key-revoke", "api-key-take-over"])
def test_dialog_that_needs_a_confirmation_leads_the_whole_page_there(as_owner, account, later, name):
    key, _ = create_api_key(account)
    page = reverse(name, args=[key.pk])
    later()
    answer = as_owner.get(page, headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == f"{reverse(CONFIRM)}?next={page}"
    assert confirm(as_owner, answer.headers["HX-Redirect"]).redirect_chain[-1][0] == page
