"""The page of a case: submissions, next step, and the support ticket of a failed case."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.audit import Context, record_event
from portal.models import AuditEvent
from reputation.models import Case
from tests.factories import CaseFactory, MonitoredNumberFactory, SubmissionFactory, TagFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


@pytest.fixture
def case(account):
    case = CaseFactory(account=account, number=MonitoredNumberFactory(account=account))
    TagFactory(account=account, number=case.number, case=case, label="Spam Likely")
    return case


@pytest.fixture
def failed_case(case, now):
    Case.objects.filter(pk=case.pk).update(
        state=Case.State.FAILED, outcome="The carrier keeps the label.", closed_at=now
    )
    case.refresh_from_db()
    return case


def get_page(client, case: Case) -> str:
    return get_html(client.get(reverse("case", args=[case.pk])))


def test_page_shows_submissions_and_the_next_step(as_viewer, case):
    submission = SubmissionFactory(case=case, reference="HY-88213")
    page = get_page(as_viewer, case)
    assert submission.reference in page
    assert 'class="next"' in page
    assert "support ticket" not in page.lower()


def test_row_13_page_of_a_failed_case_offers_a_support_ticket(as_viewer, failed_case):
    page = get_page(as_viewer, failed_case)
    for expected in ("Open a support ticket", failed_case.number.e164, "The carrier keeps the label.", "Spam Likely"):
        assert expected in page


def test_ticket_reference_is_stored(as_admin, failed_case):
    page = get_html(
        as_admin.post(reverse("case-ticket", args=[failed_case.pk]), {"ticket_reference": " SUP-48213 "}, follow=True)
    )
    assert "Ticket SUP-48213 is noted." in page
    assert "<strong>SUP-48213</strong>" in page
    assert AuditEvent.objects.filter(code="case.ticket", subject_id=failed_case.pk).count() == 1


def test_an_empty_reference_is_refused_at_the_field(as_admin, failed_case):
    answer = as_admin.post(reverse("case-ticket", args=[failed_case.pk]), {"ticket_reference": ""})
    assert answer.status_code == 422
    assert "This field is required." in get_html(answer)


def test_case_that_did_not_fail_gets_no_ticket(as_admin, case):
    page = get_html(as_admin.post(reverse("case-ticket", args=[case.pk]), {"ticket_reference": "SUP-1"}, follow=True))
    assert "did not fail" in page
    case.refresh_from_db()
    assert case.ticket_reference == ""


def test_viewer_can_read_the_ticket_text_but_not_store_a_reference(as_viewer, failed_case):
    assert "Text for support" in get_page(as_viewer, failed_case)
    assert (
        as_viewer.post(reverse("case-ticket", args=[failed_case.pk]), {"ticket_reference": "SUP-1"}).status_code == 403
    )


def test_former_and_later_cases_of_a_number_link_to_each_other(as_viewer, failed_case, now):
    later = CaseFactory(account=failed_case.account, number=failed_case.number, former=failed_case)
    assert f"case {failed_case.pk}" in get_page(as_viewer, later)
    assert reverse("case", args=[later.pk]) in get_page(as_viewer, failed_case)


def test_query_count_is_the_same_for_5_and_500_engines_and_events(as_viewer, case, account, now):
    def more(count: int) -> None:
        for _ in range(count):
            submission = SubmissionFactory(case=case)
            TagFactory(account=account, number=case.number, case=case, engine=submission.engine)
            record_event(account=account, context=Context.system(now), code="case.submitted", subject=case)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            get_page(as_viewer, case)
        return len(captured)

    more(5)
    queries()
    few = queries()
    more(495)
    assert queries() == few
