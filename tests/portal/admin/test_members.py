"""Members in Django admin: operators add them by e-mail address, and each change mails the owners."""

import pytest
from django.core import mail
from django.urls import reverse

from portal.models import AuditEvent, Member, User
from tests.factories import MemberFactory, UserFactory
from tests.portal.admin.forms import account_form, member_row
from tests.support.mails import send_mails

pytestmark = pytest.mark.django_db

Role = Member.Role


@pytest.fixture
def save_members(account):
    """Return a function that submits the account form with these members, and sends the mails."""

    def save(client, *rows):
        url = reverse("admin:portal_account_change", args=[account.pk])
        answer = client.post(url, account_form(account, members=rows), follow=True)
        send_mails()
        return answer

    return save


def audit_events() -> list[tuple[str, str, str]]:
    changes = AuditEvent.objects.exclude(code="staff.opened").order_by("pk")
    return list(changes.values_list("code", "before", "after"))


def mails_to(address: str) -> list[mail.EmailMessage]:
    return [message for message in mail.outbox if address in message.to]


def test_new_member_is_added_and_invited_and_the_owners_are_mailed(as_operator, account, owner, save_members):
    save_members(as_operator, member_row(owner), {"email": "New@Example.com", "role": Role.ADMIN})
    member = Member.objects.get(user__email="new@example.com")
    assert (member.account, member.role) == (account, Role.ADMIN)
    assert audit_events() == [("member.added", "", "admin")]
    [invitation] = mails_to("new@example.com")
    assert "/password/set/" in invitation.body
    [told] = mails_to(owner.user.email)
    assert f"Member added: admin (new@example.com in {account.name})" in told.body


def test_owners_are_mailed_when_an_operator_adds_themselves_as_owner(account, owner, client, save_members):
    operator = UserFactory(staff_role=User.StaffRole.OPERATOR)
    client.force_login(operator)
    save_members(client, member_row(owner), {"email": operator.email, "role": Role.OWNER})
    assert account.members.filter(user=operator, role=Role.OWNER).exists()
    [told] = mails_to(owner.user.email)
    assert operator.get_full_name() in told.body
    assert f"Member added: owner ({operator.email} in {account.name})" in told.body
    event = AuditEvent.objects.get()
    assert (event.actor, event.via, event.code, event.after) == (operator, "admin", "member.added", "owner")


@pytest.mark.parametrize("role", [User.StaffRole.REVIEWER, User.StaffRole.NONE])
def test_user_who_is_not_an_operator_cannot_add_themselves_as_owner(account, owner, client, save_members, role):
    user = UserFactory(staff_role=role)
    client.force_login(user)
    answer = save_members(client, member_row(owner), {"email": user.email, "role": Role.OWNER})
    assert answer.status_code == 403 or answer.redirect_chain
    assert not account.members.filter(user=user).exists()
    assert audit_events() == []
    assert mail.outbox == []


def test_owner_is_replaced_in_one_step_and_both_are_mailed(as_operator, owner, save_members):
    save_members(as_operator, member_row(owner, DELETE="on"), {"email": "successor@example.com", "role": Role.OWNER})
    assert audit_events() == [("member.added", "", "owner"), ("member.removed", "owner", "")]
    [told] = mails_to(owner.user.email)
    assert "Member removed" in told.body
    assert mails_to("successor@example.com")


def test_role_is_changed_and_the_owners_are_mailed(as_operator, owner, viewer, save_members):
    save_members(as_operator, member_row(owner), member_row(viewer, role=Role.ADMIN))
    viewer.refresh_from_db()
    assert viewer.role == Role.ADMIN
    assert audit_events() == [("member.role", "viewer", "admin")]
    [told] = mails_to(owner.user.email)
    assert "Role changed: viewer → admin" in told.body


def test_the_address_of_a_member_cannot_be_changed(as_operator, owner, save_members):
    save_members(as_operator, member_row(owner, email=UserFactory().email))
    user = owner.user
    owner.refresh_from_db()
    assert owner.user == user
    assert audit_events() == []


@pytest.mark.parametrize("change", [{"role": Role.VIEWER}, {"DELETE": "on"}])
def test_last_owner_cannot_be_removed_or_demoted(as_operator, owner, save_members, change):
    answer = save_members(as_operator, member_row(owner, **change))
    assert "An account needs an owner" in answer.content.decode()
    owner.refresh_from_db()
    assert owner.role == Role.OWNER
    assert audit_events() == []


def test_last_active_owner_cannot_be_removed(as_operator, account, owner, save_members):
    inactive = MemberFactory(account=account, role=Role.OWNER, user__is_active=False)
    answer = save_members(as_operator, member_row(owner, DELETE="on"), member_row(inactive))
    assert "last owner" in answer.content.decode()
    assert account.members.count() == 2
    assert audit_events() == []
    assert mail.outbox == []


def test_existing_or_repeated_member_is_refused(as_operator, owner, viewer, save_members):
    twice = {"email": "new@example.com", "role": Role.VIEWER}
    answers = [
        save_members(as_operator, member_row(owner), twice, twice),
        save_members(as_operator, member_row(owner), {"email": viewer.user.email, "role": Role.ADMIN}),
    ]
    assert "only once" in answers[0].content.decode()
    assert "a member already" in answers[1].content.decode()
    assert audit_events() == []


def test_inactive_user_is_refused_at_the_field(as_operator, owner, save_members):
    UserFactory(email="gone@example.com", is_active=False)
    answer = save_members(as_operator, member_row(owner), {"email": "gone@example.com", "role": Role.VIEWER})
    assert "kept from signing in" in answer.content.decode()
    assert audit_events() == []


def test_a_mail_that_cannot_be_sent_does_not_undo_the_change(as_operator, account, owner, settings, save_members):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    save_members(as_operator, member_row(owner), {"email": "new@example.com", "role": Role.VIEWER})
    assert account.members.filter(user__email="new@example.com").exists()
