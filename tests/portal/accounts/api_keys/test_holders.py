"""A key works while the person who answers for it may make keys in its account."""

from datetime import timedelta

import pytest
from django.db.models import ProtectedError
from django.utils import timezone

from portal.accounts import members
from portal.accounts.api_keys import authenticate, create_api_key, take_over_api_key
from portal.accounts.api_keys.errors import KeyExpired, KeyStopped
from portal.audit import Actor, Context
from portal.models import Member, User
from tests.factories import AccountFactory, MemberFactory

pytestmark = pytest.mark.django_db

Role = Member.Role


@pytest.fixture
def maker(account, owner) -> Member:
    return MemberFactory(account=account, role=Role.OWNER)


def context_of(member: Member) -> Context:
    return Context(Actor(user=member.user, via="web"), timezone.now())


@pytest.fixture
def key_and_token(account, maker):
    return create_api_key(account=account, name="Dialer", scopes=["match"], context=context_of(maker))


def works(token: str) -> bool:
    try:
        authenticate(f"Bearer {token}", scope="match", now=timezone.now())
    except KeyStopped:
        return False
    return True


def leave(maker: Member, context: Context) -> None:
    members.remove_member(maker, context=context)


def deactivate(maker: Member, context: Context) -> None:
    User.objects.filter(pk=maker.user_id).update(is_active=False)


def become_admin(maker: Member, context: Context) -> None:
    members.change_role(maker, role=Role.ADMIN, expected_role=Role.OWNER, context=context)


@pytest.mark.parametrize("ends", [leave, deactivate, become_admin])
def test_a_key_stops_with_its_maker_and_goes_on_when_taken_over(key_and_token, maker, owner, ends):
    key, token = key_and_token
    assert works(token)
    ends(maker, context_of(owner))
    assert not works(token)
    assert take_over_api_key(key, context=context_of(owner))
    assert works(token)


def test_a_key_that_was_taken_over_stops_with_its_new_holder(key_and_token, maker, owner):
    key, token = key_and_token
    take_over_api_key(key, context=context_of(owner))
    leave(owner, context_of(maker))
    assert not works(token)


def test_a_role_in_another_account_keeps_no_key_working(key_and_token, maker, owner):
    _, token = key_and_token
    MemberFactory(account=AccountFactory(), user=maker.user, role=Role.OWNER)
    become_admin(maker, context_of(owner))
    assert not works(token)


def test_a_key_that_a_command_made_has_no_holder_and_works(account):
    _, token = create_api_key(
        account=account, name="Demo", scopes=["match"], context=Context(Actor(user=None, via="command"), timezone.now())
    )
    assert works(token)


def test_a_person_with_keys_cannot_be_deleted(key_and_token, maker):
    with pytest.raises(ProtectedError):
        maker.user.delete()


def test_expiry_comes_before_the_holder(key_and_token, maker, owner):
    """Whoever asks learns what helps: a new key."""
    key, token = key_and_token
    leave(maker, context_of(owner))
    with pytest.raises(KeyExpired):
        authenticate(f"Bearer {token}", scope="match", now=key.expires_at + timedelta(days=1))
