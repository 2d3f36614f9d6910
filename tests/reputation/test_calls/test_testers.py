"""Invited testers: a link for seven days, calls to one telephone only."""

from datetime import timedelta

import pytest

from portal.audit import Context
from portal.models import AuditEvent
from reputation.models import ControlCall, LabelReport, Telephone, Tester
from reputation.test_calls import cleanup, results, rounds, telephones, testers
from reputation.test_calls.rounds import Caller
from tests.factories import PhoneNumberFactory, TelephoneFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def context(actor, now):
    return Context(actor, now)


def test_a_link_works_for_seven_days_and_only_its_hash_is_stored(telephone, context, now):
    tester, token = testers.invite_tester(telephone, "Anna", context=context)
    assert testers.find_tester(token, now + timedelta(days=6.9)) == tester
    assert testers.find_tester(token, now + timedelta(days=7)) is None
    assert testers.find_tester("", now) is None
    assert token not in str(Tester.objects.values().get())
    assert token not in str(list(AuditEvent.objects.values()))


def test_a_revoked_link_and_one_of_a_removed_telephone_do_not_work(account, telephone, context, now):
    tester, token = testers.invite_tester(telephone, "Anna", context=context)
    assert testers.revoke_tester(tester, context=context)
    assert not testers.revoke_tester(tester, context=context)
    assert testers.find_tester(token, now) is None
    _, other = testers.invite_tester(telephone, "Berta", context=context)
    telephones.remove_telephone(telephone, context=context)
    assert testers.find_tester(other, now) is None


def test_a_tester_gets_calls_to_their_telephone_only_and_sees_only_theirs(
    account, telephone, context, create_round, now
):
    other = TelephoneFactory(account=account)
    PhoneNumberFactory.create_batch(6, account=account)
    create_round()
    tester, _ = testers.invite_tester(telephone, "Anna", context=context)
    taken = []
    while call := rounds.take_call(account, caller=Caller(tester=tester), now=now):
        results.record_result(call, "no_label", now=now)
        taken.append(call)
    assert {call.telephone_id for call in taken} == {telephone.pk}
    assert list(testers.get_own_calls(tester)) == taken
    assert other.calls.filter(state="planned").exists()
    colleague, _ = testers.invite_tester(telephone, "Berta", context=context)
    assert not testers.get_own_calls(colleague).exists()


def test_called_numbers_are_deleted_after_90_days_and_telephones_in_use_keep_theirs(account, number, telephone, now):
    old, new = now - timedelta(days=91), now - timedelta(days=89)
    for at in (old, new):
        LabelReport.objects.create(
            account=account, number=number, label="Spam", called_e164="+12065550143", reported_at=at, state_since=at
        )
        ControlCall.objects.create(account=account, telephone=telephone, e164="+12065550144", rang_at=at)
        TelephoneFactory(account=account, removed_at=at)
    assert cleanup.delete_called_numbers(now) == 3
    assert cleanup.delete_called_numbers(now) == 0
    assert LabelReport.objects.filter(called_e164="").get().reported_at == old
    assert ControlCall.objects.filter(e164="").get().rang_at == old
    assert Telephone.objects.filter(e164="").get().removed_at == old
