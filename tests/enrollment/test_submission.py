"""The last step of the form: summary, warning, signature, and submission exactly once."""

import pytest
from django.urls import reverse
from django_q.models import OrmQ

from enrollment import drafts, lifecycle
from enrollment.lifecycle import SubmissionError
from enrollment.models import Application, Transition
from portal.audit import Context
from portal.models import AuditEvent
from tests.enrollment import form_data
from tests.enrollment.review import decide
from tests.factories import MemberFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

CHECK, ENTRY = reverse("enrollment-check"), reverse("enrollment")


def signature_data(shown_application, **changed):
    shown = {"application": shown_application.pk, "edits": shown_application.edit_count}
    return shown | {"signed_by": "Dana Reyes", "agreed": "on"} | changed


def test_signed_draft_is_submitted(as_admin, draft, admin):
    assert as_admin.post(CHECK, signature_data(draft)).url == ENTRY
    draft.refresh_from_db()
    assert (draft.state, draft.revision, draft.signed_by) == ("submitted", 1, "Dana Reyes")
    assert draft.submitted_by == admin.user
    assert (draft.legal_name, draft.ein) == ("Cascade Solar LLC", "91-1234567")


def test_page_shows_all_answers(as_admin, draft):
    html = get_html(as_admin.get(CHECK))
    for text in ("Cascade Solar LLC", "91-1234567", "(206) 555-0143", "1,500", "Send for review"):
        assert text in html


def test_several_no_answers_show_a_warning_and_the_practices_to_correct(as_admin, account, actor, now):
    form_data.create_draft(account, Context(actor, now), reassigned_number_check="no", calling_hours="no")
    html = get_html(as_admin.get(CHECK))
    assert "2 practices are answered with No." in html
    assert "the service may be unable to help" in html
    assert "You are about to send 2 answers No" in html
    assert "the calling hours" in html
    assert "Send for review" in html


def test_one_no_answer_is_shown_without_the_warning(as_admin, account, actor, now):
    form_data.create_draft(account, Context(actor, now), calling_hours="no")
    html = get_html(as_admin.get(CHECK))
    assert "1 practice is answered with No." in html
    assert "unable to help" not in html


def test_no_warning_is_shown_without_no_answers(as_admin, draft):
    assert "answered with No" not in get_html(as_admin.get(CHECK))


def test_missing_answers_are_linked_and_prevent_submission(as_admin, account, actor, now):
    draft = drafts.save(account, business=form_data.business_data(ein=""), context=Context(actor, now))
    html = get_html(as_admin.get(CHECK))
    assert f"{reverse('enrollment-business')}?check=1#id_ein" in html
    assert "Send for review" not in html
    as_admin.post(CHECK, signature_data(draft))
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_draft_without_a_signature_is_not_submitted(as_admin, draft):
    html = get_html(as_admin.post(CHECK, signature_data(draft, signed_by="")))
    assert "Write the name of the person who signs." in html
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_draft_without_the_agreement_is_not_submitted_and_the_name_is_kept(as_admin, draft):
    posted = signature_data(draft)
    del posted["agreed"]
    html = get_html(as_admin.post(CHECK, posted))
    assert "Tick this to send" in html
    assert 'value="Dana Reyes"' in get_html(as_admin.get(CHECK))
    assert as_admin.post(CHECK, posted | {"agreed": "on"}).url == ENTRY


def test_second_submission_changes_nothing_and_shows_a_message(as_admin, draft):
    posted = signature_data(draft)
    as_admin.post(CHECK, posted)
    html = get_html(as_admin.post(CHECK, posted, follow=True))
    assert "It was already sent and is under review. Nothing was sent twice." in html
    assert Application.objects.get().revision == 1
    assert Transition.objects.count() == 1


def test_stale_copy_of_a_draft_is_not_submitted_again(draft, actor, now):
    shown = Application.objects.get(pk=draft.pk)
    form_data.submit_draft(draft, Context(actor, now))
    with pytest.raises(SubmissionError, match="Nothing was sent twice"):
        form_data.submit_draft(shown, Context(actor, now))


def test_draft_changed_since_the_page_was_opened_is_not_submitted(as_admin, draft, account, actor, now):
    drafts.save(account, business={"city": "Tacoma"}, context=Context(actor, now))
    html = get_html(as_admin.post(CHECK, signature_data(draft), follow=True))
    assert "The form was changed since this page was opened" in html
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_stale_page_of_a_rejected_application_submits_nothing(as_admin, submitted, reviewer_actor, now):
    decide(submitted, "rejected", context=Context(reviewer_actor, now), reason="No.")
    html = get_html(as_admin.post(CHECK, signature_data(submitted), follow=True))
    assert "already sent and decided: rejected" in html
    assert Application.objects.count() == 1


def test_snapshot_stores_the_text_and_law_of_each_question(submitted):
    given = next(given for given in submitted.snapshot["answers"] if given["id"] == "calling_hours")
    assert given["question"].startswith("Do you place sales calls only from 8 a.m.")
    assert given["law"] == "47 CFR 64.1200(c)(1); 16 CFR 310.4(c)"
    assert (given["answer"], given["wording"]) == ("yes", "1")


def test_submission_writes_an_audit_event_and_queues_the_mail(submitted, account, actor):
    event = AuditEvent.objects.for_account(account).latest("pk")
    assert (event.code, event.before, event.after, event.actor) == (
        "application.submitted",
        "draft",
        "submitted",
        actor.user,
    )
    assert [task.func() for task in OrmQ.objects.all()] == [lifecycle.SEND_MAILS_TASK]


def test_application_is_resubmitted_after_more_information_was_requested(
    as_admin, account, submitted, reviewer_actor, actor, now
):
    decide(submitted, "more_information", context=Context(reviewer_actor, now), reason="Which carrier?")
    html = get_html(as_admin.get(reverse("enrollment-business")))
    assert "Which carrier?" in html
    draft = drafts.save(account, business={"phone_company": "Other Telecom"}, context=Context(actor, now))
    assert as_admin.post(CHECK, signature_data(draft)).url == ENTRY
    draft.refresh_from_db()
    assert (draft.pk, draft.revision, draft.state) == (submitted.pk, 2, "submitted")


def test_application_of_another_account_cannot_be_submitted(client_for, draft):
    stranger = client_for(MemberFactory())
    assert stranger.post(CHECK, signature_data(draft)).status_code == 404
    assert stranger.post(CHECK, signature_data(draft, application="x")).status_code == 404
    draft.refresh_from_db()
    assert draft.state == "draft"
