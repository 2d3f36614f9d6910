"""Account > Your settings: name and digests of the user, and name and time zone of the account."""

from datetime import timedelta

import pytest
from django.urls import reverse

from portal.models import AuditEvent, Member
from tests.factories import MemberFactory
from tests.support.pages import get_html, messages_in

pytestmark = pytest.mark.django_db

Digest = Member.Digest


def account_form(account, **changed) -> dict[str, str]:
    shown = {"name": account.name, "time_zone": account.time_zone}
    return {f"initial-{field}": value for field, value in shown.items()} | shown | changed


def test_a_viewer_changes_their_own_name_and_mails(as_viewer, viewer):
    data = {"name": "Dana Diaz", f"digest_{viewer.pk}": Digest.AT_ONCE}
    assert "Saved" in messages_in(as_viewer.post(reverse("preferences"), data, follow=True))
    viewer.refresh_from_db()
    assert (viewer.user.name, viewer.digest) == ("Dana Diaz", Digest.AT_ONCE)


def test_digest_is_chosen_for_each_account(as_admin, admin):
    other = MemberFactory(user=admin.user, digest=Digest.DAILY)
    data = {"name": "", f"digest_{admin.pk}": Digest.NEVER, f"digest_{other.pk}": Digest.AT_ONCE}
    as_admin.post(reverse("preferences"), data)
    admin.refresh_from_db()
    other.refresh_from_db()
    assert (admin.digest, other.digest) == (Digest.NEVER, Digest.AT_ONCE)


def test_unknown_digest_is_refused_at_the_field(as_viewer, viewer):
    answer = as_viewer.post(reverse("preferences"), {"name": "Dana", f"digest_{viewer.pk}": "hourly"})
    assert answer.context["profile_form"].errors
    viewer.refresh_from_db()
    assert viewer.digest == Digest.DAILY
    assert viewer.user.name != "Dana"


def test_first_digest_after_never_covers_only_later_events(as_viewer, viewer, now):
    Member.objects.filter(pk=viewer.pk).update(digest=Digest.NEVER, digest_sent_at=now - timedelta(days=90))
    as_viewer.post(reverse("preferences"), {"name": "", f"digest_{viewer.pk}": Digest.AT_ONCE})
    viewer.refresh_from_db()
    assert viewer.digest_sent_at >= now


def test_an_owner_changes_the_accounts_name_and_time_zone(as_owner, account):
    data = account_form(account, name="Cascade Energy LLC", time_zone="America/Chicago")
    as_owner.post(reverse("account-settings"), data)
    account.refresh_from_db()
    assert (account.name, account.time_zone) == ("Cascade Energy LLC", "America/Chicago")
    events = AuditEvent.objects.order_by("pk").values_list("code", "before", "after")
    assert list(events) == [
        ("account.name", "Cascade Solar LLC", "Cascade Energy LLC"),
        ("account.time_zone", "America/New_York", "America/Chicago"),
    ]


def test_stale_page_changes_only_edited_fields(as_owner, account):
    old_page = account_form(account, time_zone="America/Chicago")
    account.name = "Renamed meanwhile"
    account.save()
    as_owner.post(reverse("account-settings"), old_page)
    account.refresh_from_db()
    assert (account.name, account.time_zone) == ("Renamed meanwhile", "America/Chicago")


def test_unknown_time_zone_is_refused_and_the_typed_name_is_kept(as_owner, account):
    data = account_form(account, name="Typed name", time_zone="America/Atlantis")
    answer = as_owner.post(reverse("account-settings"), data)
    assert answer.context["account_form"].errors["time_zone"]
    assert 'value="Typed name"' in get_html(answer)
    account.refresh_from_db()
    assert account.name == "Cascade Solar LLC"


@pytest.mark.parametrize("who", ["as_admin", "as_viewer"])
def test_only_an_owner_changes_the_account(request, who, account):
    client = request.getfixturevalue(who)
    assert reverse("account-settings") not in get_html(client.get(reverse("preferences")))
    assert client.post(reverse("account-settings"), account_form(account, name="Mine")).status_code == 403
    account.refresh_from_db()
    assert account.name == "Cascade Solar LLC"
