"""Inviting people to an account, and their answer: nobody is a member before they accept."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.accounts import invitations, members
from portal.audit import Context
from portal.models import AuditEvent, Invitation, Member, OutgoingMail, User
from portal.models.invitations import INVITATION_LIFETIME
from reputation import retention
from tests.factories import InvitationFactory, MemberFactory, UserFactory
from tests.support.mails import read_code, send_mails, set_password
from tests.support.pages import get_html, messages_in

pytestmark = pytest.mark.django_db

Role = Member.Role


def invite(client, email, role=Role.VIEWER):
    answer = client.post(reverse("member-add"), {"email": email, "role": role}, follow=True)
    send_mails()
    return answer


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def audit_events() -> list[tuple[str, str, str]]:
    events = AuditEvent.objects.with_actors().order_by("pk")
    return [(event.code, event.texts.label, event.texts.after) for event in events]


@pytest.fixture
def invitation(account, owner) -> Invitation:
    """Of somebody who has a user and no account."""
    return InvitationFactory(account=account, email=UserFactory(email="new@example.com").email, invited_by=owner.user)


@pytest.fixture
def invited(invitation) -> Client:
    return sign_in(User.objects.get(email=invitation.email))


# Inviting


def test_new_person_sets_a_password_signs_in_and_accepts(as_owner, account, client):
    invite(as_owner, "New@Example.com", Role.ADMIN)
    assert not Member.objects.filter(user__email="new@example.com").exists()
    [message] = mail.outbox
    assert message.to == ["new@example.com"]
    set_password(client, read_code(message.body), "a long enough one")
    assert client.login(username="new@example.com", password="a long enough one")
    page = client.get(reverse("overview"), follow=True)
    assert account.name in get_html(page)
    answer = client.post(reverse("invitation-accept", args=[Invitation.objects.get().pk]), follow=True)
    assert f"You are a member of {account.name} now." in messages_in(answer)
    assert Member.objects.get(user__email="new@example.com").role == Role.ADMIN
    assert not Invitation.objects.exists()
    events = [event for event in audit_events() if not event[0].startswith(("sign_in.", "password."))]
    assert events == [
        ("invitation.sent", "new@example.com", "admin"),
        ("member.added", f"new@example.com in {account.name}", "admin"),
    ]


def test_mail_has_no_words_that_the_account_chose(as_owner, account, owner):
    """Otherwise the portal would send an account's name to strangers, as if it were its own words."""
    account.name = "Your bank: confirm at https://evil.example"
    account.save()
    owner.user.name = "https://evil.example"
    owner.user.save()
    invite(as_owner, "stranger@example.com")
    [message] = mail.outbox
    assert message.subject == "You are invited to the Number Reputation portal"
    assert "evil.example" not in message.body
    assert owner.user.email in message.body


def test_existing_user_is_told_to_sign_in_as_before(as_owner):
    UserFactory(email="known@example.com")
    invite(as_owner, "KNOWN@example.com")
    [message] = mail.outbox
    assert "Sign in as before and accept the invitation" in message.body
    assert reverse("invitations") in message.body
    assert "/password/set/" not in message.body


def test_existing_member_is_refused_at_the_field(as_owner, viewer):
    answer = invite(as_owner, viewer.user.email)
    assert "a member already" in answer.context["form"].errors["email"][0]
    assert f'value="{viewer.user.email}"' in get_html(answer)


def test_inactive_user_is_refused(as_owner):
    UserFactory(email="gone@example.com", is_active=False)
    assert "kept from signing in" in invite(as_owner, "gone@example.com").context["form"].errors["email"][0]
    assert not Invitation.objects.exists()


def test_invalid_address_is_refused_and_stays_in_the_field(as_owner):
    answer = invite(as_owner, "dana at example")
    assert "not an e-mail address" in get_html(answer)
    assert 'value="dana at example"' in get_html(answer)


def test_inviting_again_renews_the_invitation(as_owner, invitation):
    Invitation.objects.update(created_at=timezone.now() - INVITATION_LIFETIME)
    invite(as_owner, "new@example.com", Role.ADMIN)
    again = Invitation.objects.get()
    assert (again.pk, again.role) == (invitation.pk, Role.ADMIN)
    assert again.expires_at > timezone.now()


def test_open_invitations_of_an_account_are_limited(as_owner, account, monkeypatch):
    monkeypatch.setattr(invitations, "MAX_OPEN", 2)
    InvitationFactory.create_batch(2, account=account)
    InvitationFactory(account=account, created_at=timezone.now() - INVITATION_LIFETIME)
    assert "Withdraw some of them first" in invite(as_owner, "new@example.com").context["form"].errors["email"][0]
    assert Invitation.objects.for_account(account).count() == 3


def test_invitation_waits_while_the_mail_server_is_down(as_owner, settings):
    backend = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    invite(as_owner, "new@example.com")
    settings.EMAIL_BACKEND = backend
    assert [message.to for message in send_mails(timezone.now() + timedelta(minutes=1))] == [["new@example.com"]]


def test_invitation_that_was_withdrawn_before_the_mail_was_sent_sends_none(as_owner):
    as_owner.post(reverse("member-add"), {"email": "new@example.com", "role": Role.VIEWER})
    as_owner.post(reverse("invitation-withdraw", args=[Invitation.objects.get().pk]))
    assert send_mails() == []
    assert not OutgoingMail.objects.exists()


# Answering


def test_person_without_an_account_is_led_to_their_invitations(invited, account):
    page = invited.get(reverse("overview"), follow=True)
    assert page.redirect_chain == [(reverse("invitations"), 302)]
    assert account.name in get_html(page)


def test_member_of_another_account_accepts_and_the_account_is_shown(invitation, account):
    other = MemberFactory(user=User.objects.get(email=invitation.email))
    client = sign_in(other.user)
    answer = client.post(reverse("invitation-accept", args=[invitation.pk]), follow=True)
    assert account.name in get_html(answer)
    assert Member.objects.filter(user=other.user).count() == 2


def test_declined_invitation_is_gone_and_the_account_sees_who_declined(invited, invitation):
    answer = invited.post(reverse("invitation-decline", args=[invitation.pk]), follow=True)
    assert "You declined the invitation" in messages_in(answer)
    assert not Invitation.objects.exists()
    assert not Member.objects.filter(user__email=invitation.email).exists()
    event = AuditEvent.objects.with_actors().get(code="invitation.declined")
    assert event.identity.email == "new@example.com"


@pytest.mark.parametrize("name", ["invitation-accept", "invitation-decline"])
def test_invitation_of_somebody_else_is_not_found(as_viewer, invitation, name):
    assert as_viewer.post(reverse(name, args=[invitation.pk])).status_code == 404
    assert Invitation.objects.exists()


def test_expired_invitation_is_neither_shown_nor_accepted_and_is_deleted(invited, invitation, account):
    Invitation.objects.update(created_at=timezone.now() - INVITATION_LIFETIME)
    assert account.name not in get_html(invited.get(reverse("invitations")))
    assert invited.post(reverse("invitation-accept", args=[invitation.pk])).status_code == 404
    assert retention.STEPS["prune invitations"](timezone.now()) == 1


def test_second_click_finds_nothing_to_accept(invited, invitation):
    invited.post(reverse("invitation-accept", args=[invitation.pk]))
    assert invited.post(reverse("invitation-accept", args=[invitation.pk])).status_code == 404
    assert Member.objects.filter(user__email=invitation.email).count() == 1


def test_invitation_that_is_withdrawn_in_between_makes_no_member(invitation, actor, now):
    user = User.objects.get(email=invitation.email)
    assert invitations.withdraw(invitation, context=Context(actor, now))
    assert invitations.accept(invitation, user=user, context=Context(actor, now)) is None
    assert not invitations.withdraw(invitation, context=Context(actor, now))
    assert not Member.objects.filter(user=user).exists()


# The list


def test_members_see_who_is_invited_and_owners_withdraw(as_owner, as_viewer, invitation):
    withdraw = reverse("invitation-withdraw", args=[invitation.pk])
    assert invitation.email in get_html(as_viewer.get(reverse("members")))
    assert as_viewer.post(withdraw).status_code == 403
    assert withdraw in get_html(as_owner.get(reverse("members")))
    assert "was withdrawn" in messages_in(as_owner.post(withdraw, follow=True))
    assert not Invitation.objects.exists()


def test_another_accounts_invitation_is_not_found(as_owner):
    foreign = InvitationFactory()
    assert as_owner.post(reverse("invitation-withdraw", args=[foreign.pk])).status_code == 404
    assert Invitation.objects.filter(pk=foreign.pk).exists()


def test_whoever_runs_the_portal_adds_an_invited_person_at_once(account, invitation, actor, now):
    members.add_member(account=account, email=invitation.email, role=Role.VIEWER, context=Context(actor, now))
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("name", ["members", "invitations"])
def test_query_count_is_the_same_for_2_and_50_invitations(as_owner, owner, account, name):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            as_owner.get(reverse(name))
        return len(captured)

    def add(count: int) -> None:
        InvitationFactory.create_batch(count, account=account)
        for _ in range(count):
            InvitationFactory(email=owner.user.email)

    add(2)
    queries()
    few = queries()
    add(48)
    assert queries() == few
