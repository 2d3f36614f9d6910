"""The applicant withdraws: once, with confirmation, and the reviewer sees that the application is gone."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from enrollment import lifecycle, mails
from enrollment.lifecycle import TRANSITIONS, WithdrawalError
from enrollment.models import Application, Transition
from portal.audit import Context
from portal.models import AuditEvent
from tests.enrollment import form_data
from tests.enrollment.review import decide
from tests.factories import MemberFactory
from tests.support.mails import send_mails
from tests.support.pages import get_html, messages_in

pytestmark = pytest.mark.django_db

WITHDRAW, STATUS = reverse("enrollment-withdraw"), reverse("enrollment")


def shown(application):
    return {"application": application.pk, "revision": application.revision}


def application_url(application):
    return reverse("admin:enrollment_application_change", args=[application.pk])


@pytest.mark.parametrize("asked", [False, True])
def test_it_is_confirmed_and_makes_the_application_a_draft_with_its_text(
    as_admin, account, submitted, reviewer_actor, now, asked
):
    if asked:
        decide(submitted, "more_information", context=Context(reviewer_actor, now), reason="Which carrier?")
    assert f'href="{WITHDRAW}"' in get_html(as_admin.get(STATUS))
    page = as_admin.get(WITHDRAW)
    assert "Withdraw the enrollment?" in get_html(page)
    assert Application.objects.get().state != "draft"
    assert messages_in(as_admin.post(WITHDRAW, page.context["form"].initial, follow=True)).startswith("Withdrawn:")
    withdrawn = Application.objects.get()
    assert (withdrawn.state, withdrawn.reason) == ("draft", "")
    assert withdrawn.business["legal_name"] == "Cascade Solar LLC"
    assert "Cascade Solar LLC" in get_html(as_admin.get(reverse("enrollment-business")))


def test_it_is_in_the_history_and_the_audit_trail(as_admin, account, submitted, admin):
    as_admin.post(WITHDRAW, shown(submitted))
    event = AuditEvent.objects.for_account(account).latest("pk")
    assert (event.code, event.before, event.after, event.actor) == (
        "application.withdrawn",
        "submitted",
        "draft",
        admin.user,
    )
    assert "<strong>Withdrawn</strong>" in get_html(as_admin.get(STATUS))


def test_it_can_be_sent_again_and_the_reviewer_sees_what_changed(as_admin, as_reviewer, submitted, account, actor, now):
    as_admin.post(WITHDRAW, shown(submitted))
    as_admin.post(reverse("enrollment-business"), {"city": "Tacoma"})
    form_data.submit_draft(Application.objects.get(), Context(actor, now))
    html = get_html(as_reviewer.get(application_url(submitted)))
    assert "<td>Seattle</td><td>Tacoma</td>" in html
    assert "Withdrawn by the applicant" in html
    assert Application.objects.get().revision == 2


class TestTheReviewer:
    @pytest.fixture
    def withdrawn(self, submitted, actor, now):
        lifecycle.withdraw(submitted, revision=1, context=Context(actor, now))
        return submitted

    def test_no_longer_finds_it_in_the_queue(self, as_reviewer, withdrawn):
        queue = reverse("admin:enrollment_application_changelist")
        assert "Cascade Solar" not in get_html(as_reviewer.get(queue))
        assert "Cascade Solar" not in get_html(as_reviewer.get(queue, {"state": "all"}))

    def test_is_told_so_at_its_page(self, as_reviewer, withdrawn):
        html = get_html(as_reviewer.get(application_url(withdrawn), follow=True))
        assert "Cascade Solar LLC: The applicant withdrew it" in html

    def test_cannot_decide_it_and_is_told_why(self, as_reviewer, withdrawn):
        decision = reverse("admin:enrollment_application_decide", args=["approved"])
        html = get_html(as_reviewer.get(decision, {"shown": f"{withdrawn.pk}:1"}))
        assert "The applicant withdrew it" in html
        assert "Nothing of this can be decided now" in html
        html = get_html(as_reviewer.post(decision, {"shown": f"{withdrawn.pk}:1"}, follow=True))
        assert "Not changed. Cascade Solar LLC: The applicant withdrew it" in html
        assert Application.objects.get().state == "draft"

    def test_gets_a_mail(self, withdrawn, now, settings, mailoutbox):
        settings.REVIEWER_EMAILS = ["review@example.com"]
        Transition.objects.filter(to_state="submitted").update(mail_due_at=None)
        mails.enqueue_due(now)
        send_mails()
        assert (mailoutbox[0].subject, mailoutbox[0].to) == (
            "Enrollment withdrawn: Cascade Solar LLC",
            ["review@example.com"],
        )


def test_a_second_click_withdraws_nothing_twice_and_says_so(as_admin, submitted):
    as_admin.post(WITHDRAW, shown(submitted))
    assert "It was already withdrawn" in messages_in(as_admin.post(WITHDRAW, shown(submitted), follow=True))
    assert Transition.objects.filter(to_state="draft").count() == 1


def test_a_page_from_before_it_was_sent_again_withdraws_nothing(as_admin, submitted, actor, now):
    as_admin.post(WITHDRAW, shown(submitted))
    form_data.submit_draft(Application.objects.get(), Context(actor, now))
    answer = as_admin.post(WITHDRAW, shown(submitted), follow=True)
    assert "It was sent again since this page was opened" in messages_in(answer)
    assert Application.objects.get().state == "submitted"


@pytest.mark.parametrize("to", ["approved", "rejected"])
def test_what_a_reviewer_decided_first_stays_decided(as_admin, submitted, reviewer_actor, now, to):
    decide(submitted, to, context=Context(reviewer_actor, now))
    answer = as_admin.post(WITHDRAW, shown(submitted), follow=True)
    assert f"A reviewer decided it before: {to}. Nothing was withdrawn." in messages_in(answer)
    assert Application.objects.get().state == to
    assert f'href="{WITHDRAW}"' not in get_html(answer)


def test_only_what_is_with_a_reviewer_can_be_withdrawn(as_admin, account, actor, now):
    assert set(TRANSITIONS["draft"]) == {"submitted", "more_information"}
    assert "nothing to withdraw" in messages_in(as_admin.get(WITHDRAW, follow=True))
    draft = form_data.create_draft(account, Context(actor, now))
    assert "nothing to withdraw" in messages_in(as_admin.get(WITHDRAW, follow=True))
    with pytest.raises(WithdrawalError, match="It was not sent"):
        lifecycle.withdraw(draft, revision=0, context=Context(actor, now))


def test_a_viewer_cannot_withdraw(as_viewer, submitted):
    assert as_viewer.post(WITHDRAW, shown(submitted)).status_code == 403
    assert f'href="{WITHDRAW}"' not in get_html(as_viewer.get(STATUS))


def test_another_account_cannot_withdraw_it(client_for, submitted):
    assert client_for(MemberFactory()).post(WITHDRAW, shown(submitted)).status_code == 404
    assert Application.objects.get().state == "submitted"


def test_it_takes_a_fixed_number_of_queries(as_admin, submitted, actor, now):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            as_admin.post(WITHDRAW, shown(Application.objects.get()))
        return len(captured)

    first = queries()
    for _ in range(5):
        form_data.submit_draft(Application.objects.get(), Context(actor, now))
        assert queries() == first
