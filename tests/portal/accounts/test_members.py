"""Members: an account always keeps an owner who may sign in."""

import threading

import pytest
from django.db import connections

from portal.accounts import members
from portal.audit import Context
from portal.models import Member
from tests.factories import AccountFactory, MemberFactory

pytestmark = pytest.mark.django_db

Role = Member.Role


def test_an_owner_who_may_not_sign_in_does_not_count(account, owner):
    MemberFactory(account=account, role=Role.OWNER, user__is_active=False)
    with pytest.raises(members.LastOwner):
        members.remove_member(owner, context=Context.system(owner.joined_at))


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_demote_each_other_at_the_same_moment_one_stays(now):
    account = AccountFactory()
    owners = MemberFactory.create_batch(2, account=account, role=Role.OWNER)
    together = threading.Barrier(2)

    def demote(member):
        together.wait()
        try:
            members.change_role(member, role=Role.VIEWER, expected_role=Role.OWNER, context=Context.system(now))
        except members.LastOwner:
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=demote, args=[member]) for member in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Member.objects.filter(account=account, role=Role.OWNER).count() == 1
