"""Account > API keys: created and revoked by owners, shown once, and kept as a hash."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.accounts.api_keys import KeyExpired, KeyRevoked, authenticate
from portal.models import ApiKey, AuditEvent
from tests.support.pages import get_html
from tests.support.urls import create_api_key

pytestmark = pytest.mark.django_db


def post_key(client, **typed):
    return client.post(reverse("api-key-create"), {"name": "Dialer", "scopes": ["match", "read"]} | typed)


def token_in(answer) -> str:
    return re.search(r'value="(nrp_[0-9a-f]+_[0-9a-f]+)"', get_html(answer))[1]


def test_a_key_is_shown_once_and_works(as_owner, account, owner):
    answer = post_key(as_owner)
    token = token_in(answer)
    assert "no-store" in answer.headers["Cache-Control"]
    caller = authenticate(f"Bearer {token}", scope="match", now=timezone.now())
    assert (caller.account, caller.name, caller.pk) == (account, "Dialer", ApiKey.objects.get().pk)
    assert (ApiKey.objects.get().created_by, ApiKey.objects.get().scope_list) == (owner.user, ["match", "read"])
    assert token not in get_html(as_owner.get(reverse("api-keys")))


def test_secret_of_a_key_is_not_stored(as_owner):
    secret = token_in(post_key(as_owner)).rpartition("_")[2]
    kept = [str(row) for model in (ApiKey, AuditEvent) for row in model.objects.values()]
    assert not [row for row in kept if secret in row]


def test_form_sent_twice_creates_one_key_and_shows_a_message(as_owner):
    form = as_owner.get(reverse("api-key-create")).context["form"]
    prefix = form["key_prefix"].value()
    token = token_in(post_key(as_owner, key_prefix=prefix))
    assert token.split("_")[1] == prefix
    again = post_key(as_owner, key_prefix=prefix)
    assert again.status_code == 302
    assert "no second one was made" in get_html(as_owner.get(again.url))
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize("who", ["as_admin", "as_viewer"])
def test_admins_and_viewers_can_list_but_not_create_or_revoke_keys(request, who, account):
    client = request.getfixturevalue(who)
    key, _ = create_api_key(account, name="Dialer in Seattle")
    page = get_html(client.get(reverse("api-keys")))
    assert "Dialer in Seattle" in page
    assert f"nrp_{key.prefix}" in page
    assert reverse("api-key-create") not in page
    assert post_key(client).status_code == 403
    assert client.post(reverse("api-key-revoke", args=[key.pk])).status_code == 403
    assert ApiKey.objects.get().revoked_at is None


def test_creation_and_revocation_are_in_the_audit_trail(as_owner, owner):
    post_key(as_owner)
    key = ApiKey.objects.get()
    as_owner.post(reverse("api-key-revoke", args=[key.pk]))
    assert list(AuditEvent.objects.order_by("pk").values_list("code", "after", "actor")) == [
        ("api_key.made", "match, read", owner.user_id),
        ("api_key.revoked", "", owner.user_id),
    ]
    page = get_html(as_owner.get(reverse("audit-trail"), {"kind": "account"}))
    assert "API key made" in page


def test_revocation_asks_for_confirmation_and_is_done_once(as_owner, account):
    key, token = create_api_key(account)
    url = reverse("api-key-revoke", args=[key.pk])
    assert "refused at once" in as_owner.get(url).content.decode()
    assert "<dialog" in get_html(as_owner.get(url, headers={"HX-Request": "true"}))
    authenticate(f"Bearer {token}", scope="read", now=timezone.now())
    as_owner.post(url)
    with pytest.raises(KeyRevoked):
        authenticate(f"Bearer {token}", scope="read", now=timezone.now())
    revoked_at = ApiKey.objects.get().revoked_at
    assert "revoked before" in get_html(as_owner.post(url, follow=True))
    assert ApiKey.objects.get().revoked_at == revoked_at


def test_key_without_scopes_or_with_an_invalid_last_day_is_not_created(as_owner):
    yesterday = timezone.localdate() - timedelta(days=2)
    assert "Choose what the key may do" in get_html(post_key(as_owner, scopes=[]))
    assert "This day is over" in get_html(post_key(as_owner, expires_on=str(yesterday)))
    assert "This is not a date" in get_html(post_key(as_owner, expires_on="soon"))
    assert not ApiKey.objects.exists()


def test_last_day_of_a_key_ends_in_the_time_zone_of_the_account(as_owner, account):
    account.time_zone = "Pacific/Honolulu"
    account.save()
    token = token_in(post_key(as_owner, expires_on="2031-03-31"))
    ends = timezone.datetime.fromisoformat("2031-04-01T00:00:00-10:00")
    authenticate(f"Bearer {token}", scope="read", now=ends - timedelta(seconds=1))
    with pytest.raises(KeyExpired):
        authenticate(f"Bearer {token}", scope="read", now=ends)


def test_query_count_is_the_same_for_5_and_100_keys(as_owner, account):
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
