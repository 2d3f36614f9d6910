"""Signing in with an identity provider, as far as no provider is needed. With one: tests/browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.authentication import throttling
from portal.authentication.openid_connect import get_provider_id
from tests.support.servers import free_port

URLS = (
    "openid_connect_login",
    "openid_connect_callback",
    "openid-connect-confirm",
    "openid-connect-begin-confirmation",
)


@pytest.fixture
def silent_provider(settings) -> None:
    """A provider is configured, and nothing listens at its address."""
    settings.OIDC_ISSUER = f"http://127.0.0.1:{free_port()}"
    settings.OIDC_NAME, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = "Cascade ID", "portal", "secret"


def get_message(response: HttpResponse) -> str:
    """The last one."""
    return str(list(get_messages(response.wsgi_request))[-1])


@pytest.mark.parametrize("name", URLS)
def test_without_a_provider_its_pages_do_not_exist(as_owner, name):
    send = as_owner.post if name == "openid_connect_login" else as_owner.get
    assert send(reverse(name)).status_code == 404


def test_without_a_provider_the_page_does_not_offer_it(client, db):
    assert b"Sign in with your organization" not in client.get(reverse("account_login")).content


@pytest.mark.usefixtures("silent_provider")
class TestSilentProvider:
    def test_page_offers_it_and_keeps_where_the_person_was_going(self, client, db):
        page = client.get(reverse("account_login"), {"next": "/account/members/?a=1&b=2"}).content.decode()
        assert "Sign in with Cascade ID" in page
        _, _, form = page.partition(f'<form method="post" action="{reverse("openid_connect_login")}">')
        form, _, _ = form.partition("</form>")
        assert '<input type="hidden" name="next" value="/account/members/?a=1&amp;b=2">' in form
        assert "csrfmiddlewaretoken" in form

    def test_person_is_told_that_it_does_not_answer(self, client, db):
        answer = client.post(reverse("openid_connect_login"))
        assert answer.url == reverse("account_login")
        assert "did not answer as expected, or took too long" in get_message(answer)

    def test_another_site_cannot_begin_it(self, db):
        client = Client(enforce_csrf_checks=True)
        assert client.get(reverse("openid_connect_login")).status_code == 405
        assert client.post(reverse("openid_connect_login")).status_code == 403

    @pytest.mark.parametrize("query", [{}, {"state": "made-up", "code": "made-up"}, {"error": "access_denied"}])
    def test_answer_that_nobody_asked_for_is_refused(self, client, db, query):
        answer = client.get(reverse("openid_connect_callback"), query)
        assert answer.url == reverse("account_login")
        assert "_auth_user_id" not in client.session

    def test_whoever_is_signed_in_already_goes_on(self, as_owner):
        answer = as_owner.post(reverse("openid_connect_login"), {"next": "/account/members/"})
        assert answer.url == "/account/members/"

    def test_sign_in_never_leads_to_another_site(self, as_owner):
        assert as_owner.post(reverse("openid_connect_login"), {"next": "https://evil.example/"}).url == "/"

    def test_beginning_again_and_again_has_to_wait(self, client, db):
        """Each sign-in that was begun keeps a session."""
        for _ in range(throttling.IDENTITY_PROVIDER.free):
            client.post(reverse("openid_connect_login"))
        assert "There were too many attempts." in get_message(client.post(reverse("openid_connect_login")))

    def test_only_a_person_who_used_it_is_asked_to_confirm_with_it(self, as_owner, owner):
        link = f'href="{reverse("openid-connect-confirm")}'
        assert link not in as_owner.get(reverse("account_reauthenticate")).content.decode()
        SocialAccount.objects.create(user=owner.user, provider=get_provider_id(), uid="1")
        assert link in as_owner.get(reverse("account_reauthenticate")).content.decode()
        page = as_owner.get(reverse("openid-connect-confirm"), {"next": "/account/members/"}).content.decode()
        assert f"{reverse('account_reauthenticate')}?next=%2Faccount%2Fmembers%2F" in page

    def test_link_to_another_provider_does_not_count(self, as_owner, owner, settings):
        """Another provider may give the same name to somebody else."""
        SocialAccount.objects.create(user=owner.user, provider=get_provider_id(), uid="1")
        settings.OIDC_ISSUER = "https://id.example.com"
        page = as_owner.get(reverse("account_reauthenticate")).content.decode()
        assert reverse("openid-connect-confirm") not in page

    def test_nothing_is_confirmed_without_the_provider(self, as_owner, time_machine):
        time_machine.move_to(timezone.now() + timedelta(minutes=20))
        answer = as_owner.get(reverse("openid-connect-confirmed"), {"next": "/account/members/"})
        assert answer.url.startswith(reverse("account_reauthenticate"))
