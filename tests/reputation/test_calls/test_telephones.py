"""Telephones for test calls: what is known about them, their set-up, and when their *no label* counts."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from portal.audit import Context
from portal.models import AuditEvent
from portal.phone.errors import InvalidPhoneNumber
from reputation.models import Telephone
from reputation.test_calls import setup, telephones
from tests.factories import AccountFactory, TelephoneFactory

pytestmark = pytest.mark.django_db

VALUES = {"name": "Anna", "carrier": "T-Mobile", "plan": "postpaid", "make": "Apple", "system": "ios"}


@pytest.fixture
def add(account, actor, now):
    def add(number="(206) 555-0143", **values):
        return telephones.add_telephone(account, number, VALUES | values, context=Context(actor, now))

    return add


def test_a_telephone_has_a_number_a_network_a_plan_and_its_settings(add, account, now):
    telephone = add(phone_app="Hiya", protection={"ios_screening": False, "no such setting": True})
    telephone.refresh_from_db()
    assert (telephone.e164, telephone.carrier, telephone.plan) == ("+12065550143", "T-Mobile", "postpaid")
    assert telephone.protection == {"ios_screening": False}
    assert not telephone.is_proven(now)
    assert telephones.get_telephones(account) == [telephone]
    assert telephones.get_telephones(AccountFactory()) == []
    assert AuditEvent.objects.get(code="telephone.added").after == "Anna (T-Mobile)"


@pytest.mark.parametrize("values", [{"plan": "barter"}, {"carrier": " "}, {"name": ""}, {"system": "abacus"}])
def test_a_wrong_value_adds_and_changes_nothing(add, values, actor, now):
    telephone = add()
    with pytest.raises(ValidationError):
        telephones.change_telephone(telephone, values, context=Context(actor, now))
    with pytest.raises(ValidationError):
        add("(206) 555-0144", **values)
    assert [row.carrier for row in Telephone.objects.all()] == ["T-Mobile"]


def test_a_wrong_number_or_one_that_is_there_is_refused(add):
    add()
    with pytest.raises(telephones.TelephoneExists, match="555-0143 is a telephone of yours already"):
        add()
    with pytest.raises(InvalidPhoneNumber):
        add("12")


def test_a_removed_telephone_may_be_added_again(add, account, actor, now):
    telephones.remove_telephone(add(), context=Context(actor, now))
    assert telephones.get_telephones(account) == []
    assert add() in telephones.get_telephones(account)


def test_a_telephone_is_proven_for_90_days_after_it_displayed_any_label(add, now):
    telephone = add()
    telephones.confirm_label_seen(telephone, now)
    telephones.confirm_label_seen(telephone, now - timedelta(days=5))
    telephone.refresh_from_db()
    assert telephone.proves_absence(now + timedelta(days=89.9))
    assert not telephone.proves_absence(now + timedelta(days=90))
    assert set(Telephone.objects.proving_absence(now)) == {telephone}
    assert not Telephone.objects.proving_absence(now + timedelta(days=90)).exists()


def test_another_network_needs_another_proof_and_another_name_does_not(add, actor, now):
    telephone = TelephoneFactory(proven_until=now + timedelta(days=9))
    telephones.change_telephone(telephone, {"name": "Berta"}, context=Context(actor, now))
    assert telephone.is_proven(now)
    telephones.change_telephone(telephone, {"carrier": "Verizon"}, context=Context(actor, now))
    assert not telephone.is_proven(now)


@pytest.mark.parametrize("plan", ["prepaid", "mvno"])
def test_a_prepaid_or_mvno_line_never_proves_that_there_is_no_label(plan, now):
    telephone = TelephoneFactory(plan=plan, proven_until=now + timedelta(days=9))
    assert not telephone.proves_absence(now)
    assert not Telephone.objects.proving_absence(now).exists()
    assert "never that there is none" in telephones.get_reason_not_counted(telephone, now)


def test_it_is_said_why_a_no_label_does_not_count(now):
    assert telephones.get_reason_not_counted(TelephoneFactory(), now) == ""
    assert "no caller's label in the last 90 days" in telephones.get_reason_not_counted(
        TelephoneFactory(proven_until=None), now
    )


def test_the_set_up_check_says_what_to_switch_on_and_off_by_system_and_make(now):
    samsung = TelephoneFactory(system="android", make="samsung")
    codes = {step.code: step.must_be_on for step in setup.get_steps(samsung)}
    assert codes["samsung_smart_call"] is True
    assert codes["android_filter"] is False
    assert "ios_screening" not in codes
    iphone = TelephoneFactory(system="ios", protection={"ios_screening": False, "ios_silence_unknown": True})
    wrong = {step.code for step in setup.get_open_steps(iphone)}
    assert "ios_screening" not in wrong
    assert {"ios_silence_unknown", "ios_spam_filter", "carrier_blocking"} <= wrong


def test_every_step_of_the_set_up_check_has_a_source_and_a_date():
    assert all(step.source and step.read_on and step.why for step in setup.STEPS)
    assert len({step.code for step in setup.STEPS}) == len(setup.STEPS)
