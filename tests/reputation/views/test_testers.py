"""Testers: invite them by a link, revoke it, and the page that it leads to."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.models import AuditEvent
from reputation.models import ControlCall, TestCall, Tester
from tests.factories import PhoneNumberFactory, TelephoneFactory
from tests.reputation.views.round_pages import form_of
from tests.support.pages import get_html, messages_in
from tests.support.urls import create_round

pytestmark = pytest.mark.django_db


@pytest.fixture
def telephone(account):
    return TelephoneFactory(account=account, name="Front desk")


@pytest.fixture
def link(as_admin, telephone) -> str:
    answer = as_admin.post(reverse("telephone-invite", args=[telephone.pk]), {"name": "Anna"})
    return urlsplit(answer.context["link"]).path


@pytest.fixture
def visitor() -> Client:
    return Client()


@pytest.fixture
def shared(account, link):
    """A round of eight calls to the tester's telephone and to another one."""
    return create_round(account, 8)


def act(client: Client, link: str, action: str, **data: object):
    return client.post(f"{link}{action}/", data, follow=True)


# Invite and revoke


def test_the_link_is_shown_once_and_works_for_seven_days(as_admin, telephone, settings):
    settings.PUBLIC_URL = "https://numbers.example.com"
    answer = as_admin.post(reverse("telephone-invite", args=[telephone.pk]), {"name": "Anna"})
    page, link = get_html(answer), answer.context["link"]
    assert link.startswith("https://numbers.example.com/t/")
    assert f'data-copy="{link}"' in page
    assert "no-store" in answer.headers["Cache-Control"]
    tester = Tester.objects.get()
    assert tester.expires_at - tester.invited_at == timedelta(days=7)
    for name, args in (("test-calls", []), ("telephone", [telephone.pk])):
        page = get_html(as_admin.get(reverse(name, args=args)))
        assert "Anna" in page
        assert link not in page
    assert AuditEvent.objects.filter(code="tester.invited").count() == 1


def test_a_tester_needs_a_name(as_admin, telephone):
    page = get_html(as_admin.post(reverse("telephone-invite", args=[telephone.pk]), {"name": " "}))
    assert "Write who the link is for, such as Anna." in page
    assert not Tester.objects.exists()


def test_a_revoked_link_ends_at_once_and_a_second_click_says_so(as_admin, link, visitor):
    tester = Tester.objects.get()
    address = reverse("test-tester-revoke", args=[tester.pk])
    assert "It stops working at once" in get_html(as_admin.get(address))
    assert visitor.get(link).status_code == 200
    assert messages_in(as_admin.post(address, follow=True)) == (
        "The link of Anna was revoked. It does not work any more."
    )
    assert visitor.get(link).status_code == 404
    assert "was revoked before. Nothing was changed." in messages_in(as_admin.post(address, follow=True))
    assert "Revoked" in get_html(as_admin.get(reverse("test-calls")))


def test_a_viewer_invites_nobody(as_viewer, telephone):
    address = reverse("telephone-invite", args=[telephone.pk])
    assert as_viewer.post(address, {"name": "Anna"}).status_code == 403
    assert not Tester.objects.exists()


# The page of the tester


def test_a_tester_sees_only_calls_to_the_own_telephone(visitor, link, shared, account, telephone):
    for _ in range(shared.calls.filter(telephone=telephone).count()):
        answer = act(visitor, link, "take")
        call = answer.context["call"]
        assert call.telephone == telephone
        page = get_html(answer)
        assert call.number.e164 in page
        assert f"{account} calls you from" in page
        others = TestCall.objects.exclude(pk=call.pk).exclude(tester__isnull=False)
        assert not [one for one in others.select_related("number") if one.number.e164 in page]
        act(visitor, link, "record", **form_of(call, result="no_label"))
    page = get_html(visitor.get(link))
    assert "No call for you now" in page
    assert set(TestCall.objects.filter(state="done").values_list("telephone", "tester__name")) == {
        (telephone.pk, "Anna")
    }


def test_the_page_names_nothing_else_of_the_account(visitor, link, shared, account, admin):
    page = get_html(act(visitor, link, "take"))
    for words in (admin.user.email, admin.user.get_full_name(), "Number Management", "/number-management/", "Sign out"):
        assert words not in page
    assert "data-live-url" not in page


def test_the_page_needs_no_session_and_is_not_indexed_cached_or_a_referrer(visitor, link):
    answer = visitor.get(link)
    assert answer.status_code == 200
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "no-store" in answer.headers["Cache-Control"]
    assert '<meta name="robots" content="noindex, nofollow">' in get_html(answer)
    assert "sessionid" not in answer.cookies


def test_forms_need_the_token_of_the_page_also_without_an_origin(link, shared):
    browser = Client(enforce_csrf_checks=True)
    browser.get(link)
    token = browser.cookies["csrftoken"].value
    assert browser.post(f"{link}take/", headers={"Origin": "null"}).status_code == 403
    assert (
        browser.post(
            f"{link}take/", {"csrfmiddlewaretoken": token}, headers={"Origin": "https://evil.example"}
        ).status_code
        == 403
    )
    assert not TestCall.objects.exclude(lease_token="").exists()
    answer = browser.post(f"{link}take/", {"csrfmiddlewaretoken": token}, headers={"Origin": "null"})
    assert answer.status_code == 302
    assert TestCall.objects.exclude(lease_token="").count() == 1


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_expired_or_wrong_link_says_what_to_do_and_changes_nothing(visitor, link, shared, method):
    taken = act(visitor, link, "take").context["call"]
    Tester.objects.update(expires_at=timezone.now())
    for address in (link, "/t/wrong/") if method == "get" else (f"{link}record/", "/t/wrong/take/"):
        answer = getattr(visitor, method)(address, form_of(taken, result="no_label"))
        assert answer.status_code == 404
        assert "Ask whoever sent it to you for a new link." in get_html(answer)
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    taken.refresh_from_db()
    assert taken.state == "planned"


def test_a_tester_undoes_and_notes_a_control_call(visitor, link, shared, telephone):
    call = act(visitor, link, "take").context["call"]
    act(visitor, link, "record", **form_of(call, result="label", label="Spam"))
    answer = act(visitor, link, "undo", **form_of(call))
    assert answer.context["call"] == call
    act(visitor, link, "record", **form_of(call, result="not_arrived"))
    act(visitor, link, "control", **form_of(call, number="(206) 555-0199"))
    assert ControlCall.objects.get().telephone == telephone


def test_a_tester_learns_nothing_about_a_call_that_is_not_theirs_any_more(visitor, link, shared, as_admin):
    call = act(visitor, link, "take").context["call"]
    act(visitor, link, "give-back", **form_of(call))
    TestCall.objects.filter(pk=call.pk).update(state="done", result="label", label="Scam Likely")
    for action in ("give-back", "record", "undo"):
        answer = act(visitor, link, action, **form_of(call, result="no_label"))
        assert answer.status_code == 422
        assert "This call is not yours any more" in get_html(answer)
        assert "Label: Scam Likely" not in get_html(answer)
    assert TestCall.objects.get(pk=call.pk).label == "Scam Likely"


def test_calls_of_others_are_not_found(visitor, link, shared, as_admin, telephone):
    other = TelephoneFactory(account=telephone.account)
    foreign = shared.calls.exclude(telephone=telephone).first()
    TestCall.objects.filter(pk=foreign.pk).update(lease_token="known", lease_until=timezone.now() + timedelta(hours=1))
    foreign.refresh_from_db()
    assert other.pk != foreign.telephone_id
    for action in ("record", "undo", "give-back", "control"):
        assert act(visitor, link, action, **form_of(foreign, result="no_label")).status_code == 404


def test_the_round_says_which_tester_waits_and_from_which_number_to_call(visitor, link, shared, as_admin):
    call = act(visitor, link, "take").context["call"]
    page = get_html(as_admin.get(reverse("test-round", args=[shared.pk])))
    assert "Anna waits for a call." in page
    assert call.telephone.e164 in page


def test_times_are_in_the_zone_of_the_account(visitor, link, account):
    account.time_zone = "Pacific/Honolulu"
    account.save()
    assert "HST" in get_html(visitor.get(link))


def test_queries_of_the_page_do_not_depend_on_the_calls(visitor, link, account):
    counts = []
    for count in (2, 12):
        create_round(account, count)
        PhoneNumberFactory(account=account)
        call = act(visitor, link, "take").context["call"]
        act(visitor, link, "record", **form_of(call, result="no_label"))
        visitor.get(link)
        with CaptureQueriesContext(connection) as queries:
            visitor.get(link)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 8
