"""Account > API keys: created and revoked by owners, shown once, and kept as a hash."""

import re
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.accounts.api_keys import LIFETIME, authenticate
from portal.accounts.api_keys.errors import AddressNotAllowed, KeyExpired, KeyRevoked, KeyStopped
from portal.models import ApiKey, AuditEvent, Member, today_of
from tests.factories import MemberFactory, UserFactory
from tests.support.pages import get_html
from tests.support.urls import create_api_key

pytestmark = pytest.mark.django_db


def post_key(client, **typed):
    return client.post(
        reverse("api-key-create"), {"name": "Dialer", "scopes": ["match", "read"], "lifetime": "365"} | typed
    )


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
    form_token = str(form["form_token"].value())
    token_in(post_key(as_owner, form_token=form_token))
    again = post_key(as_owner, form_token=form_token)
    assert again.status_code == 302
    assert "no second one was made" in get_html(as_owner.get(again.url))
    assert ApiKey.objects.count() == 1


def test_the_server_alone_generates_the_prefix(as_owner):
    sent = "0123456789"
    form_token = "01234567-89ab-4cde-8f01-23456789abcd"
    token = token_in(post_key(as_owner, key_prefix=sent, prefix=sent, form_token=form_token))
    prefix = ApiKey.objects.get().prefix
    assert token.split("_")[1] == prefix
    assert prefix not in (sent, form_token.replace("-", "")[: len(prefix)])


def test_the_same_form_token_in_another_account_makes_a_key_there(as_owner, client_for):
    form_token = "01234567-89ab-4cde-8f01-23456789abcd"
    stranger = client_for(MemberFactory(role=Member.Role.OWNER))
    token_in(post_key(as_owner, form_token=form_token))
    token_in(post_key(stranger, form_token=form_token))
    assert ApiKey.objects.values("account").distinct().count() == 2


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
    assert client.post(reverse("api-key-take-over", args=[key.pk])).status_code == 403
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
    too_late = timezone.localdate() + LIFETIME + timedelta(days=2)
    assert "a year at most" in get_html(post_key(as_owner, expires_on=str(too_late)))
    assert "Choose for how long" in get_html(post_key(as_owner, lifetime=""))
    assert "9999 is not one of" in get_html(post_key(as_owner, lifetime="9999"))
    assert "203.0.113.999 is no address" in get_html(post_key(as_owner, allowed_networks="203.0.113.999"))
    assert post_key(as_owner, form_token="\x00").status_code == 200
    assert not ApiKey.objects.exists()


def test_last_day_of_a_key_ends_in_the_time_zone_of_the_account(as_owner, account):
    account.time_zone = "Pacific/Honolulu"
    account.save()
    last_day = today_of(account, timezone.now()) + timedelta(days=40)
    token = token_in(post_key(as_owner, expires_on=str(last_day)))
    ends = datetime.combine(last_day + timedelta(days=1), time(), ZoneInfo("Pacific/Honolulu"))
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


@pytest.mark.parametrize("days", [30, 90, 180, 365])
def test_keys_expire_after_a_year_or_sooner_as_chosen(as_owner, account, days):
    form = as_owner.get(reverse("api-key-create")).context["form"]
    assert form["lifetime"].value() == 365
    post_key(as_owner, lifetime=str(days))
    key = ApiKey.objects.get()
    last_day = today_of(account, timezone.now()) + timedelta(days=days)
    zone = ZoneInfo(account.time_zone)
    assert key.expires_at == datetime.combine(last_day + timedelta(days=1), time(), zone)
    expires = key.expires_at.astimezone(zone)
    assert f"{expires.day} {expires:%b %Y, %H:%M:%S %Z}" in get_html(as_owner.get(reverse("api-keys")))


def test_a_key_that_is_bound_to_addresses_says_so(as_owner):
    token = token_in(post_key(as_owner, allowed_networks="203.0.113.7\n2001:db8::/32"))
    now = timezone.now()
    authenticate(f"Bearer {token}", scope="read", now=now, address="203.0.113.7")
    with pytest.raises(AddressNotAllowed):
        authenticate(f"Bearer {token}", scope="read", now=now, address="203.0.113.8")
    assert "only from 203.0.113.7 2001:db8::/32" in get_html(as_owner.get(reverse("api-keys")))
    assert AuditEvent.objects.get(code="api_key.made").reason == "Only from 203.0.113.7, 2001:db8::/32"


def test_an_owner_takes_over_the_key_of_somebody_who_left(as_owner, account, owner):
    maker = UserFactory(name="Pat Gone")
    key, token = create_api_key(account, name="Dialer in Seattle")
    ApiKey.objects.update(created_by=maker)
    url = reverse("api-key-take-over", args=[key.pk])
    with pytest.raises(KeyStopped):
        authenticate(f"Bearer {token}", scope="read", now=timezone.now())
    page = get_html(as_owner.get(reverse("api-keys")))
    assert "Stopped" in page
    assert "Pat Gone may no longer make keys" in page
    assert url in page
    assert "It works again at once" in get_html(as_owner.get(url, headers={"HX-Request": "true"}))
    assert "You answer for Dialer in Seattle" in get_html(as_owner.post(url, follow=True))
    authenticate(f"Bearer {token}", scope="read", now=timezone.now())
    assert url not in get_html(as_owner.get(reverse("api-keys")))
    assert "Nothing was changed" in get_html(as_owner.post(url, follow=True))
    taken_over = AuditEvent.objects.get(code="api_key.taken_over")
    assert (taken_over.actor, taken_over.texts.before, taken_over.texts.after) == (
        owner.user,
        maker.email,
        owner.user.email,
    )


def test_a_revoked_key_cannot_be_taken_over(as_owner, account, now):
    key, _ = create_api_key(account)
    ApiKey.objects.update(created_by=UserFactory(), revoked_at=now)
    assert "Nothing was changed" in get_html(as_owner.post(reverse("api-key-take-over", args=[key.pk]), follow=True))
    assert ApiKey.objects.get().taken_over_by is None


def test_who_ends_a_membership_is_told_which_keys_stop(as_owner, account):
    leaving = MemberFactory(account=account, role=Member.Role.OWNER)
    create_api_key(account, name="Dialer in Seattle")
    ApiKey.objects.update(created_by=leaving.user)
    create_api_key(account, name="Reports")
    remove = reverse("member-remove", args=[leaving.pk])
    assert "Dialer in Seattle" in get_html(as_owner.get(remove))
    change = reverse("member-change-role", args=[leaving.pk])
    assert "stopped: Dialer in Seattle." in get_html(
        as_owner.post(change, {"role": "admin", "shown": "owner"}, follow=True)
    )
    assert "stopped: Dialer in Seattle." in get_html(as_owner.post(remove, follow=True))
