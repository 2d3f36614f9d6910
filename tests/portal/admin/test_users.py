"""Users in Django admin: superusers add them and set their staff role."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.accounts.people import end_all_sessions
from portal.audit import Context
from portal.audit.labels import describe_event
from portal.models import AuditEvent, User
from tests.factories import MemberFactory, UserFactory
from tests.support.mails import read_code, send_mails, set_password

pytestmark = pytest.mark.django_db

PASSWORD = "a long enough one"
NEW_PASSWORD = "battery staple horse"
SESSIONS_QUERIES = 14


def add_user(client: Client, email: str, staff_role: str = "") -> None:
    data = {"email": email, "name": "", "usable_password": "true", "staff_role": staff_role}
    client.post(reverse("admin:portal_user_add"), data | {"password1": PASSWORD, "password2": PASSWORD})


def sign_in(email: str, password: str = PASSWORD) -> Client:
    client = Client()
    client.post(reverse("account_login"), {"username": email, "password": password})
    return client


def sign_in_user(user: User) -> Client:
    return sign_in(user.email, "correct horse battery")


@pytest.mark.parametrize(("staff_role", "status"), [("", 302), ("operator", 200)])
def test_person_whom_a_superuser_adds_chooses_their_password(as_superuser, staff_role, status):
    add_user(as_superuser, "New@Example.com", staff_role)
    user = User.objects.get(email="new@example.com")
    assert not user.has_usable_password(), "what the superuser sent counts for nothing"
    assert not Client().login(username=user.email, password=PASSWORD)
    (sent,) = send_mails()
    assert sent.to[0].lower() == user.email
    assert "for 3 days" in sent.body
    set_password(Client(), read_code(sent.body), NEW_PASSWORD)
    client = sign_in(user.email, NEW_PASSWORD)
    assert is_signed_in(client)
    assert client.get(reverse("admin:portal_account_changelist")).status_code == status


def test_form_for_a_new_person_asks_for_no_password(as_superuser):
    page = as_superuser.get(reverse("admin:portal_user_add")).content.decode()
    assert "gets a mail with a link to set a password" in page
    assert 'type="password"' not in page


def test_superuser_sets_the_staff_role_of_a_user(as_superuser):
    user = UserFactory()
    url = reverse("admin:portal_user_change", args=[user.pk])
    as_superuser.post(url, {"email": user.email, "name": "", "is_active": "on", "staff_role": "operator"})
    user.refresh_from_db()
    assert user.staff_role == User.StaffRole.OPERATOR


@pytest.mark.parametrize("role", [User.StaffRole.REVIEWER, User.StaffRole.OPERATOR])
def test_reviewers_and_operators_cannot_change_users_or_roles(client, role):
    user, other = UserFactory(staff_role=role), UserFactory()
    client.force_login(user)
    for target in (user, other):
        url = reverse("admin:portal_user_change", args=[target.pk])
        data = {"email": target.email, "is_active": "on", "staff_role": "superuser"}
        assert client.get(url).status_code == 403
        assert client.post(url, data).status_code == 403
        assert client.post(reverse("admin:auth_user_password_change", args=[target.pk]), {}).status_code == 403
        before = target.staff_role
        target.refresh_from_db()
        assert target.staff_role == before
    assert client.get(reverse("admin:portal_user_add")).status_code == 403
    assert client.get(reverse("admin:portal_user_changelist")).status_code == 403


def test_deactivated_staff_user_cannot_open_django_admin(client):
    user = UserFactory(staff_role=User.StaffRole.SUPERUSER)
    client.force_login(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.get(reverse("admin:index")).status_code == 302


@pytest.fixture
def signed_in(db) -> tuple[User, Client]:
    """A user, and a client that is signed in as them."""
    user = UserFactory()
    return user, sign_in_user(user)


def is_signed_in(client: Client) -> bool:
    return client.get(reverse("preferences")).status_code != 302


def save_user(client: Client, user: User, **values: str) -> None:
    url = reverse("admin:portal_user_change", args=[user.pk])
    assert client.post(url, {"email": user.email, "name": "", "staff_role": "", **values}).status_code == 302


def end_sessions(client: Client, *users: User) -> str:
    data = {"action": "end_sessions", "_selected_action": [user.pk for user in users]}
    return client.post(reverse("admin:portal_user_changelist"), data, follow=True).content.decode()


def test_sessions_of_a_deactivated_person_do_not_come_back(as_superuser, signed_in):
    user, client = signed_in
    assert is_signed_in(client)
    save_user(as_superuser, user)
    save_user(as_superuser, user, is_active="on")
    assert User.objects.get(pk=user.pk).is_active
    assert not is_signed_in(client)
    assert is_signed_in(as_superuser)


def test_sessions_of_a_renamed_person_go_on(as_superuser, signed_in):
    user, client = signed_in
    save_user(as_superuser, user, is_active="on", name="Pat")
    assert is_signed_in(client)


def test_superuser_ends_all_sessions_of_the_chosen_people(as_superuser, signed_in, account):
    user, client = signed_in
    member, other = MemberFactory(account=account), MemberFactory(account=account)
    chosen, kept = [client, sign_in_user(member.user), sign_in_user(member.user)], sign_in_user(other.user)
    assert "3 sessions ended." in end_sessions(as_superuser, user, member.user)
    assert not any(map(is_signed_in, chosen))
    assert is_signed_in(kept)
    events = AuditEvent.objects.filter(code="sign_in.ended_by_staff").with_actors()
    assert {(event.account_id, event.texts.label) for event in events} == {
        (None, user.email),
        (account.pk, member.user.email),
    }
    assert describe_event(events[0]).sentence == "All sessions ended by staff"


def test_superuser_who_ends_their_own_sessions_keeps_this_one(as_superuser):
    user = User.objects.get()
    UserSession.objects.create(user=user, session_key=as_superuser.session.session_key, ip="203.0.113.9")
    other = sign_in_user(user)
    assert "1 session ended." in end_sessions(as_superuser, user)
    assert not is_signed_in(other)
    assert "signed in nowhere" in end_sessions(as_superuser, user)
    assert AuditEvent.objects.filter(code="sign_in.ended_by_staff").count() == 1


def test_sessions_are_ended_after_a_confirmation(as_superuser, signed_in, time_machine):
    user, client = signed_in
    time_machine.move_to(timezone.now() + timedelta(minutes=20))
    data = {"action": "end_sessions", "_selected_action": [user.pk]}
    answer = as_superuser.post(reverse("admin:portal_user_changelist"), data)
    assert answer.url.startswith(reverse("account_reauthenticate"))
    assert is_signed_in(client)


def test_sessions_of_many_are_ended_in_a_fixed_number_of_queries(account, django_assert_num_queries):
    context = Context.system(timezone.now())
    for count in (1, 12):
        people = [MemberFactory(account=account).user for _ in range(count)]
        for user in people:
            sign_in_user(user)
        with django_assert_num_queries(SESSIONS_QUERIES):
            assert end_all_sessions(User.objects.all(), kept_session=None, context=context) == count


def test_member_cannot_open_django_admin(as_owner):
    assert as_owner.get(reverse("admin:index")).status_code == 302


def test_createsuperuser_creates_a_superuser_with_full_access(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", email="root@example.com", interactive=False, verbosity=0)
    assert User.objects.get().staff_role == User.StaffRole.SUPERUSER
    page = sign_in("root@example.com").get(reverse("admin:index")).content.decode()
    for model in ("account", "licence", "user", "auditevent"):
        assert reverse(f"admin:portal_{model}_changelist") in page
