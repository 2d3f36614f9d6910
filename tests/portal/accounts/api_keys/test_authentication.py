"""Authentication with API keys: scopes, expiry, revocation, and the reason of a refusal."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.accounts import api_keys
from portal.accounts.api_keys import AuthenticationError, authenticate, record_use
from portal.accounts.api_keys.use import write_uses
from portal.accounts.roles import API_SCOPES
from portal.audit import Context
from portal.models import ApiKey
from tests.factories import AccountFactory
from tests.support.urls import create_api_key

pytestmark = pytest.mark.django_db


def bearer_header(token: str) -> str:
    return f"Bearer {token}"


def authentication_error(authorization, scope="read", now=None) -> AuthenticationError:
    with pytest.raises(AuthenticationError) as raised:
        authenticate(authorization, scope=scope, now=now or timezone.now())
    return raised.value


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "key_missing"),
        ("", "key_missing"),
        ("Basic bnJwOm5ycA==", "key_malformed"),
        ("Bearer", "key_malformed"),
        ("Bearer nrp_", "key_malformed"),
        ("Bearer nrp_abc", "key_malformed"),
        ("Bearer xyz_abc_def", "key_malformed"),
        ("Bearer nrp_\N{LATIN SMALL LETTER E WITH ACUTE}_def", "key_malformed"),
        ("Bearer nrp_abc_def", "key_unknown"),
        ("Bearer nrp_a\x00c_def", "key_unknown"),
        ("bearer   nrp_abc_def", "key_unknown"),
    ],
)
def test_invalid_key_is_refused_with_the_reason(authorization, code):
    refused = authentication_error(authorization)
    assert (refused.code, refused.status) == (code, 401)
    assert refused.challenge.startswith('Bearer realm="api"')
    assert ("error=" in refused.challenge) == (code != "key_missing")
    assert refused.challenge.isascii()


def test_wrong_secret_is_refused_like_an_unknown_key(account):
    key, token = create_api_key(account)
    wrong, unknown = (
        authentication_error(bearer_header(token[:-1] + "x")),
        authentication_error(bearer_header("nrp_0_0")),
    )
    assert (wrong.code, wrong.detail) == (unknown.code, unknown.detail)
    api_keys.revoke_api_key(key, context=Context.system(timezone.now()))
    assert authentication_error(bearer_header(token[:-1] + "x")).code == "key_unknown", (
        "only the holder is told that a key was revoked"
    )


def test_key_is_refused_from_its_expiry_on(account, now):
    _, token = create_api_key(account, expires_at=now)
    authenticate(bearer_header(token), scope="read", now=now - timedelta(microseconds=1))
    assert authentication_error(bearer_header(token), now=now).code == "key_expired"


@pytest.mark.parametrize("held", list(API_SCOPES))
@pytest.mark.parametrize("wanted", list(API_SCOPES))
def test_scopes_are_independent(account, held, wanted):
    _, token = create_api_key(account, held)
    if held == wanted:
        assert authenticate(bearer_header(token), scope=wanted, now=timezone.now()).account == account
        return
    refused = authentication_error(bearer_header(token), scope=wanted)
    assert (refused.status, refused.code) == (403, "scope_missing")
    assert f'error="insufficient_scope", error_description="{refused.detail}", scope="{wanted}"' in refused.challenge


def test_authentication_takes_one_query_including_the_account(account, django_assert_num_queries):
    create_api_key(AccountFactory())
    _, token = create_api_key(account)
    with django_assert_num_queries(1):
        key = authenticate(bearer_header(token), scope="match", now=timezone.now())
        assert (key.account.name, key.account.time_zone) == (account.name, account.time_zone)


def test_the_last_use_is_written_once_a_minute(account, now, django_assert_num_queries):
    _, token = create_api_key(account)

    def use(at):
        key = authenticate(bearer_header(token), scope="read", now=at)
        record_use(key, now=at)
        write_uses()
        return ApiKey.objects.get().last_used_at

    assert use(now) == now
    later = now + timedelta(seconds=59)
    with django_assert_num_queries(2):  # authentication, and the query of this test
        assert use(later) == now
    assert use(now + timedelta(seconds=60)) == now + timedelta(seconds=60)
