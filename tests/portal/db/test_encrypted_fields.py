"""Secrets of webhooks and providers are encrypted in the database, in rows of earlier releases as well."""

import base64
import json
import logging
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import TextField
from django.db.models.functions import Cast
from django.urls import reverse
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from portal.audit import Actor, Context
from portal.db.reencryption import Reencryption, reencrypt_all
from portal.encryption import PREFIX, decrypt, encrypt, is_current
from portal.models import WebhookEndpoint
from portal.operations.tasks import encrypt_secrets
from portal.webhooks import endpoints
from reputation.models import Connection
from tests.factories import WebhookEndpointFactory

pytestmark = pytest.mark.django_db

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# Always the same keys: those of a test's parameters are part of its name.
OLD, NEW = (base64.urlsafe_b64encode(byte * 32).decode() for byte in (b"a", b"b"))


@pytest.fixture(autouse=True)
def old_key(settings) -> None:
    settings.ENCRYPTION_KEYS = [OLD]


@pytest.fixture
def endpoint(account) -> WebhookEndpoint:
    return WebhookEndpointFactory(account=account, secret=SECRET)


@pytest.fixture
def vendor(db) -> Connection:
    Connection.objects.all().delete()
    return Connection.objects.create(provider="vendor", settings={"token": "Süd", "limit": 5})


def stored(model, name: str) -> list[str]:
    """The column as it is in the database."""
    return list(model.objects.annotate(raw=Cast(name, TextField())).order_by("pk").values_list("raw", flat=True))


def write_as_earlier_release(**columns: str) -> None:
    with connection.cursor() as cursor:
        for name, value in columns.items():
            cursor.execute(f"UPDATE portal_webhookendpoint SET {name} = %s", [value])


def test_a_secret_is_encrypted_in_the_database_and_in_the_clear_in_python(endpoint):
    (raw,) = stored(WebhookEndpoint, "secret")
    assert raw.startswith(PREFIX)
    assert SECRET not in raw
    assert WebhookEndpoint.objects.get().secret == SECRET
    assert stored(WebhookEndpoint, "previous_secret") == [""]


def test_settings_of_a_provider_are_encrypted_unless_they_are_empty(vendor):
    Connection.objects.create(provider="other", settings={})
    first, second = stored(Connection, "settings")
    assert json.loads(first).startswith(PREFIX)
    assert second == "{}"
    assert Connection.objects.get(provider="vendor").settings == {"token": "Süd", "limit": 5}
    assert Connection.objects.get(provider="other").settings == {}


def test_a_replaced_secret_signs_as_the_previous_one(endpoint, owner, now):
    context = Context(Actor(user=owner.user, via="web"), now)
    with pytest.raises(endpoints.NotChanged):
        endpoints.rotate_secret(endpoint, expected_secret="whsec_other", context=context)
    endpoints.rotate_secret(endpoint, expected_secret=SECRET, context=context)
    endpoint.refresh_from_db()
    assert endpoint.previous_secret == SECRET != endpoint.secret
    assert endpoint.get_signing_secrets(now) == (endpoint.secret, SECRET)
    assert all(
        raw.startswith(PREFIX) for name in ("secret", "previous_secret") for raw in stored(WebhookEndpoint, name)
    )


def test_queries_cannot_compare_secrets(endpoint, vendor):
    with pytest.raises(FieldError, match="cannot be compared"):
        WebhookEndpoint.objects.filter(secret=SECRET).exists()
    with pytest.raises(FieldError, match="cannot be compared"):
        Connection.objects.filter(settings={}).exists()


def test_rows_of_an_earlier_release_are_read_and_encrypted_by_the_task(endpoint, vendor, now):
    write_as_earlier_release(secret=SECRET, previous_secret="whsec_former")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE reputation_connection SET settings = %s", ['{"token": "x"}'])
    assert WebhookEndpoint.objects.get().secret == SECRET
    assert Connection.objects.get().settings == {"token": "x"}
    encrypt_secrets()
    assert is_current(stored(WebhookEndpoint, "secret")[0])
    assert is_current(stored(WebhookEndpoint, "previous_secret")[0])
    assert is_current(json.loads(stored(Connection, "settings")[0]))
    assert (WebhookEndpoint.objects.get().secret, WebhookEndpoint.objects.get().previous_secret) == (
        SECRET,
        "whsec_former",
    )
    assert Connection.objects.get().settings == {"token": "x"}
    assert reencrypt_all() == Reencryption()


def test_the_command_encrypts_with_a_new_key_so_that_the_former_one_can_go(endpoint, vendor, settings):
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    output = StringIO()
    call_command("encrypt_secrets", stdout=output)
    assert "2 rows encrypted with the first key" in output.getvalue()
    settings.ENCRYPTION_KEYS = [NEW]
    assert WebhookEndpoint.objects.get().secret == SECRET
    assert Connection.objects.get().settings["token"] == "Süd"


def test_secrets_that_no_key_decrypts_are_kept_and_reported(endpoint, settings):
    before = stored(WebhookEndpoint, "secret")
    settings.ENCRYPTION_KEYS = [NEW]
    with pytest.raises(CommandError, match="1 row cannot be read: no key decrypts them"):
        call_command("encrypt_secrets", stdout=StringIO())
    assert stored(WebhookEndpoint, "secret") == before


def test_a_lost_key_stops_the_webhook_and_no_page_and_the_secret_can_be_replaced(
    endpoint, vendor, as_owner, settings, caplog, now
):
    settings.ENCRYPTION_KEYS = [NEW]
    with caplog.at_level(logging.ERROR, "portal.db.encrypted_fields"):
        lost = WebhookEndpoint.objects.get()
    assert lost.secret == ""
    assert "cannot be read" in caplog.text
    assert Connection.objects.get().settings == {}
    with pytest.raises(EmptyWebhookSecretError):
        Webhook(lost.secret)  # so nothing is sent unsigned
    address = reverse("webhook", args=[endpoint.pk])
    assert as_owner.get(address).status_code == 200
    as_owner.post(reverse("webhook-rotate-secret", args=[endpoint.pk]), {"shown": ""})
    replaced = WebhookEndpoint.objects.get()
    assert replaced.secret.startswith("whsec_")
    assert replaced.get_signing_secrets(now) == (replaced.secret,)


def test_encrypting_again_reads_in_chunks(account, settings, django_assert_max_num_queries):
    WebhookEndpointFactory.create_batch(30, account=account)
    Connection.objects.all().delete()
    with django_assert_max_num_queries(5):
        assert reencrypt_all() == Reencryption()
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert reencrypt_all() == Reencryption(encrypted=30)


def test_seeds_of_second_factors_are_encrypted_with_the_new_key_too(owner, settings):
    data = {"seed": encrypt("a seed"), "used_mask": 5}
    factor = Authenticator.objects.create(user=owner.user, type=Authenticator.Type.RECOVERY_CODES, data=data)
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert reencrypt_all() == Reencryption(encrypted=1)
    settings.ENCRYPTION_KEYS = [NEW]
    factor.refresh_from_db()
    assert (decrypt(factor.data["seed"]), factor.data["used_mask"]) == ("a seed", 5)
    settings.ENCRYPTION_KEYS = [OLD]
    assert reencrypt_all() == Reencryption(unreadable=1)
