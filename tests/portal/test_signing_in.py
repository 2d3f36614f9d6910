"""People sign in by e-mail, and see the account they are a member of."""

import pytest
from django.urls import reverse

from tests.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_it_works(client):
    member = MemberFactory(user__email="dana@example.com", account__name="Cascade Solar LLC")
    answer = client.post(
        reverse("sign-in"), {"username": "Dana@Example.com", "password": "correct horse battery"}, follow=True
    )
    assert answer.status_code == 200
    assert member.account.name in answer.content.decode()


def test_someone_without_an_account_is_told_whom_to_ask(client):
    client.force_login(UserFactory())
    answer = client.get(reverse("overview"))
    assert answer.status_code == 403
    assert "Ask an owner" in answer.content.decode()


def test_pages_ask_a_stranger_to_sign_in(client):
    assert client.get(reverse("overview")).url.startswith(reverse("sign-in"))
