"""Reports of labels: when they put a number at risk, and when they tag it."""

from datetime import timedelta

import pytest

from portal.audit import Context
from portal.models import today_of
from reputation.models import Case, Check, PhoneNumber, Tag
from reputation.numbers.at_risk import get_signs
from reputation.test_calls import reports
from reputation.test_calls.ordering import choose_numbers
from tests.factories import AccountFactory, MonitoredNumberFactory, TelephoneFactory

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus
DAY = timedelta(days=1)
ANNA, BERTA = "(206) 555-0143", "(206) 555-0144"


@pytest.fixture
def report(number, actor, now):
    def add(label="Scam Likely", at=now, **more):
        added = reports.add_report(number, label, context=Context(actor, at), **more)
        number.refresh_from_db()
        return added

    return add


def test_one_report_puts_the_number_at_risk_and_its_network_may_be_unknown(number, report, now):
    report(called_number=ANNA)
    assert (number.spam_status, number.at_risk_until) == (Status.AT_RISK, now + timedelta(days=30))
    assert not Tag.objects.exists()
    assert [sign.sentence for sign in get_signs([number.pk], now)[number.pk]] == [
        "Somebody reports “Scam Likely”; not confirmed"
    ]


def test_a_second_called_person_within_7_days_tags_the_number(number, report, now):
    first = report(called_number=ANNA, carrier="T-Mobile")
    report(called_number=BERTA, carrier="T-Mobile", at=now + 6.9 * DAY)
    first.refresh_from_db()
    assert (first.state, first.confirmed_by) == ("confirmed", "second_person")
    assert (number.spam_status, Tag.objects.get().carrier) == (Status.TAGGED, "T-Mobile")
    assert (Tag.objects.get().engine.slug, Case.objects.get().state) == ("first-orion", "open")


@pytest.mark.parametrize(("called", "days"), [(ANNA, 1), ("", 1), (BERTA, 7.1)])
def test_the_same_person_somebody_unknown_or_a_late_one_does_not(number, report, now, called, days):
    report(called_number=ANNA)
    report(called_number=called, at=now + days * DAY)
    assert (number.spam_status, Tag.objects.count()) == (Status.AT_RISK, 0)


def test_an_owner_or_admin_confirms_a_report_once(number, report, actor, now):
    added = report()
    assert reports.confirm_report(added, context=Context(actor, now))
    assert not reports.confirm_report(added, context=Context(actor, now))
    number.refresh_from_db()
    assert (number.spam_status, Tag.objects.get().evidence) == (Status.TAGGED, "report")


def test_a_confirmed_category_that_fits_only_puts_at_risk(number, report, actor, now):
    reports.confirm_report(report("Telemarketer"), context=Context(actor, now))
    number.refresh_from_db()
    assert (number.spam_status, Tag.objects.count()) == (Status.AT_RISK, 0)


def test_a_test_call_that_shows_a_label_confirms_and_one_without_does_not(number, report, telephone, call, now):
    added = report()
    call(number, telephone, "no_label", now + DAY)
    added.refresh_from_db()
    assert added.state == "open"
    call(number, telephone, "Scam Likely", now + 2 * DAY)
    added.refresh_from_db()
    assert (added.state, added.confirmed_by) == ("confirmed", "test_call")
    assert (number.spam_status, Tag.objects.get().carrier) == (Status.TAGGED, "T-Mobile")


def test_a_call_that_shows_a_milder_label_does_not_confirm(number, report, telephone, call, now):
    added = report("Scam Likely", carrier="T-Mobile")
    call(number, telephone, "Telemarketer", now + DAY)
    added.refresh_from_db()
    assert (added.state, number.spam_status) == ("open", Status.AT_RISK)


def test_a_call_long_after_a_report_does_not_confirm_it(number, report, telephone, call, now):
    added = report("Scam Likely")
    call(number, telephone, "Scam Likely", now + 31 * DAY)
    added.refresh_from_db()
    assert added.state == "open"


def test_a_settled_report_is_no_sign_of_a_risk_any_more(number, report, telephone, call, actor, now):
    reports.dismiss_report(report(), context=Context(actor, now))
    number.refresh_from_db()
    assert (number.spam_status, get_signs([number.pk], now)[number.pk]) == (Status.UNKNOWN, [])
    report()
    call(number, telephone, "Scam Likely", now + DAY)
    assert get_signs([number.pk], now + DAY)[number.pk] == []


def test_another_open_report_stays_a_sign(number, report, actor, now):
    first, _second = report(), report()
    reports.dismiss_report(first, context=Context(actor, now))
    number.refresh_from_db()
    assert number.spam_status == Status.AT_RISK


def test_a_call_on_another_network_does_not_confirm(number, report, telephone, call, now):
    added = report(carrier="Verizon")
    call(number, telephone, "Scam Likely", now + DAY)
    added.refresh_from_db()
    assert added.state == "open"


def test_a_dismissed_report_confirms_no_other(number, report, actor, now):
    assert reports.dismiss_report(report(called_number=ANNA), context=Context(actor, now))
    report(called_number=BERTA)
    assert not Tag.objects.exists()


def test_a_report_ends_a_no_label_at_once(number, report, telephone, call, now):
    call(number, telephone, "no_label", now)
    assert number.spam_status == Status.CLEAN
    report(at=now + DAY)
    assert number.fresh_until <= now + DAY
    assert number.spam_status == Status.AT_RISK


def test_a_label_of_an_earlier_day_ends_what_calls_until_then_did_not_see(number, report, telephone, call, now):
    call(number, telephone, "no_label", now - 4 * DAY)
    added = report(carrier="T-Mobile", seen_on=today_of(number.account, now) - 2 * DAY)
    assert added.reported_at == now
    assert today_of(number.account, added.seen_at) == today_of(number.account, now) - 2 * DAY
    assert (number.spam_status, number.at_risk_until) == (Status.AT_RISK, added.seen_at + timedelta(days=30))


def test_a_call_after_the_day_of_a_label_counts_for_its_end(number, report, telephone, call, now):
    call(number, telephone, "Scam Likely", now - 6 * DAY)
    call(number, telephone, "no_label", now - 2 * DAY)
    report(seen_on=today_of(number.account, now) - 4 * DAY)
    assert today_of(number.account, Tag.objects.get().last_seen_at) == today_of(number.account, now) - 4 * DAY
    call(number, telephone, "no_label", now)
    assert not Tag.objects.active().exists()


def test_seven_days_are_counted_between_the_days_of_the_labels(number, report, now):
    today = today_of(number.account, now)
    report(called_number=ANNA, seen_on=today - 9 * DAY)
    report(called_number=BERTA, seen_on=today)
    assert not Tag.objects.exists()
    report(called_number="(206) 555-0145", seen_on=today - 5 * DAY)
    assert Tag.objects.active().exists()


@pytest.mark.parametrize(("days", "words"), [(-1, "in the future"), (30, "30 days ago or earlier")])
def test_a_day_that_is_no_use_is_refused(number, report, now, days, words):
    with pytest.raises(reports.DayRefused, match=words):
        report(seen_on=today_of(number.account, now) - days * DAY)
    assert not Check.objects.exists()


def test_no_case_closes_by_calls_before_a_later_report(number, report, telephone, call, now):
    call(number, telephone, "Scam Likely", now)
    call(number, telephone, "no_label", now + DAY)
    report(at=now + 1.5 * DAY)
    call(number, telephone, "no_label", now + 2 * DAY)
    assert Tag.objects.active().exists()
    call(number, telephone, "no_label", now + 3 * DAY)
    assert not Tag.objects.active().exists()


def test_a_report_of_a_known_label_keeps_the_tag_and_its_check(number, report, telephone, call, now):
    call(number, telephone, "Scam Likely", now)
    report(carrier="T-Mobile", at=now + DAY)
    assert Tag.objects.active().count() == 1
    assert Check.objects.get(number=number, is_current=True).evidence == "handset"


def test_a_tag_of_confirmed_reports_ends_by_two_calls_on_its_network(number, report, actor, telephone, call, now):
    reports.confirm_report(report(carrier="T-Mobile"), context=Context(actor, now))
    for days in (1, 2):
        assert Tag.objects.active().exists()
        call(number, telephone, "no_label", now + days * DAY)
    assert not Tag.objects.active().exists()


@pytest.mark.parametrize("carrier", ["T-Mobile", ""])
def test_a_confirmed_label_was_seen_before_the_calls_that_were_made_until_it_was_confirmed(
    number, report, actor, telephone, call, now, carrier
):
    added = report(carrier=carrier)
    call(number, telephone, "no_label", now + DAY)
    reports.confirm_report(added, context=Context(actor, now + 1.5 * DAY))
    tag = Tag.objects.active().get()
    assert (tag.last_seen_at, tag.detected_at) == (now, now + 1.5 * DAY)
    call(number, telephone, "no_label", now + 2 * DAY)
    assert not Tag.objects.active().exists()


@pytest.mark.parametrize("carrier", ["T-Mobile", ""])
def test_a_label_that_calls_have_ended_is_not_tagged_once_it_is_confirmed(
    number, report, actor, telephone, call, now, carrier
):
    added = report(carrier=carrier)
    for days in (1, 2):
        call(number, telephone, "no_label", now + days * DAY)
    assert reports.confirm_report(added, context=Context(actor, now + 3 * DAY))
    number.refresh_from_db()
    assert (number.spam_status, Tag.objects.count()) == (Status.CLEAN, 0)


def test_a_report_of_an_earlier_day_changes_no_later_label(number, report, actor, telephone, call, now):
    call(number, telephone, "Scam Likely", now)
    added = report(carrier="T-Mobile", at=now + DAY, seen_on=today_of(number.account, now) - DAY)
    reports.confirm_report(added, context=Context(actor, now + DAY))
    assert (Tag.objects.get().last_seen_at, Check.objects.get(is_current=True).last_at) == (now, now)


def test_a_report_without_a_label_stores_nothing_and_other_accounts_learn_nothing(number, report):
    other = MonitoredNumberFactory(account=AccountFactory(), e164=number.e164)
    with pytest.raises(reports.ReportRefused):
        report(" ")
    report()
    other.refresh_from_db()
    assert other.spam_status == Status.UNKNOWN


def test_a_label_of_an_unknown_network_ends_once_it_is_gone_from_each_proven_network(
    account, number, report, actor, telephone, call, now
):
    reports.confirm_report(report(), context=Context(actor, now))
    verizon = TelephoneFactory(account=account, carrier="Verizon")
    TelephoneFactory(account=account, carrier="AT&T", proven_until=None)
    for days in (1, 2):
        call(number, telephone, "no_label", now + days * DAY)
    assert choose_numbers(account, [verizon], 1, now + 3 * DAY)[0].reason == "proof"
    call(number, verizon, "no_label", now + 3 * DAY)
    assert Tag.objects.active().exists()
    call(number, verizon, "no_label", now + 4 * DAY)
    assert not Tag.objects.active().exists()
