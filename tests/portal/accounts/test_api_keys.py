"""Account > API keys: made and revoked by owners, shown once, kept as a hash, and refused with the reason."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.accounts import api_keys
from portal.accounts.api_keys import authenticate, record_use
from portal.audit import Context
from portal.models import ApiKey, AuditEvent
from tests.factories import AccountFactory
from tests.support.urls import create_api_key

pytestmark = pytest.mark.django_db


def post_key(client, **typed):
    return client.post(reverse("api-key-make"), {"name": "Dialer", "scopes": ["match", "read"]} | typed)


def token_in(answer) -> str:
    return re.search(r'value="(nrp_[0-9a-f]+_[0-9a-f]+)"', answer.content.decode())[1]


def bearer_header(token: str) -> str:
    return f"Bearer {token}"


def authentication_error(authorization, scope="read", now=None) -> api_keys.AuthenticationError:
    with pytest.raises(api_keys.AuthenticationError) as raised:
        authenticate(authorization, scope=scope, now=now or timezone.now())
    return raised.value


# The page


def test_a_key_is_shown_once_and_works(as_owner, account, owner):
    answer = post_key(as_owner)
    token = token_in(answer)
    assert "no-store" in answer.headers["Cache-Control"]
    caller = authenticate(bearer_header(token), scope="match", now=timezone.now())
    assert (caller.account, caller.name, caller.pk) == (account, "Dialer", ApiKey.objects.get().pk)
    assert (ApiKey.objects.get().made_by, ApiKey.objects.get().scope_list) == (owner.user, ["match", "read"])
    assert token not in as_owner.get(reverse("api-keys")).content.decode()


def test_nothing_from_which_the_token_could_be_had_is_kept(as_owner):
    secret = token_in(post_key(as_owner)).rpartition("_")[2]
    kept = [str(row) for model in (ApiKey, AuditEvent) for row in model.objects.values()]
    assert not [row for row in kept if secret in row]


def test_a_form_sent_twice_makes_one_key_and_says_so(as_owner):
    form = as_owner.get(reverse("api-key-make")).context["form"]
    prefix = form["prefix"].value()
    token = token_in(post_key(as_owner, prefix=prefix))
    assert token.split("_")[1] == prefix
    again = post_key(as_owner, prefix=prefix)
    assert again.status_code == 302
    assert "no second one was made" in as_owner.get(again.url).content.decode()
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize("who", ["as_admin", "as_viewer"])
def test_others_see_the_list_and_neither_make_nor_revoke(request, who, account):
    client = request.getfixturevalue(who)
    key, _ = create_api_key(account, name="Dialer in Seattle")
    page = client.get(reverse("api-keys")).content.decode()
    assert "Dialer in Seattle" in page
    assert f"nrp_{key.prefix}" in page
    assert reverse("api-key-make") not in page
    assert post_key(client).status_code == 403
    assert client.post(reverse("api-key-revoke", args=[key.pk])).status_code == 403
    assert ApiKey.objects.get().revoked_at is None


def test_making_and_revoking_are_in_the_audit_trail(as_owner, owner):
    post_key(as_owner)
    key = ApiKey.objects.get()
    as_owner.post(reverse("api-key-revoke", args=[key.pk]))
    assert list(AuditEvent.objects.order_by("pk").values_list("what", "after", "actor")) == [
        ("api_key.made", "match, read", owner.user_id),
        ("api_key.revoked", "", owner.user_id),
    ]
    page = as_owner.get(reverse("audit-trail"), {"kind": "account"}).content.decode()
    assert "API key made" in page


def test_revoking_asks_first_and_a_second_time_changes_nothing(as_owner, account):
    key, token = create_api_key(account)
    url = reverse("api-key-revoke", args=[key.pk])
    assert "refused at once" in as_owner.get(url).content.decode()
    assert "<dialog" in as_owner.get(url, headers={"HX-Request": "true"}).content.decode()
    authenticate(bearer_header(token), scope="read", now=timezone.now())
    as_owner.post(url)
    assert authentication_error(bearer_header(token)).code == "key_revoked"
    revoked_at = ApiKey.objects.get().revoked_at
    assert "revoked before" in as_owner.post(url, follow=True).content.decode()
    assert ApiKey.objects.get().revoked_at == revoked_at


def test_a_key_that_may_do_nothing_or_is_over_already_is_not_made(as_owner):
    yesterday = timezone.localdate() - timedelta(days=2)
    assert "Choose what the key may do" in post_key(as_owner, scopes=[]).content.decode()
    assert "This day is over" in post_key(as_owner, expires_on=str(yesterday)).content.decode()
    assert "This is not a date" in post_key(as_owner, expires_on="soon").content.decode()
    assert not ApiKey.objects.exists()


def test_the_last_day_ends_where_the_account_is(as_owner, account):
    account.time_zone = "Pacific/Honolulu"
    account.save()
    token = token_in(post_key(as_owner, expires_on="2031-03-31"))
    ends = timezone.datetime.fromisoformat("2031-04-01T00:00:00-10:00")
    authenticate(bearer_header(token), scope="read", now=ends - timedelta(seconds=1))
    assert authentication_error(bearer_header(token), now=ends).code == "key_expired"


def test_the_list_asks_as_much_for_5_keys_as_for_100(as_owner, account):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            as_owner.get(reverse("api-keys"))
        return len(captured)

    for _ in range(5):
        create_api_key(account)
    queries()
    few = queries()
    for _ in range(95):
        create_api_key(account)
    assert queries() == few


# Letting in


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
def test_what_is_no_key_is_refused_with_the_reason(authorization, code):
    refused = authentication_error(authorization)
    assert (refused.code, refused.status) == (code, 401)
    assert refused.challenge.startswith('Bearer realm="api"')
    assert ("error=" in refused.challenge) == (code != "key_missing")
    assert refused.challenge.isascii()


def test_a_wrong_secret_is_refused_as_an_unknown_key_is(account):
    key, token = create_api_key(account)
    wrong, unknown = (
        authentication_error(bearer_header(token[:-1] + "x")),
        authentication_error(bearer_header("nrp_0_0")),
    )
    assert (wrong.code, wrong.detail) == (unknown.code, unknown.detail)
    api_keys.revoke_api_key(key, context=Context(api_keys.Actor(None, "web"), timezone.now()))
    assert authentication_error(bearer_header(token[:-1] + "x")).code == "key_unknown", (
        "only the holder is told that a key was revoked"
    )


def test_an_expired_key_is_refused_from_that_moment(account, now):
    _, token = create_api_key(account, expires_at=now)
    authenticate(bearer_header(token), scope="read", now=now - timedelta(microseconds=1))
    assert authentication_error(bearer_header(token), now=now).code == "key_expired"


@pytest.mark.parametrize("held", list(api_keys.SCOPES))
@pytest.mark.parametrize("wanted", list(api_keys.SCOPES))
def test_scopes_are_independent(account, held, wanted):
    _, token = create_api_key(account, held)
    if held == wanted:
        assert authenticate(bearer_header(token), scope=wanted, now=timezone.now()).account == account
        return
    refused = authentication_error(bearer_header(token), scope=wanted)
    assert (refused.status, refused.code) == (403, "scope_missing")
    assert f'error="insufficient_scope", error_description="{refused.detail}", scope="{wanted}"' in refused.challenge


def test_letting_in_takes_one_query_and_knows_the_account(account, django_assert_num_queries):
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
        return ApiKey.objects.get().last_used_at

    assert use(now) == now
    later = now + timedelta(seconds=59)
    with django_assert_num_queries(2):  # let in, and read again by this test
        assert use(later) == now
    assert use(now + timedelta(seconds=60)) == now + timedelta(seconds=60)
