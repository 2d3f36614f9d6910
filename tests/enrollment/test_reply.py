"""The applicant's reply to the reviewer's question: kept while typed, sent once, and read by the reviewer."""

import pytest
from django.urls import reverse

from enrollment import drafts, mails
from enrollment.models import Application, Transition
from portal.audit import Context
from portal.models import AuditEvent
from tests.enrollment import form_data
from tests.enrollment.review import decide
from tests.factories import MemberFactory
from tests.support.mails import send_mails
from tests.support.pages import get_html, messages_in

pytestmark = pytest.mark.django_db

REPLY, CHECK, STATUS = (reverse(name) for name in ("enrollment-reply", "enrollment-check", "enrollment"))
QUESTION, ANSWER = "Which carrier provides the numbers?", "Example Telecom.\nSince 2019."


@pytest.fixture
def asked(submitted, reviewer_actor, now) -> Application:
    """An application about which the reviewer has a question."""
    decide(submitted, "more_information", context=Context(reviewer_actor, now), reason=QUESTION)
    return Application.objects.get(pk=submitted.pk)


def reply_data(application, text=ANSWER):
    return {"application": application.pk, "revision": application.revision, "reply": text}


def review_page(client, application):
    return get_html(client.get(reverse("admin:enrollment_application_change", args=[application.pk])))


def test_the_page_shows_the_question_and_the_status_page_leads_to_it(as_admin, asked):
    assert f'href="{REPLY}"' in get_html(as_admin.get(STATUS))
    assert QUESTION in get_html(as_admin.get(REPLY))


def test_a_reply_goes_back_to_review_with_the_form_as_it_was_sent(as_admin, asked):
    answer = as_admin.post(REPLY, reply_data(asked), follow=True)
    assert messages_in(answer).startswith("Your reply is sent.")
    sent = Application.objects.get()
    assert (sent.state, sent.revision, sent.reply) == ("submitted", 2, "")
    assert (sent.snapshot, sent.signed_by) == (asked.snapshot, "Dana Reyes")


def test_the_reviewer_reads_it_beside_the_question_and_in_the_history(as_admin, as_reviewer, asked):
    as_admin.post(REPLY, reply_data(asked))
    queue = get_html(as_reviewer.get(reverse("admin:enrollment_application_changelist")))
    assert "Cascade Solar LLC" in queue
    html = review_page(as_reviewer, asked)
    assert "The applicant's reply" in html
    assert html.count(QUESTION) == 2
    assert html.count("Example Telecom.<br>Since 2019.") == 2
    assert "The applicant replies: “Example Telecom." in html


def test_a_reply_to_a_former_question_is_only_in_the_history(as_admin, as_reviewer, asked, reviewer_actor, now):
    as_admin.post(REPLY, reply_data(asked))
    decide(Application.objects.get(), "approved", context=Context(reviewer_actor, now))
    html = review_page(as_reviewer, asked)
    assert 'id="exchange"' not in html
    assert "The applicant replies: “Example Telecom." in html


def test_the_members_read_it_in_their_history_and_the_audit_trail(as_admin, as_viewer, asked, account, admin):
    as_admin.post(REPLY, reply_data(asked))
    assert "Example Telecom." in get_html(as_viewer.get(STATUS))
    event = AuditEvent.objects.for_account(account).latest("pk")
    assert (event.code, event.before, event.after) == ("application.submitted", "more_information", "submitted")
    assert (event.reason.splitlines()[0], event.actor) == ("Example Telecom.", admin.user)


def test_the_reviewers_get_it_by_mail(as_admin, asked, now, settings, mailoutbox):
    settings.REVIEWER_EMAILS = ["review@example.com"]
    as_admin.post(REPLY, reply_data(asked))
    Transition.objects.exclude(revision=2).update(mail_due_at=None)
    mails.enqueue_due(Transition.objects.latest("pk").created_at)
    send_mails()
    assert "The applicant replies:\nExample Telecom." in mailoutbox[0].body


def test_an_empty_reply_is_refused_at_the_field(as_admin, asked):
    html = get_html(as_admin.post(REPLY, reply_data(asked, " ")))
    assert "Write what the reviewer asks for." in html
    assert Application.objects.get().state == "more_information"


def test_a_reply_that_is_too_long_is_refused_and_kept(as_admin, asked):
    html = get_html(as_admin.post(REPLY, reply_data(asked, "x" * 4_001)))
    assert "This has 4001 characters. Shorten it to at most 4000." in html
    assert "x" * 4_001 in get_html(as_admin.get(REPLY))


def test_what_is_typed_is_saved_while_it_is_typed(as_admin, asked):
    answer = as_admin.post(REPLY, reply_data(asked, "Example Tel"), headers={"hx-request": "true"})
    assert (answer.headers["X-Saved"], "Reply saved" in get_html(answer)) == ("1", True)
    assert "Example Tel" in get_html(as_admin.get(REPLY))
    assert Application.objects.get().state == "more_information"


def test_a_form_that_was_changed_is_read_and_signed_before_the_reply_goes_with_it(as_admin, asked, account, actor, now):
    drafts.save(account, business={"phone_company": "Other Telecom"}, context=Context(actor, now))
    answer = as_admin.post(REPLY, reply_data(asked), follow=True)
    assert "Your reply is saved, but not sent yet" in messages_in(answer)
    assert Application.objects.get().state == "more_information"
    html = get_html(answer)
    assert "Other Telecom" in html
    assert "Example Telecom.<br>Since 2019." in html
    as_admin.post(CHECK, answer.context["form"].initial | {"signed_by": "Dana Reyes", "agreed": "on"})
    sent = Application.objects.get()
    assert (sent.state, sent.reply) == ("submitted", "")
    assert Transition.objects.latest("pk").reason.splitlines()[0] == "Example Telecom."


def test_a_reply_that_changed_since_the_form_was_read_is_read_again(as_admin, asked):
    shown = as_admin.get(CHECK).context["form"].initial | {"signed_by": "Dana Reyes", "agreed": "on"}
    as_admin.post(REPLY, reply_data(asked, "Not yet"), headers={"hx-request": "true"})
    assert "The form was changed since this page was opened" in get_html(as_admin.post(CHECK, shown, follow=True))
    assert Application.objects.get().state == "more_information"


def test_a_second_click_sends_nothing_twice_and_says_so(as_admin, asked):
    as_admin.post(REPLY, reply_data(asked))
    html = get_html(as_admin.post(REPLY, reply_data(asked)))
    assert "It was already sent again and is under review. Nothing was sent twice." in html
    assert "Since 2019." in html
    assert Transition.objects.filter(to_state="submitted").count() == 2


def test_a_page_about_a_former_question_sends_nothing_and_keeps_the_text(as_admin, asked, reviewer_actor, now):
    as_admin.post(REPLY, reply_data(asked))
    sent = Application.objects.get()
    decide(sent, "more_information", context=Context(reviewer_actor, now), reason="And since when?")
    html = get_html(as_admin.post(REPLY, reply_data(asked)))
    assert "The reviewer has asked again since this page was opened." in html
    assert "Since 2019." in html
    assert Application.objects.get().state == "more_information"


@pytest.mark.parametrize("to", ["approved", "rejected"])
def test_a_decided_application_takes_no_reply(as_admin, asked, reviewer_actor, now, to):
    as_admin.post(REPLY, reply_data(asked))
    decide(Application.objects.get(), to, context=Context(reviewer_actor, now))
    assert "No question waits for a reply" in get_html(as_admin.post(REPLY, reply_data(asked)))


def test_without_a_question_there_is_no_page(as_admin, account, actor, now):
    assert "nobody has asked" in messages_in(as_admin.get(REPLY, follow=True))
    form_data.create_draft(account, Context(actor, now))
    assert "No question waits for a reply" in messages_in(as_admin.get(REPLY, follow=True))


def test_a_viewer_reads_the_question_and_cannot_reply(as_viewer, asked):
    html = get_html(as_viewer.get(REPLY))
    assert QUESTION in html
    assert "Send reply" not in html
    assert as_viewer.post(REPLY, reply_data(asked)).status_code == 403


def test_another_account_cannot_reply(client_for, asked):
    assert client_for(MemberFactory()).post(REPLY, reply_data(asked)).status_code == 404
    assert Application.objects.get().state == "more_information"
