"""Account > Members: list, change roles, remove."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.accounts import members
from portal.audit import Context
from portal.models import AuditEvent, Member, User
from tests.factories import MemberFactory
from tests.support.pages import get_html, messages_in

pytestmark = pytest.mark.django_db

Role = Member.Role


def audit_events() -> list[tuple[str, str, str]]:
    return list(AuditEvent.objects.order_by("pk").values_list("code", "before", "after"))


def test_only_members_of_the_account_are_listed(as_viewer, account, owner, viewer):
    MemberFactory(user__email="stranger@example.com")
    page = get_html(as_viewer.get(reverse("members")))
    assert owner.user.name in page
    assert viewer.user.email in page
    assert "stranger@example.com" not in page


@pytest.mark.parametrize("who", ["as_admin", "as_viewer"])
def test_member_who_is_not_an_owner_sees_no_forms_and_is_refused(request, who, owner):
    client = request.getfixturevalue(who)
    page = get_html(client.get(reverse("members")))
    assert reverse("member-add") not in page
    assert reverse("member-remove", args=[owner.pk]) not in page
    assert client.post(reverse("member-add"), {"email": "new@example.com", "role": "viewer"}).status_code == 403
    assert client.post(reverse("member-change-role", args=[owner.pk]), {"role": Role.VIEWER}).status_code == 403
    assert client.post(reverse("member-remove", args=[owner.pk])).status_code == 403
    assert not User.objects.filter(email="new@example.com").exists()


# Changing and removing


def test_a_role_is_changed(as_owner, viewer):
    url = reverse("member-change-role", args=[viewer.pk])
    answer = as_owner.post(url, {"role": Role.ADMIN, "shown": Role.VIEWER}, follow=True)
    viewer.refresh_from_db()
    assert viewer.role == Role.ADMIN
    assert "is now admin" in messages_in(answer)
    assert audit_events() == [("member.role", "viewer", "admin")]


def test_stale_page_does_not_change_a_role(as_owner, viewer, actor, now):
    members.change_role(viewer, role=Role.ADMIN, expected_role=Role.VIEWER, context=Context(actor, now))
    url = reverse("member-change-role", args=[viewer.pk])
    answer = as_owner.post(url, {"role": Role.OWNER, "shown": Role.VIEWER}, follow=True)
    viewer.refresh_from_db()
    assert viewer.role == Role.ADMIN
    assert "meanwhile" in messages_in(answer)


def test_unknown_role_changes_nothing(as_owner, viewer):
    url = reverse("member-change-role", args=[viewer.pk])
    assert "no such role" in messages_in(as_owner.post(url, {"role": "king", "shown": "viewer"}, follow=True))
    viewer.refresh_from_db()
    assert viewer.role == Role.VIEWER


def test_removal_asks_for_confirmation(as_owner, viewer):
    url = reverse("member-remove", args=[viewer.pk])
    assert viewer.user.email in get_html(as_owner.get(url))
    assert Member.objects.filter(pk=viewer.pk).exists()
    as_owner.post(url)
    assert not Member.objects.filter(pk=viewer.pk).exists()
    assert User.objects.filter(pk=viewer.user_id).exists()
    assert audit_events() == [("member.removed", "viewer", "")]


def test_the_last_owner_is_neither_removed_nor_demoted(as_owner, owner, admin):
    answer = as_owner.post(reverse("member-remove", args=[owner.pk]), follow=True)
    assert "last owner" in messages_in(answer)
    url = reverse("member-change-role", args=[owner.pk])
    assert "last owner" in messages_in(as_owner.post(url, {"role": Role.ADMIN, "shown": Role.OWNER}, follow=True))
    owner.refresh_from_db()
    assert owner.role == Role.OWNER
    assert audit_events() == []


def test_owner_can_leave_when_another_owner_stays(as_owner, account, owner):
    MemberFactory(account=account, role=Role.OWNER)
    as_owner.post(reverse("member-remove", args=[owner.pk]))
    assert not Member.objects.filter(pk=owner.pk).exists()
    assert as_owner.get(reverse("overview")).status_code == 403


def test_another_accounts_member_is_not_found(as_owner):
    foreign = MemberFactory(role=Role.OWNER)
    for name in ("member-change-role", "member-remove"):
        assert as_owner.post(reverse(name, args=[foreign.pk]), {"role": Role.VIEWER}).status_code == 404
    assert Member.objects.filter(pk=foreign.pk, role=Role.OWNER).exists()


def test_query_count_is_the_same_for_5_and_500_members(as_owner, account):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            as_owner.get(reverse("members"))
        return len(captured)

    MemberFactory.create_batch(5, account=account)
    queries()
    few = queries()
    MemberFactory.create_batch(495, account=account)
    assert queries() == few
