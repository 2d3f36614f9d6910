"""Review in Django admin: the queue, the submitted application, and decisions on the revision that was read."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from enrollment import drafts
from enrollment.models import Application
from enrollment.tasks import send_due_mails
from portal.audit import Actor, Context
from tests.enrollment import form_data
from tests.enrollment.review import decide
from tests.factories import AccountFactory, ApplicationFactory
from tests.support.mails import send_mails

pytestmark = pytest.mark.django_db

QUEUE = reverse("admin:enrollment_application_changelist")
State = Application.State


def application_url(application):
    return reverse("admin:enrollment_application_change", args=[application.pk])


def decision_url(to):
    return reverse("admin:enrollment_application_decide", args=[to])


def revision_tokens(*applications):
    return [f"{application.pk}:{application.revision}" for application in applications]


def page_text(client, url, **query):
    return client.get(url, query).content.decode()


def create_submitted(days=0, **fields):
    return ApplicationFactory(state=State.SUBMITTED, submitted_at=timezone.now() - timedelta(days=days), **fields)


class TestQueue:
    def test_lists_submitted_applications_oldest_first_with_their_age(self, as_reviewer):
        create_submitted(days=1, legal_name="Younger LLC")
        create_submitted(days=3, legal_name="Older LLC", no_answer_count=7)
        ApplicationFactory(legal_name="Approved LLC")
        html = page_text(as_reviewer, QUEUE)
        assert html.index("Older LLC") < html.index("Younger LLC")
        assert "3\xa0days" in html
        assert 'class="field-no_answer_count">7<' in html
        assert "Approved LLC" not in html
        assert "Waiting for review" in html

    def test_filters_applications_by_state(self, as_reviewer):
        create_submitted(legal_name="Waiting LLC")
        ApplicationFactory(legal_name="Approved LLC")
        assert "Approved LLC" in page_text(as_reviewer, QUEUE, state="approved")
        assert "Waiting LLC" not in page_text(as_reviewer, QUEUE, state="approved")
        everything = page_text(as_reviewer, QUEUE, state="all")
        assert "Approved LLC" in everything
        assert "Waiting LLC" in everything

    def test_hides_drafts_that_were_never_submitted(self, as_reviewer, draft):
        assert "Cascade Solar" not in page_text(as_reviewer, QUEUE, state="all")
        assert as_reviewer.get(application_url(draft)).status_code == 302

    def test_hides_draft_changes_that_were_not_submitted(
        self, as_reviewer, account, submitted, reviewer_actor, actor, now
    ):
        decide(submitted, "more_information", context=Context(reviewer_actor, now), reason="Which city?")
        drafts.save(account, business={"legal_name": "Not sent yet LLC"}, context=Context(actor, now))
        html = page_text(as_reviewer, QUEUE, state="all")
        assert "Cascade Solar LLC" in html
        assert "Not sent yet" not in html

    def test_searches_by_business_and_ein(self, as_reviewer, submitted):
        assert "Cascade Solar LLC" in page_text(as_reviewer, QUEUE, q="91-1234567")
        assert "Cascade Solar LLC" not in page_text(as_reviewer, QUEUE, q="Somebody else")

    def test_query_count_is_the_same_for_5_and_50_applications(self, as_reviewer):
        def queries():
            with CaptureQueriesContext(connection) as captured:
                as_reviewer.get(QUEUE)
            return len(captured)

        for _ in range(5):
            create_submitted()
        few = queries()
        for _ in range(45):
            create_submitted()
        assert queries() == few


class TestApplicationPage:
    def test_shows_the_submitted_version(self, as_reviewer, account, submitted, reviewer_actor, actor, now):
        decide(submitted, "more_information", context=Context(reviewer_actor, now), reason="Which carrier?")
        drafts.save(account, business={"city": "Not sent yet"}, context=Context(actor, now))
        html = page_text(as_reviewer, application_url(submitted))
        assert "Seattle" in html
        assert "Not sent yet" not in html
        assert "47 CFR 64.1200(c)(1)" in html
        assert "Dana Reyes" in html

    def test_shows_the_assessment_beside_the_answers(self, as_reviewer, account, actor, now):
        application = form_data.create_submitted(
            account,
            Context(actor, now),
            calling_hours="no",
            note_calling_hours="From March.",
            attempt_limits="no",
            ein="000000000",
        )
        html = page_text(as_reviewer, application_url(application))
        assert "2 practices are answered with No." in html
        assert "Nothing helps until it is mended" in html
        assert "From March." in html
        assert "No EIN beginning with 00" in html
        assert "Suggested: ask for more." in html

    def test_shows_the_reviewer_and_the_reason_of_a_decision(self, as_reviewer, submitted, reviewer_actor, now):
        decide(submitted, "rejected", context=Context(reviewer_actor, now), reason="Calls at night.")
        html = page_text(as_reviewer, application_url(submitted))
        assert "Calls at night." in html
        assert "rita@example.com" in html

    def test_shows_what_changed_since_the_previous_submission(
        self, as_reviewer, account, submitted, reviewer_actor, actor, now
    ):
        decide(submitted, "more_information", context=Context(reviewer_actor, now), reason="Which city?")
        form_data.submit_draft(
            drafts.save(account, business={"city": "Tacoma"}, context=Context(actor, now)), Context(actor, now)
        )
        html = page_text(as_reviewer, application_url(submitted))
        assert "Changed since the last time it was sent" in html
        assert "<td>Seattle</td><td>Tacoma</td>" in html

    def test_does_not_allow_to_change_add_or_delete(self, as_reviewer, submitted):
        assert as_reviewer.post(application_url(submitted), {"state": "approved"}).status_code == 403
        assert as_reviewer.get(reverse("admin:enrollment_application_add")).status_code == 403
        assert as_reviewer.post(reverse("admin:enrollment_application_delete", args=[submitted.pk])).status_code == 403
        submitted.refresh_from_db()
        assert submitted.state == "submitted"

    def test_has_no_inline_script_or_style(self, as_reviewer, submitted):
        html = page_text(as_reviewer, application_url(submitted)) + page_text(
            as_reviewer, decision_url("rejected"), shown=revision_tokens(submitted)
        )
        assert " style=" not in html
        assert "<style" not in html
        assert " onclick=" not in html
        assert "<script>" not in html

    def test_offers_only_allowed_decisions(self, as_reviewer, submitted):
        html = page_text(as_reviewer, application_url(submitted))
        assert decision_url("approved") in html
        assert decision_url("revoked") not in html


class TestDecision:
    @pytest.mark.parametrize("to", ["approved", "rejected", "more_information"])
    def test_is_stored_with_its_reason(self, as_reviewer, submitted, reviewer, to):
        assert "Reason" in page_text(as_reviewer, decision_url(to), shown=revision_tokens(submitted))
        answer = as_reviewer.post(decision_url(to), {"shown": revision_tokens(submitted), "reason": "So it is."})
        assert answer.url == application_url(submitted)
        submitted.refresh_from_db()
        assert (submitted.state, submitted.reason, submitted.decided_by) == (to, "So it is.", reviewer)

    def test_can_revoke_an_approval(self, as_reviewer, submitted, reviewer_actor, now):
        decide(submitted, "approved", context=Context(reviewer_actor, now))
        as_reviewer.post(
            decision_url("revoked"), {"shown": revision_tokens(submitted), "reason": "The answers were not true."}
        )
        submitted.refresh_from_db()
        assert submitted.state == "revoked"

    def test_without_a_reason_shows_an_error_at_the_field(self, as_reviewer, submitted):
        html = as_reviewer.post(
            decision_url("rejected"), {"shown": revision_tokens(submitted), "reason": " "}
        ).content.decode()
        assert "Write the reason" in html
        submitted.refresh_from_db()
        assert submitted.state == "submitted"

    def test_with_too_long_a_reason_is_refused_in_our_words(self, as_reviewer, submitted):
        posted = {"shown": revision_tokens(submitted), "reason": "x" * 4_001}
        assert "Shorten it to at most 4000." in as_reviewer.post(decision_url("rejected"), posted).content.decode()

    def test_to_approve_needs_no_reason(self, as_reviewer, submitted):
        as_reviewer.post(decision_url("approved"), {"shown": revision_tokens(submitted)})
        submitted.refresh_from_db()
        assert submitted.state == "approved"

    def test_on_a_changed_application_is_refused_with_the_reason(
        self, as_reviewer, account, submitted, reviewer_actor, actor, now
    ):
        read_then = revision_tokens(submitted)
        decide(submitted, "more_information", context=Context(reviewer_actor, now), reason="Which city?")
        form_data.submit_draft(
            drafts.save(account, business={"city": "Tacoma"}, context=Context(actor, now)), Context(actor, now)
        )
        answer = as_reviewer.post(decision_url("approved"), {"shown": read_then}, follow=True)
        assert "you read revision 1, now it is 2" in answer.content.decode()
        assert Application.objects.get().state == "submitted"

    def test_on_a_decided_application_is_refused_with_the_reason(self, as_reviewer, submitted, reviewer_actor, now):
        decide(submitted, "rejected", context=Context(reviewer_actor, now), reason="No.")
        answer = as_reviewer.post(decision_url("approved"), {"shown": revision_tokens(submitted)}, follow=True)
        assert "already decided: rejected by rita@example.com" in answer.content.decode()
        assert Application.objects.get().state == "rejected"

    @pytest.mark.parametrize("text", ["", "x:1", "1", "1:x", "9" * 30 + ":1"])
    def test_with_an_invalid_selection_or_state_is_not_found(self, as_reviewer, text):
        assert as_reviewer.get(decision_url("approved"), {"shown": text}).status_code == 404
        assert as_reviewer.get(decision_url("submitted"), {"shown": "1:1"}).status_code == 404


class TestDecisionOnSeveralApplications:
    def choose(self, client, action, *applications, state=""):
        ids = [application.pk for application in applications]
        return client.post(f"{QUEUE}?state={state}" if state else QUEUE, {"action": action, "_selected_action": ids})

    def test_asks_for_a_reason_and_decides_all(self, as_reviewer):
        applications = [create_submitted(), create_submitted(), create_submitted()]
        answer = self.choose(as_reviewer, "reject", *applications)
        html = page_text(as_reviewer, answer.url)
        assert "Reject: 3 applications" in html
        url = answer.url.partition("?")[0]
        as_reviewer.post(url, {"shown": revision_tokens(*applications), "reason": "Not yours."})
        assert Application.objects.filter(state="rejected", reason="Not yours.").count() == 3

    def test_names_the_applications_that_were_not_decided_and_why(self, as_reviewer, reviewer_actor, now):
        first, second = create_submitted(legal_name="First LLC"), create_submitted(legal_name="Second LLC")
        decide(second, "approved", context=Context(reviewer_actor, now))
        html = as_reviewer.post(
            decision_url("approved"), {"shown": revision_tokens(first, second)}, follow=True
        ).content.decode()
        assert "Approved: First LLC" in html
        assert "Second LLC: It is already decided: approved" in html

    def test_names_the_applications_that_will_be_skipped(self, as_reviewer):
        approved = ApplicationFactory(legal_name="Approved LLC")
        answer = self.choose(as_reviewer, "approve", approved, state="all")
        html = page_text(as_reviewer, answer.url)
        assert "Left alone" in html
        assert "Nothing of this can be decided now" in html

    def test_is_bound_to_the_revisions_shown(self, as_reviewer):
        application = create_submitted()
        answer = self.choose(as_reviewer, "approve", application)
        assert answer.url.endswith(f"shown={application.pk}%3A1")

    def test_is_limited_to_100_applications(self, as_reviewer):
        for _ in range(101):
            create_submitted()
        chosen = {"action": "approve", "select_across": "1", "_selected_action": [Application.objects.first().pk]}
        html = as_reviewer.post(QUEUE, chosen, follow=True).content.decode()
        assert "Choose at most 100 at a time" in html


def test_row_3_applicant_and_reviewer_see_a_warning_about_several_no_answers(as_admin, as_reviewer, account):
    as_admin.post(reverse("enrollment-business"), form_data.business_data() | {"continue": "1"})
    posted = form_data.practices_data(calling_hours="no", attempt_limits="no") | {"continue": "1"}
    as_admin.post(reverse("enrollment-practices"), posted)
    page = as_admin.get(reverse("enrollment-check"))
    assert "the service may be unable to help" in page.content.decode()
    signature = page.context["form"].initial | {"signed_by": "Dana Reyes", "agreed": "on"}
    as_admin.post(reverse("enrollment-check"), signature)
    application = Application.objects.for_account(account).get()
    assert application.state == "submitted"
    assert "2 practices are answered with No." in page_text(as_reviewer, application_url(application))


def test_row_4_applicant_sees_and_is_mailed_the_reason_of_a_decision_in_django_admin(
    as_reviewer, as_admin, submitted, admin, mailoutbox
):
    as_reviewer.post(
        decision_url("rejected"), {"shown": revision_tokens(submitted), "reason": "Stop calling at night."}
    )
    assert "Stop calling at night." in as_admin.get(reverse("enrollment")).content.decode()
    send_due_mails()
    send_mails()
    (message,) = (mail for mail in mailoutbox if admin.user.email in mail.to)
    assert "Stop calling at night." in message.body


def test_decision_leaves_applications_of_other_accounts_unchanged(as_reviewer, actor, now):
    mine, others = (form_data.create_submitted(AccountFactory(), Context(Actor(None, "web"), now)) for _ in range(2))
    as_reviewer.post(decision_url("approved"), {"shown": revision_tokens(mine)})
    others.refresh_from_db()
    assert others.state == "submitted"
