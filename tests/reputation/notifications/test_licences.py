"""Warnings before a licence ends: by mail to the owners, once each, and on the overview."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from portal.accounts import licence_expiry
from portal.accounts.licensing import Product
from portal.models import Licence, today_of
from reputation.notifications import licences
from tests.factories import CampaignFactory, LicenceFactory, MonitoredNumberFactory
from tests.support.mails import send_mails
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


def run(now) -> None:
    licence_expiry.schedule_warnings(now)
    while licences.enqueue_due(now):
        pass
    send_mails(now)


@pytest.fixture
def licence(account, owner, now) -> Licence:
    """Valid for 40 more days."""
    today = today_of(account, now)
    return LicenceFactory(account=account, product=Product.CONTACT_CENTER_ELITE, valid_until=today + timedelta(days=40))


def test_owners_are_warned_30_and_7_and_1_days_before_once_each(licence, owner, admin, now, mailoutbox):
    time_zone = ZoneInfo(licence.account.time_zone)
    morning = datetime.combine(today_of(licence.account, now), time(8), time_zone)
    warned_after = []
    for day in range(41):
        for hours in (0, 6):
            before = len(mailoutbox)
            run(morning + timedelta(days=day, hours=hours))
            if len(mailoutbox) > before:
                warned_after.append(40 - day)
    assert warned_after == [30, 7, 1]
    assert {tuple(mail.to) for mail in mailoutbox} == {(owner.user.email,)}
    name = owner.account.name
    assert [mail.subject for mail in mailoutbox] == [
        f"{name}: Contact Center Elite ends in 30 days",
        f"{name}: Contact Center Elite ends in 7 days",
        f"{name}: Contact Center Elite ends in 1 day",
    ]


def test_a_portal_that_did_not_run_on_the_day_warns_later_and_once(licence, now, mailoutbox):
    for day in (33, 35, 36):
        run(now + timedelta(days=day))
    assert [mail.subject.rpartition("ends ")[2] for mail in mailoutbox] == ["in 7 days"]


def test_the_mail_says_for_how_many_numbers_monitoring_ends(licence, now, mailoutbox):
    campaign = CampaignFactory(account=licence.account)
    for _ in range(3):
        MonitoredNumberFactory(account=licence.account, campaign=campaign)
    run(now + timedelta(days=10))
    assert "monitoring ends for 3 numbers" in mailoutbox[0].body
    assert f"{licence.valid_until:%-d %B %Y}" in mailoutbox[0].body


def test_a_licence_that_is_extended_is_warned_about_again(licence, now, mailoutbox):
    run(now + timedelta(days=33))
    Licence.objects.update(valid_until=licence.valid_until + timedelta(days=365))
    run(now + timedelta(days=34))
    assert len(mailoutbox) == 1
    run(now + timedelta(days=40 + 365 - 7))
    assert len(mailoutbox) == 2


def test_a_licence_that_another_one_renews_causes_no_warning(licence, account, as_viewer, now, mailoutbox):
    LicenceFactory(account=account, product=licence.product, valid_from=licence.valid_until + timedelta(days=1))
    run(now + timedelta(days=35))
    assert not mailoutbox


def test_a_licence_with_fewer_seats_renews_no_larger_one(account, owner, now, mailoutbox):
    last_day: date = today_of(account, now) + timedelta(days=3)
    LicenceFactory(account=account, product=Product.MONITORING_SKU, seats=10, valid_until=last_day)
    LicenceFactory(account=account, product=Product.MONITORING_SKU, seats=5, valid_from=last_day + timedelta(days=1))
    run(now)
    assert len(mailoutbox) == 1


@pytest.mark.parametrize(("days_left", "words"), [(30, "in 30 days"), (7, "in 7 days"), (1, "in 1 day"), (0, "today")])
def test_the_overview_warns_until_the_last_day(as_viewer, account, now, days_left, words):
    day = today_of(account, now) + timedelta(days=days_left)
    LicenceFactory(account=account, product=Product.AUTO_DIALER, valid_until=day)
    MonitoredNumberFactory(account=account)
    page = get_html(as_viewer.get(reverse("overview")))
    assert f"Auto Dialer add-on for Phone ends {words}." in page
    assert "Monitoring then ends for 1 number." in page or "Monitoring then ends" in page


def test_the_overview_says_nothing_about_a_licence_that_lasts(as_viewer, account, now):
    day = today_of(account, now) + timedelta(days=31)
    LicenceFactory(account=account, product=Product.AUTO_DIALER, valid_until=day)
    assert "Auto Dialer add-on" not in get_html(as_viewer.get(reverse("overview")))
