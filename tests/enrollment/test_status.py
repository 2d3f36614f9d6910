"""How the enrollment stands, in the same words on every page."""

import pytest
from django.urls import reverse

from enrollment import drafts, lifecycle
from enrollment.models import Application
from enrollment.status import SAID, status_of
from tests.enrollment import filled
from tests.factories import AccountFactory, ApplicationFactory, MemberFactory

pytestmark = pytest.mark.django_db

ENTRY = reverse("enrollment")


def entry(client):
    return client.get(ENTRY).content.decode()


def test_without_an_application_the_next_step_is_the_form(account, as_admin):
    status = status_of(account)
    assert (status.state, status.application_id) == ("none", None)
    assert status.next_step_label == "Enable spam monitoring and remediation"
    assert status.next_step_url_name == "enrollment-business"
    assert reverse("enrollment-business") in entry(as_admin)


@pytest.mark.parametrize("state", list(Application.State))
def test_every_state_has_its_words_and_a_next_step_that_is_a_page(state, as_admin, account, now):
    ApplicationFactory(account=account, state=state, reason="The reason." if state != "draft" else "")
    status = status_of(account)
    assert status.sentence
    assert reverse(status.next_step_url_name)
    html = entry(as_admin)
    assert SAID[state].word in html
    assert status.next_step_label in html
    assert status.state == "draft" or "The reason." in html


def test_it_takes_one_query(account, sent, django_assert_num_queries):
    with django_assert_num_queries(1):
        status = status_of(account)
        assert (status.state, status.no_answers, status.since) == ("submitted", 0, sent.submitted_at)


def test_the_no_answers_are_those_that_were_sent(account, actor, now):
    filled.sent(account, actor, now, calling_hours="no", attempt_limits="no")
    assert status_of(account).no_answers == 2


def test_the_no_answers_of_a_draft_are_those_that_are_typed(account, actor, now):
    drafts.save(account, answers=filled.answers(calling_hours="no"), actor=actor, now=now)
    assert status_of(account).no_answers == 1


def test_the_newest_application_counts(account, sent, reviewing, actor, now):
    lifecycle.reject(sent, actor=reviewing, now=now, reason="No.")
    assert status_of(account).state == "rejected"
    drafts.save(account, business={"city": "Tacoma"}, actor=actor, now=now)
    assert status_of(account).state == "draft"


def test_another_accounts_enrollment_says_nothing_about_this_one(account, sent):
    assert status_of(AccountFactory()).state == "none"


def test_the_applicant_sees_the_outcome_and_its_reason(as_admin, as_viewer, sent, reviewing, now):
    lifecycle.reject(sent, actor=reviewing, now=now, reason="You call at night.")
    for client in (as_admin, as_viewer):
        html = entry(client)
        assert "Rejected" in html
        assert "You call at night." in html


def test_a_viewer_is_told_whom_to_ask(as_viewer):
    html = entry(as_viewer)
    assert "ask an owner or an admin" in html
    assert SAID["none"].next_step_label not in html


def test_an_open_page_takes_over_the_outcome_by_itself(as_admin, sent):
    assert 'id="enrollment" class="stack" data-live' in entry(as_admin)


def test_what_a_reviewer_writes_is_shown_as_text(as_admin, sent, reviewing, now):
    lifecycle.reject(sent, actor=reviewing, now=now, reason="<script>alert(1)</script>")
    assert "<script>alert" not in entry(as_admin)


def test_a_stranger_sees_nothing_of_it(signed_in, sent):
    assert "Under review" not in entry(signed_in(MemberFactory()))


def test_the_page_takes_a_fixed_number_of_queries(as_admin, account, now, django_assert_max_num_queries):
    ApplicationFactory(account=account)
    with django_assert_max_num_queries(8):
        as_admin.get(ENTRY)
