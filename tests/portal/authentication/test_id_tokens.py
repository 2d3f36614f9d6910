"""ID tokens of a provider that runs as a process of its own: only a sound one signs a person in."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from portal.authentication.notices import KIND
from portal.models import AuditEvent, OutgoingMail
from tests.factories import UserFactory
from tests.support.identity_provider import CLIENT_ID, CLIENT_SECRET, FAULTS, PEOPLE, identity_provider
from tests.support.identity_provider.visits import sign_in_at_provider

pytestmark = pytest.mark.django_db

PORTAL = "http://testserver"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory) -> Iterator[str]:
    with identity_provider(tmp_path_factory.mktemp("provider"), PORTAL) as issuer:
        yield issuer


@pytest.fixture(autouse=True)
def use_provider(issuer, settings) -> None:
    settings.OIDC_ISSUER, settings.OIDC_NAME = issuer, "Cascade ID"
    settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET


def begin(client: Client) -> str:
    """The URL of the provider that the portal leads to."""
    page = client.post(reverse("openid_connect_login"))
    return page.context["url"]


def go_through_provider(client: Client, name: str) -> HttpResponse:
    return client.get(sign_in_at_provider(begin(client), name, portal_url=PORTAL))


def is_signed_in(client: Client) -> bool:
    return client.get(reverse("preferences")).status_code != 302


def get_message(response: HttpResponse) -> str:
    return str(list(get_messages(response.wsgi_request))[-1])


def test_sound_token_signs_the_person_in(client):
    user = UserFactory(email="pat@example.com")
    assert go_through_provider(client, "pat").url == reverse("overview")
    assert is_signed_in(client)
    assert SocialAccount.objects.get().user == user


def test_the_first_sign_in_is_an_event_and_the_person_gets_a_mail(client):
    user = UserFactory(email="pat@example.com")
    for _ in range(2):
        go_through_provider(client, "pat")
        client.post(reverse("account_logout"))
    event = AuditEvent.objects.filter(code="sign_in.linked").get()
    assert (event.actor, event.after) == (user, "Cascade ID")
    mail = OutgoingMail.objects.get(kind=KIND.code)
    assert "You signed in with your organization for the first time." in mail.body


@pytest.mark.parametrize("fault", FAULTS)
def test_token_with_a_fault_signs_nobody_in(client, fault):
    UserFactory(email=PEOPLE[fault])
    answer = go_through_provider(client, fault)
    assert answer.url == reverse("account_login")
    assert "did not answer as expected" in get_message(answer)
    assert not is_signed_in(client)
    assert not SocialAccount.objects.exists()


def test_refused_token_is_logged_with_the_reason(client, caplog):
    UserFactory(email=PEOPLE["forged"])
    go_through_provider(client, "forged")
    assert "The identity provider's answer was refused: Invalid id_token" in caplog.text


def test_each_sign_in_has_a_nonce_of_its_own(client):
    nonces = {parse_qs(urlsplit(begin(client)).query)["nonce"][0] for _ in range(3)}
    assert len(nonces) == 3
    assert min(map(len, nonces)) >= 20


def test_answer_to_another_session_signs_nobody_in(client):
    UserFactory(email="pat@example.com")
    url = sign_in_at_provider(begin(Client()), "pat", portal_url=PORTAL)
    assert client.get(url).url == reverse("account_login")
    assert not is_signed_in(client)


def test_document_of_another_issuer_is_refused(client, settings, issuer, caplog):
    settings.OIDC_ISSUER = issuer.removesuffix("/o") + "/elsewhere"
    answer = client.post(reverse("openid_connect_login"))
    assert answer.url == reverse("account_login")
    assert "did not answer as expected" in get_message(answer)
    assert f"is that of {issuer}" in caplog.text


def test_redirect_of_the_provider_is_not_followed(client, settings):
    asked = []

    class Redirector(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Redirector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        settings.OIDC_ISSUER = f"http://127.0.0.1:{server.server_port}"
        answer = client.post(reverse("openid_connect_login"))
        server.shutdown()
    assert "did not answer as expected" in get_message(answer)
    assert asked == ["/.well-known/openid-configuration"]
