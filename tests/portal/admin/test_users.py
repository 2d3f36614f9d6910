"""Users in Django admin: superusers add them and set their staff role."""

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from portal.models import User
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

PASSWORD = "a long enough one"


def add_user(client: Client, email: str, staff_role: str = "") -> None:
    data = {"email": email, "name": "", "usable_password": "true", "staff_role": staff_role}
    client.post(reverse("admin:portal_user_add"), data | {"password1": PASSWORD, "password2": PASSWORD})


def sign_in(email: str) -> Client:
    client = Client()
    client.post(reverse("account_login"), {"username": email, "password": PASSWORD})
    return client


def test_a_superuser_adds_a_user_by_e_mail(as_superuser):
    add_user(as_superuser, "New@Example.com")
    assert Client().login(username="new@example.com", password=PASSWORD)
    assert sign_in("new@example.com").get(reverse("admin:index")).status_code == 302


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


def test_member_cannot_open_django_admin(as_owner):
    assert as_owner.get(reverse("admin:index")).status_code == 302


def test_createsuperuser_creates_a_superuser_with_full_access(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", email="root@example.com", interactive=False, verbosity=0)
    assert User.objects.get().staff_role == User.StaffRole.SUPERUSER
    page = sign_in("root@example.com").get(reverse("admin:index")).content.decode()
    for model in ("account", "licence", "user", "auditevent"):
        assert reverse(f"admin:portal_{model}_changelist") in page
