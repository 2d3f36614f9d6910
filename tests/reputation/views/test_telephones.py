"""The telephones of test calls: add, edit, remove, the set-up check, and the proof that they show labels."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.models import AuditEvent, today_of
from reputation.models import Telephone
from tests.factories import TelephoneFactory
from tests.support.pages import get_html, messages_in
from tests.support.urls import create_tester

pytestmark = pytest.mark.django_db

FIELDS = {
    "name": "Front desk",
    "number": "(206) 555-0143",
    "carrier": "T-Mobile",
    "plan": "postpaid",
    "make": "Apple",
    "system": "ios",
    "phone_app": "",
}


def get_page(client, telephone: Telephone) -> str:
    return get_html(client.get(reverse("telephone", args=[telephone.pk])))


def post(client, url_name: str, telephone: Telephone, **data: object):
    return client.post(reverse(url_name, args=[telephone.pk]), data, follow=True)


def test_a_telephone_is_added_and_its_set_up_check_comes_next(as_admin, account):
    answer = as_admin.post(reverse("telephones-add"), FIELDS, follow=True)
    telephone = Telephone.objects.for_account(account).get()
    assert (telephone.e164, telephone.plan, telephone.make) == ("+12065550143", "postpaid", "Apple")
    assert answer.redirect_chain[0][0] == reverse("telephone", args=[telephone.pk])
    page = get_html(answer)
    assert "Switch off: Silence Unknown Callers (Settings &gt; Apps &gt; Phone)" in page
    assert "To be checked" in page
    assert AuditEvent.objects.filter(code="telephone.added", account=account).count() == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"number": "12"}, 'id="id_number_error"'),
        ({"number": ""}, "Write the number of the telephone."),
        ({"name": ""}, "Give the telephone a name, such as Anna&#x27;s iPhone."),
        ({"carrier": " "}, "Write the network, such as T-Mobile."),
        ({"plan": "barter"}, "barter"),
        ({"number": "+12065550199"}, "(206) 555-0199 is a telephone of yours already."),
    ],
)
def test_wrong_fields_add_nothing_and_are_kept(as_admin, account, change, error):
    TelephoneFactory(account=account, e164="+12065550199")
    page = get_html(as_admin.post(reverse("telephones-add"), FIELDS | {"phone_app": "Robokiller"} | change))
    assert error in page
    assert 'value="Robokiller"' in page
    assert Telephone.objects.count() == 1


def test_the_form_offers_known_networks(as_admin):
    page = get_html(as_admin.get(reverse("telephones-add")))
    assert 'list="networks"' in page
    for name in ("T-Mobile", "AT&amp;T", "Verizon"):
        assert f'<option value="{name}">' in page


@pytest.mark.parametrize(
    ("carrier", "make", "sentences"),
    [
        (
            "Tmobil",
            "",
            [
                "calls on Tmobil.",
                "count for an unknown engine, so it is not known whom to ask.",
                "If you mean T-Mobile, edit the telephone.",
            ],
        ),
        ("Prairie Wireless", "Samsung", ["calls on Prairie Wireless.", "count for Hiya, for its make."]),
        ("TMobile", "", []),
    ],
)
def test_the_page_says_what_follows_from_a_network_of_no_known_engine(as_admin, account, carrier, make, sentences):
    answer = as_admin.post(reverse("telephones-add"), FIELDS | {"carrier": carrier, "make": make}, follow=True)
    page = get_html(answer)
    for sentence in sentences:
        assert sentence in page
    assert ("The network is not known." in page) == bool(sentences)
    assert ("If you mean" in page) == (carrier == "Tmobil")


def test_another_display_or_plan_takes_the_proof_and_says_so(as_admin, account):
    telephone = TelephoneFactory(account=account, name="Front desk")
    answer = post(as_admin, "telephone-edit", telephone, **FIELDS | {"name": "Back office"})
    assert (
        messages_in(answer) == "Back office (T-Mobile) was changed. It may show labels differently now, so it has to "
        "be proven again."
    )
    assert "Not proven yet" in get_html(answer)
    TelephoneFactory._meta.model.objects.update(proven_until=timezone.now() + timedelta(days=9))
    answer = post(as_admin, "telephone-edit", telephone, **FIELDS | {"name": "Desk", "plan": "prepaid"})
    assert "proven again" in messages_in(answer)
    answer = post(as_admin, "telephone-edit", telephone, **FIELDS | {"name": "Till", "plan": "prepaid"})
    assert messages_in(answer) == "Till (T-Mobile) was changed."


def test_a_removed_telephone_is_gone_and_a_second_click_says_so(as_admin, account):
    telephone = TelephoneFactory(account=account, name="Front desk")
    assert "the links of its testers stop working" in get_html(
        as_admin.get(reverse("telephone-remove", args=[telephone.pk]))
    )
    answer = post(as_admin, "telephone-remove", telephone)
    assert messages_in(answer) == "Front desk (T-Mobile) was removed. What it showed is kept."
    assert as_admin.get(reverse("telephone", args=[telephone.pk])).status_code == 404
    answer = post(as_admin, "telephone-remove", telephone)
    assert messages_in(answer) == "Front desk (T-Mobile) was removed before. Nothing was changed."
    assert AuditEvent.objects.filter(code="telephone.removed").count() == 1


def test_the_set_up_check_stores_what_is_on_and_says_what_is_wrong(as_admin, account):
    telephone = TelephoneFactory(account=account, system="android", make="Samsung")
    settings = {"samsung_smart_call": "off", "android_filter": "off", "carrier_blocking": "on", "ios_screening": "on"}
    answer = post(as_admin, "telephone-setup", telephone, **settings)
    telephone.refresh_from_db()
    assert telephone.protection == {"samsung_smart_call": False, "android_filter": False, "carrier_blocking": True}
    assert messages_in(answer) == "Saved. 4 of the settings are still wrong or not known."
    page = get_html(answer)
    assert "4 of 5 settings are wrong or not known" in page
    assert page.count("As it should be") == 1
    assert page.count("To be changed") == 2
    right = {"samsung_smart_call": "on", "android_caller_id": "on", "carrier_blocking": "off", "blocking_apps": "off"}
    assert messages_in(post(as_admin, "telephone-setup", telephone, **right)) == "Saved. All is set up."


def test_the_page_says_whether_the_telephone_is_proven_and_why_no_label_does_not_count(as_viewer, account, now):
    page = get_page(as_viewer, TelephoneFactory(account=account, proven_until=None))
    assert "Not proven yet" in page
    assert "This telephone has displayed no caller&#x27;s label in the last 90 days" in page
    page = get_page(as_viewer, TelephoneFactory(account=account, proven_until=now - timedelta(days=1)))
    assert "No longer proven" in page
    page = get_page(as_viewer, TelephoneFactory(account=account, plan="mvno"))
    assert "does not count. Some networks label postpaid lines only: this line shows labels, but never" in page
    assert "in the last 90 days" not in page
    page = get_page(as_viewer, TelephoneFactory(account=account, plan="prepaid", proven_until=None))
    assert "never that there is none. This telephone has displayed no caller&#x27;s label in the last 90 days" in page
    page = get_page(as_viewer, TelephoneFactory(account=account))
    assert "does not count" not in page


def test_a_label_that_was_seen_proves_the_telephone_from_that_day_on(as_admin, account, now):
    telephone = TelephoneFactory(account=account, proven_until=None)
    day = timezone.localdate(now) - timedelta(days=3)
    answer = post(as_admin, "telephone-label-seen", telephone, seen_on=day.isoformat())
    telephone.refresh_from_db()
    assert timezone.localdate(telephone.proven_until) == day + timedelta(days=90)
    assert messages_in(answer).endswith("is proven: it displays labels.")
    assert AuditEvent.objects.get(code="telephone.proven").subject_id == telephone.pk


@pytest.mark.parametrize(
    ("days", "error"), [(1, "This day is still to come."), (-90, "it proves nothing any more."), (None, "not a date")]
)
def test_a_day_that_proves_nothing_is_refused(as_admin, account, now, days, error):
    telephone = TelephoneFactory(account=account, proven_until=None)
    day = "soon" if days is None else (today_of(account, now) + timedelta(days=days)).isoformat()
    answer = post(as_admin, "telephone-label-seen", telephone, seen_on=day)
    assert answer.status_code == 422
    assert error in get_html(answer)
    telephone.refresh_from_db()
    assert telephone.proven_until is None


def test_a_viewer_reads_the_set_up_check_and_changes_nothing(as_viewer, account):
    telephone = TelephoneFactory(account=account)
    page = get_page(as_viewer, telephone)
    assert "Silence Unknown Callers" in page
    for name in ("telephone-edit", "telephone-remove", "telephone-invite"):
        assert reverse(name, args=[telephone.pk]) not in page
    assert post(as_viewer, "telephone-setup", telephone, ios_screening="off").status_code == 403


def test_queries_of_the_page_do_not_depend_on_the_testers(as_viewer, account):
    telephone = TelephoneFactory(account=account)
    counts = []
    for _ in range(2):
        get_page(as_viewer, telephone)
        with CaptureQueriesContext(connection) as queries:
            get_page(as_viewer, telephone)
        counts.append(len(queries))
        for _ in range(3):
            tester, _token = create_tester(account)
            telephone.testers.add(tester)
    assert counts[0] == counts[1] <= 9
