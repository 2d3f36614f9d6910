"""An account always has an owner who can sign in."""

import threading

import pytest
from django.db import connections

from portal.accounts import members
from portal.audit import Context
from portal.models import Member
from tests.factories import AccountFactory, MemberFactory

pytestmark = pytest.mark.django_db

Role = Member.Role


def test_last_active_owner_cannot_be_removed(account, owner):
    MemberFactory(account=account, role=Role.OWNER, user__is_active=False)
    with pytest.raises(members.LastOwner):
        members.remove_member(owner, context=Context.system(owner.joined_at))


@pytest.mark.django_db(transaction=True)
def test_concurrent_demotion_of_both_owners_leaves_one(now):
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
