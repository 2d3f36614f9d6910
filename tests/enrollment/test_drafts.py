"""Drafts are saved while the form is filled in. No input is lost by an error, a reload or a new session."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from enrollment import drafts
from enrollment.drafts import NotEditable
from enrollment.models import Application
from enrollment.questions import QUESTIONS_BY_ID
from portal.audit import Context
from portal.models import AuditEvent
from tests.enrollment import form_data
from tests.enrollment.review import decide
from tests.factories import ApplicationFactory, MemberFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

BUSINESS, PRACTICES, CHECK = (reverse(f"enrollment-{step}") for step in ("business", "practices", "check"))
HTMX_HEADERS = {"HX-Request": "true"}


def open_page(client, url):
    return get_html(client.get(url))


def test_first_step_creates_a_draft_and_leads_to_the_second(as_admin, account):
    answer = as_admin.post(BUSINESS, form_data.business_data() | {"continue": "1"})
    assert answer.url == PRACTICES
    assert Application.objects.for_account(account).get().state == "draft"


def test_viewing_the_form_creates_no_application(as_admin):
    assert as_admin.get(BUSINESS).status_code == 200
    assert not Application.objects.exists()


def test_contact_defaults_to_the_signed_in_user(as_admin, admin):
    assert f'value="{admin.user.email}"' in open_page(as_admin, BUSINESS)


def test_draft_keeps_invalid_input(as_admin):
    answer = as_admin.post(BUSINESS, {"legal_name": "C", "calls_per_day": "very many", "draft": "1"}, follow=True)
    html = get_html(answer)
    assert "Draft saved" in html
    assert 'value="very many"' in html
    assert "to mend" not in html


def test_errors_are_shown_at_their_fields_and_input_is_kept(as_admin):
    answer = as_admin.post(BUSINESS, form_data.business_data(ein="12", zip_code="abc") | {"continue": "1"}, follow=True)
    html = get_html(answer)
    assert 'value="abc"' in html
    assert 'value="Cascade Solar LLC"' in html
    assert 'href="#id_ein"' in html
    assert 'id="id_ein_error"' in html
    assert "2 answers to mend" in html


def test_reload_after_an_error_shows_the_error_again(as_admin):
    answer = as_admin.post(BUSINESS, form_data.business_data(ein="12") | {"continue": "1"})
    assert answer.status_code == 302
    assert 'id="id_ein_error"' in open_page(as_admin, answer.url)


def test_draft_is_kept_after_signing_in_again(as_admin, admin, client_for):
    as_admin.post(BUSINESS, {"legal_name": "Half a na", "draft": "1"})
    as_admin.logout()
    assert 'value="Half a na"' in open_page(client_for(admin), BUSINESS)


def test_draft_is_shared_by_the_members_of_the_account(as_admin, as_owner):
    as_admin.post(BUSINESS, {"legal_name": "Begun by the admin", "draft": "1"})
    assert "Begun by the admin" in open_page(as_owner, BUSINESS)


def test_the_steps_do_not_overwrite_each_other(as_admin, account):
    as_admin.post(BUSINESS, form_data.business_data())
    as_admin.post(PRACTICES, form_data.practices_data(calling_hours="no"))
    draft = drafts.get_current_application(account)
    assert draft.business["city"] == "Seattle"
    assert draft.answers["calling_hours"]["answer"] == "no"


def test_draft_is_saved_as_fields_change(as_admin, account):
    answer = as_admin.post(BUSINESS, {"legal_name": "Typed so far"}, headers=HTMX_HEADERS)
    assert get_html(answer).startswith("Draft saved")
    assert answer.headers["X-Saved"]
    assert drafts.get_current_application(account).business["legal_name"] == "Typed so far"


def test_automatic_save_returns_the_current_assessment(as_admin):
    html = get_html(
        as_admin.post(
            PRACTICES, form_data.practices_data(calling_hours="no", attempt_limits="no"), headers=HTMX_HEADERS
        )
    )
    assert "2 practices are answered with No" in html
    assert "18 of 18 answered" in html


def test_saving_unchanged_input_changes_nothing(account, actor, now):
    edits = [form_data.create_draft(account, Context(actor, now)).edit_count for _ in range(2)]
    assert edits == [1, 1]
    assert AuditEvent.objects.for_account(account).count() == 1


def test_edits_within_an_hour_write_one_audit_event(account, actor, now):
    for minute in range(5):
        drafts.save(account, business={"city": f"{minute}"}, context=Context(actor, now + timedelta(minutes=minute)))
    drafts.save(account, business={"city": "Tacoma"}, context=Context(actor, now + timedelta(hours=2)))
    events = AuditEvent.objects.for_account(account).order_by("pk").values_list("code", flat=True)
    assert list(events) == ["application.begun", "application.edited"]


def test_social_security_number_is_not_stored_in_a_draft(as_admin, account):
    answer = as_admin.post(BUSINESS, form_data.business_data(ein="123-45-6789") | {"continue": "1"}, follow=True)
    assert "Social Security number, so it was not kept" in get_html(answer)
    assert "6789" not in str(Application.objects.filter(account=account).values())


def test_null_characters_are_removed(account, actor, now):
    draft = drafts.save(account, business={"city": "Sea\0ttle"}, context=Context(actor, now))
    draft.refresh_from_db()
    assert draft.business["city"] == "Seattle"


def test_answer_stores_the_version_of_the_question(as_admin, account):
    as_admin.post(PRACTICES, form_data.practices_data())
    assert (
        drafts.get_current_application(account).answers["calling_hours"]["wording"]
        == QUESTIONS_BY_ID["calling_hours"].wording
    )


def test_question_is_asked_again_after_its_wording_changed(as_admin, account, actor, now):
    older = form_data.stored_answers() | {"calling_hours": {"answer": "yes", "note": "", "wording": "0"}}
    drafts.save(account, business=form_data.business_data(), answers=older, context=Context(actor, now))
    assert "The question was reworded since it was answered" in open_page(as_admin, CHECK)
    answer = as_admin.post(PRACTICES, form_data.practices_data() | {"continue": "1"})
    assert answer.url == CHECK


def test_not_applicable_needs_a_reason(as_admin):
    posted = form_data.practices_data(national_dnc_scrub="not_applicable") | {"continue": "1"}
    html = get_html(as_admin.post(PRACTICES, posted, follow=True))
    assert "Say why it doesn&#x27;t apply to you." in html
    posted["national_dnc_scrub-note"] = "We call businesses only."
    assert as_admin.post(PRACTICES, posted).url == CHECK


def test_unanswered_question_shows_an_error(as_admin):
    posted = form_data.practices_data() | {"continue": "1"}
    del posted["ring_15_seconds-answer"]
    html = get_html(as_admin.post(PRACTICES, posted, follow=True))
    assert 'href="#id_ring_15_seconds-answer_0"' in html
    assert "Choose an answer." in html


def test_viewer_can_read_but_not_change_the_form(as_viewer, draft):
    html = open_page(as_viewer, BUSINESS)
    assert "You are a viewer" in html
    assert '<fieldset class="stack" disabled>' in html
    assert "Save draft" not in html
    for url in (BUSINESS, PRACTICES, CHECK):
        assert as_viewer.post(url, form_data.business_data(city="Tacoma")).status_code == 403
    draft.refresh_from_db()
    assert draft.business["city"] == "Seattle"


def test_another_accounts_draft_is_never_shown_or_changed(client_for, draft):
    stranger = client_for(MemberFactory())
    assert "Cascade Solar" not in open_page(stranger, BUSINESS)
    stranger.post(BUSINESS, form_data.business_data(legal_name="Stranger Inc") | {"draft": "1"})
    draft.refresh_from_db()
    assert draft.business["legal_name"] == "Cascade Solar LLC"
    assert Application.objects.count() == 2


def test_nothing_is_saved_while_under_review_and_a_message_says_so(as_admin, submitted):
    html = get_html(as_admin.post(BUSINESS, form_data.business_data(city="Tacoma"), follow=True))
    assert "under review and cannot be changed. Nothing was saved." in html
    quietly = get_html(as_admin.post(BUSINESS, form_data.business_data(city="Tacoma"), headers=HTMX_HEADERS))
    assert "Nothing was saved" in quietly
    submitted.refresh_from_db()
    assert submitted.business["city"] == "Seattle"


@pytest.mark.parametrize("url", [BUSINESS, PRACTICES, CHECK])
def test_form_is_read_only_with_the_submitted_answers_while_under_review(as_admin, submitted, url):
    html = open_page(as_admin, url)
    assert "Enrollment as it was sent" in html
    assert "Cascade Solar LLC" in html
    assert "Do you place sales calls only from 8 a.m. to 9 p.m." in html
    assert "<textarea" not in html


def test_approved_account_cannot_start_another_draft(account, actor, now):
    ApplicationFactory(account=account)
    with pytest.raises(NotEditable):
        drafts.save(account, business={}, context=Context(actor, now))


@pytest.mark.parametrize("ending", ["rejected", "revoked"])
def test_new_application_after_rejection_or_revocation_copies_the_former_answers(
    as_admin, account, submitted, reviewer_actor, now, ending
):
    if ending == "revoked":
        decide(submitted, "approved", context=Context(reviewer_actor, now))
    decide(submitted, ending, context=Context(reviewer_actor, now), reason="Stop calling at night.")
    html = open_page(as_admin, BUSINESS)
    assert 'value="Cascade Solar LLC"' in html
    assert "Stop calling at night." in html
    assert Application.objects.count() == 1
    as_admin.post(BUSINESS, form_data.business_data(city="Tacoma"))
    begun = drafts.get_current_application(account)
    assert begun.previous_id == submitted.pk
    assert begun.answers == submitted.answers
    assert begun.business["city"] == "Tacoma"


def test_account_cannot_have_two_open_applications(account, draft):
    with pytest.raises(IntegrityError), transaction.atomic():
        Application.objects.create(account=account)


def test_form_takes_at_most_8_queries(as_admin, draft, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        as_admin.get(PRACTICES)
