"""Which network a telephone, a call, a report and a tag belong to, however its name is written."""

from datetime import timedelta

import pytest

from portal.audit import Context
from reputation.models import CarrierEngine, Check, Engine, LabelReport, PhoneNumber, Tag
from reputation.test_calls import reports, results, rounds, telephones
from reputation.test_calls.ordering import choose_numbers
from tests.factories import AccountFactory, TelephoneFactory

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def call_without_label(call, number, telephone, now, *days):
    for day in days:
        call(number, telephone, "no_label", now + day * DAY)


@pytest.mark.parametrize(
    ("shown_on", "plan"), [("T-Mobile US", "postpaid"), ("t-mobile", "prepaid"), ("Mint Mobile", "mvno")]
)
def test_a_label_ends_on_its_network_however_its_name_is_written(account, number, telephone, call, now, shown_on, plan):
    call(number, TelephoneFactory(account=account, carrier=shown_on, plan=plan), "Scam Likely", now)
    assert (Tag.objects.get().carrier, Tag.objects.get().engine.slug) == ("T-Mobile", "first-orion")
    assert choose_numbers(account, [telephone], 1, now + DAY)[0].reason == "proof"
    call_without_label(call, number, telephone, now, 1, 2)
    assert (Tag.objects.active().count(), number.spam_status) == (0, PhoneNumber.SpamStatus.CLEAN)


def test_a_label_ends_on_its_network_after_the_table_of_carriers_changed(account, number, telephone, call, now):
    call(number, telephone, "Scam Likely", now)
    CarrierEngine.objects.filter(carrier="T-Mobile").update(engine=Engine.objects.get(slug="tns"))
    call_without_label(call, number, telephone, now, 1)
    assert Tag.objects.active().exists()
    call_without_label(call, number, telephone, now, 2)
    assert not Tag.objects.active().exists()
    assert number.spam_status == PhoneNumber.SpamStatus.CLEAN
    assert not Check.objects.filter(is_current=True, effect=Check.Effect.TAGS).exists()
    call_without_label(call, number, telephone, now, 3)
    assert not Tag.objects.active().exists()


def test_a_reported_label_ends_by_calls_to_telephones_of_any_make(account, number, actor, call, now):
    """The table knows the engine of Samsung's telephones, but not that of the network, which is all a report names."""
    telephone = TelephoneFactory(account=account, carrier="Smalltown Wireless", make="Samsung")
    context = Context(actor, now)
    reports.confirm_report(
        reports.add_report(number, "Scam Likely", carrier="smalltown wireless", context=context), context=context
    )
    assert Tag.objects.get().carrier == "Smalltown Wireless"
    call_without_label(call, number, telephone, now, 1, 2)
    assert not Tag.objects.active().exists()


def test_a_call_confirms_a_report_that_writes_its_network_otherwise(number, actor, telephone, call, now):
    report = reports.add_report(number, "Scam Likely", carrier="T-Mobile USA", context=Context(actor, now))
    assert (report.carrier, report.network) == ("T-Mobile USA", "T-Mobile")
    call(number, telephone, "Scam Likely", now + DAY)
    assert LabelReport.objects.get().confirmed_by == "test_call"
    assert Tag.objects.active().count() == 1


def test_a_telephone_keeps_what_was_typed_and_a_network_that_is_not_known_its_first_spelling(account, actor, now):
    added = [
        telephones.add_telephone(
            account, number, {"name": "Anna", "carrier": carrier, "plan": "postpaid"}, context=Context(actor, now)
        )
        for number, carrier in (
            ("(206) 555-0143", "Mint Mobile"),
            ("(206) 555-0144", "Smalltown Wireless"),
            ("(206) 555-0145", "SMALLTOWN wireless"),
        )
    ]
    assert [(one.carrier, one.network) for one in added] == [
        ("Mint Mobile", "T-Mobile"),
        ("Smalltown Wireless", "Smalltown Wireless"),
        ("SMALLTOWN wireless", "Smalltown Wireless"),
    ]


def test_old_calls_keep_the_network_they_were_made_on(account, actor, number, telephone, call, now):
    first = call(number, telephone, "Scam Likely", now)
    telephones.change_telephone(telephone, {"carrier": "Verizon"}, context=Context(actor, now))
    first.refresh_from_db()
    assert (first.network, telephone.network) == ("T-Mobile", "Verizon")
    again = TelephoneFactory(account=account)
    assert choose_numbers(account, [again], 1, now + DAY)[0].network == "T-Mobile"
    call_without_label(call, number, again, now, 1, 2)
    assert not Tag.objects.active().exists()


def test_a_label_that_was_shown_before_the_network_changed_proves_nothing_on_the_new_one(
    account, actor, number, telephone, create_round, now
):
    create_round()
    taken = rounds.take_call(account, caller=rounds.Caller(user=actor.user), now=now)
    results.record_result(taken, "label", now=now, label="Scam Likely")
    telephones.change_telephone(telephone, {"carrier": "Verizon"}, context=Context(actor, now))
    results.count_results(now + timedelta(hours=1))
    telephone.refresh_from_db()
    assert not telephone.is_proven(now)
    assert Tag.objects.get().carrier == "T-Mobile"


def test_another_plan_needs_another_proof(actor, telephone, now):
    telephones.change_telephone(telephone, {"plan": "prepaid"}, context=Context(actor, now))
    telephones.change_telephone(telephone, {"plan": "postpaid"}, context=Context(actor, now))
    assert not telephone.is_proven(now)


def test_networks_of_other_accounts_decide_nothing(actor, now):
    TelephoneFactory(account=AccountFactory(), carrier="SMALLTOWN")
    own = telephones.add_telephone(
        AccountFactory(), "(206) 555-0143", {"name": "Anna", "carrier": "Smalltown"}, context=Context(actor, now)
    )
    assert own.network == "Smalltown"
