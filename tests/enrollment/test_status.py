"""The status of an enrollment, and the page that shows it."""

import pytest
from django.urls import reverse

from enrollment import drafts
from enrollment.models import Application
from enrollment.status import STATUS_LABELS, get_enrollment_status, get_review_time
from portal.audit import Context
from tests.enrollment import form_data
from tests.enrollment.review import decide
from tests.factories import AccountFactory, ApplicationFactory, MemberFactory
from tests.support.pages import get_html, messages_in

pytestmark = pytest.mark.django_db

ENTRY = reverse("enrollment")


def enrollment_page(client):
    return get_html(client.get(ENTRY))


def test_without_an_application_the_next_step_is_the_form(account, as_admin):
    status = get_enrollment_status(account)
    assert status.state == "none"
    assert status.next_step_label == "Enable spam monitoring and remediation"
    assert status.next_step_url_name == "enrollment-business"
    assert reverse("enrollment-business") in enrollment_page(as_admin)


@pytest.mark.parametrize("state", list(Application.State))
def test_every_state_has_a_label_and_a_next_step(state, as_admin, account, now):
    ApplicationFactory(account=account, state=state, reason="The reason." if state != "draft" else "")
    status = get_enrollment_status(account)
    assert status.sentence
    assert reverse(status.next_step_url_name)
    html = enrollment_page(as_admin)
    assert STATUS_LABELS[state].word in html
    assert status.next_step_label in html
    assert status.state == "draft" or "The reason." in html


def test_status_takes_one_query(account, submitted, django_assert_num_queries):
    with django_assert_num_queries(1):
        status = get_enrollment_status(account)
        assert (status.state, status.since) == ("submitted", submitted.submitted_at)


def test_status_is_that_of_the_newest_application(account, submitted, reviewer_actor, actor, now):
    decide(submitted, "rejected", context=Context(reviewer_actor, now), reason="No.")
    assert get_enrollment_status(account).state == "rejected"
    drafts.save(account, business={"city": "Tacoma"}, context=Context(actor, now))
    assert get_enrollment_status(account).state == "draft"


def test_status_ignores_applications_of_other_accounts(account, submitted):
    assert get_enrollment_status(AccountFactory()).state == "none"


def test_the_applicant_sees_the_outcome_and_its_reason(as_admin, as_viewer, submitted, reviewer_actor, now):
    decide(submitted, "rejected", context=Context(reviewer_actor, now), reason="You call at night.")
    for client in (as_admin, as_viewer):
        html = enrollment_page(client)
        assert "Rejected" in html
        assert "You call at night." in html


def test_viewer_is_told_to_ask_an_owner_or_admin(as_viewer):
    html = enrollment_page(as_viewer)
    assert "ask an owner or an admin" in html
    assert STATUS_LABELS["none"].next_step_label not in html


def test_page_is_marked_for_live_updates(as_admin, submitted):
    assert 'id="enrollment" class="stack" data-live' in enrollment_page(as_admin)


def test_reason_of_the_reviewer_is_escaped(as_admin, submitted, reviewer_actor, now):
    decide(submitted, "rejected", context=Context(reviewer_actor, now), reason="<script>alert(1)</script>")
    assert "<script>alert" not in enrollment_page(as_admin)


def test_member_of_another_account_does_not_see_the_status(client_for, submitted):
    assert "Under review" not in enrollment_page(client_for(MemberFactory()))


PROMISE = "within 3 working days"


@pytest.mark.parametrize("days", [0, 3])
def test_the_time_of_a_review_is_named_only_where_the_operator_names_one(as_admin, account, actor, now, settings, days):
    settings.REVIEW_WORKING_DAYS = days
    draft = form_data.create_draft(account, Context(actor, now))
    assert (PROMISE in get_html(as_admin.get(reverse("enrollment-check")))) == bool(days)
    signature = {"application": draft.pk, "edits": draft.edit_count, "signed_by": "Dana Reyes", "agreed": "on"}
    sent = as_admin.post(reverse("enrollment-check"), signature, follow=True)
    when = f" {PROMISE} as a rule" if days else ""
    assert messages_in(sent).startswith(f"Sent. A reviewer reads it and answers{when}.")
    html = get_html(sent)
    assert html.count(PROMISE) == (2 if days else 0)
    assert "two working days" not in html
    assert get_enrollment_status(account).sentence.startswith("A reviewer reads it and answers")


def test_one_day_is_named_in_the_singular(settings):
    settings.REVIEW_WORKING_DAYS = 1
    assert get_review_time() == " within 1 working day as a rule"


def test_page_takes_at_most_8_queries(as_admin, account, now, django_assert_max_num_queries):
    ApplicationFactory(account=account)
    with django_assert_max_num_queries(8):
        as_admin.get(ENTRY)
