"""The page of a number: status, engines, daily history, events, and the open case."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.formats import date_format

from portal import audit
from portal.audit import Context
from portal.models import today_of
from reputation.models import CampaignCalls, Case, Check, NumberCalls, PhoneNumber, Tag
from reputation.monitoring import capability
from reputation.numbers import history, spam_status
from tests.factories import (
    CampaignFactory,
    CaseFactory,
    CheckFactory,
    ComplaintFactory,
    EngineFactory,
    MonitoredNumberFactory,
    PhoneNumberFactory,
    TagFactory,
)
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


@pytest.fixture
def number(account):
    return MonitoredNumberFactory(account=account, label="Seattle outbound 1", e164="+12065550143")


def get_page(client, number: PhoneNumber) -> str:
    return get_html(client.get(reverse("number", args=[number.pk])))


def test_row_12_tagged_number_has_an_alert_with_the_engine_and_a_link_to_the_case(as_viewer, number, account):
    tag = TagFactory(account=account, number=number, case=CaseFactory(account=account, number=number))
    PhoneNumber.objects.filter(pk=number.pk).update(
        spam_status=PhoneNumber.SpamStatus.IN_REMEDIATION, tagged_since=tag.detected_at
    )
    page = get_page(as_viewer, number)
    assert f'data-spam-alert="{number.pk}"' in page
    assert f"is labelled as spam by {tag.engine}" in page
    assert "showed the default" not in page
    assert reverse("case", args=[tag.case_id]) in page


def test_row_12_a_number_without_a_tag_has_no_alert(as_viewer, number):
    assert "data-spam-alert" not in get_page(as_viewer, number)


def test_page_shows_the_open_case_with_its_next_step(as_viewer, number, account):
    case = CaseFactory(account=account, number=number)
    TagFactory(account=account, number=number, case=case)
    page = get_page(as_viewer, number)
    assert f"Case {case.pk}" in page
    assert 'class="next"' in page


def test_timeline_has_the_events_of_the_number_its_tags_and_its_cases(as_viewer, number, account, now):
    case = CaseFactory(account=account, number=number)
    tag = TagFactory(account=account, number=number, case=case)
    foreign = PhoneNumberFactory(account=account)
    for code, subject in (("number.added", number), ("case.opened", case), ("tag.detected", tag)):
        audit.record_event(account=account, context=Context.system(now), code=code, subject=subject)
    audit.record_event(account=account, context=Context.system(now), code="number.changed", subject=foreign)
    assert [event.code for event in history.get_events(number)] == ["tag.detected", "case.opened", "number.added"]
    page = get_page(as_viewer, number)
    assert "Number added" in page
    assert "Number changed" not in page


def test_older_events_are_on_further_pages(as_viewer, number, account, now, monkeypatch):
    monkeypatch.setattr(history, "EVENTS_SHOWN", 2)
    for code in ("number.added", "number.changed", "number.restored"):
        audit.record_event(account=account, context=Context.system(now), code=code, subject=number)
    page = get_page(as_viewer, number)
    assert "Number added again" in page
    older = history.get_events(number)[1].pk
    assert f"?before={older}" in page
    assert "Number added again" not in get_html(as_viewer.get(f"{reverse('number', args=[number.pk])}?before={older}"))


def test_daily_history_has_the_result_of_each_engine_and_day(number, account, now):
    engine, silent = EngineFactory(), EngineFactory()
    check = CheckFactory(
        account=account,
        number=number,
        engine=engine,
        verdict=Check.Verdict.CLEAN,
        first_at=now - timedelta(days=10),
        last_at=now - timedelta(days=1),
        valid_until=now + timedelta(days=1),
    )
    tag = TagFactory(
        account=account,
        number=number,
        engine=engine,
        detected_at=now - timedelta(days=5, hours=12),
        ended_at=now - timedelta(days=3, hours=12),
        end_reason=Tag.EndReason.CLEARED,
    )
    known, unknown = history.get_daily_history([engine, silent], [check], [tag], now=now)
    assert known.days[-10:] == ["clean"] * 4 + ["tagged"] * 3 + ["clean"] * 3
    assert set(known.days[:-10]) == {"none"}
    assert set(unknown.days) == {"none"}
    assert known.summary == f"{engine}: 3 days tagged, 7 days clean, 50 days not known"


def test_row_15_history_is_kept_when_monitoring_is_disabled(as_viewer, number, account, actor, now):
    engine = EngineFactory()
    CheckFactory(account=account, number=number, engine=engine, first_at=now - timedelta(days=3), last_at=now)
    case = CaseFactory(account=account, number=number)
    TagFactory(account=account, number=number, engine=engine, case=case, detected_at=now - timedelta(days=2))
    PhoneNumber.objects.filter(pk=number.pk).update(capability=PhoneNumber.Capability.ON)
    capability.disable([number.pk], context=Context(actor, now))
    case.refresh_from_db()
    assert case.state == Case.State.CANCELLED
    page = get_page(as_viewer, number)
    assert "3 days tagged" in page
    assert "Monitoring disabled" in page


def test_page_lists_ftc_complaints_about_the_number(as_viewer, number):
    ComplaintFactory(e164=number.e164, subject="Dropped call or no message")
    ComplaintFactory(e164="+12065550199", subject="Another number's complaint")
    page = get_page(as_viewer, number)
    assert "Dropped call or no message" in page
    assert "Another number" not in page


def test_page_marks_complaints_about_a_day_without_a_call_as_probably_spoofed(as_viewer, account, number, now):
    PhoneNumber.objects.filter(pk=number.pk).update(added_at=now - timedelta(days=90))
    campaign, day = CampaignFactory(account=account), now.date()
    for days in (3, 20):
        ComplaintFactory(e164=number.e164, violated_at=now - timedelta(days=days))
        CampaignCalls.objects.create(
            account=account,
            campaign=campaign,
            day=day - timedelta(days=days),
            basis="none",
            skipped_tagged=False,
            calls=9,
        )
    NumberCalls.objects.create(account=account, number=number, day=day - timedelta(days=20), calls=9)
    table = get_page(as_viewer, number).partition('id="complaints"')[2].partition("</table>")[0]
    rows = table.split("<tr>")[2:]
    assert ["Probably spoofed" in row for row in rows].count(True) == 1
    spoofed = next(row for row in rows if "Probably spoofed" in row)
    assert date_format(today_of(account, now) - timedelta(days=3), "j M Y") in spoofed


def test_row_14_page_says_that_a_tagged_default_caller_id_is_still_used(as_viewer, number, account):
    CampaignFactory(account=account, default_number=number, name="Spring renewals")
    assert "still uses this number" not in get_page(as_viewer, number)
    PhoneNumber.objects.filter(pk=number.pk).update(spam_status=PhoneNumber.SpamStatus.TAGGED)
    page = get_page(as_viewer, number)
    assert "still uses this number where no other matches, although it is tagged" in page
    assert '<div id="default-of" class="stack" data-live>' in page, "it comes and goes on open pages, too"


def test_viewer_has_no_button_to_disable_the_number(as_viewer, as_admin, number):
    assert 'value="disable"' in get_page(as_admin, number)
    assert 'value="disable"' not in get_page(as_viewer, number)


def test_another_accounts_number_is_not_found(as_admin):
    assert as_admin.get(reverse("number", args=[PhoneNumberFactory().pk])).status_code == 404


def test_query_count_does_not_grow_with_the_history(as_viewer, number, account, now):
    engine = EngineFactory()

    def more(times: int) -> None:
        for day in range(times):
            case = CaseFactory(account=account, number=number, state=Case.State.CLEARED)
            moment = now - timedelta(days=2 + day)
            TagFactory(account=account, number=number, engine=engine, case=case, detected_at=moment, ended_at=moment)
            CheckFactory(account=account, number=number, engine=engine, is_current=False, last_at=moment)
            ComplaintFactory(e164=number.e164)
            audit.record_event(account=account, context=Context.system(now), code="tag.detected", subject=number)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            get_page(as_viewer, number)
        return len(captured)

    more(5)
    queries()
    few = queries()
    more(95)
    assert queries() == few


@pytest.mark.parametrize(
    ("complaints", "spoofed", "label", "sentence"),
    [
        (0, 0, "No complaints found", "No complaints found"),
        (1, 0, "1 complaint", "1 complaint in 30 days"),
        (1, 1, "1 complaint", "1 complaint in 30 days; 1 more probably about spoofed calls"),
        (0, 2, "Probably spoofed", "2 complaints in 30 days, probably about spoofed calls"),
    ],
)
def test_too_few_complaints_are_counted_and_are_never_called_clean(
    as_viewer, number, complaints, spoofed, label, sentence
):
    answer = {"complaints": complaints, "probably_spoofed": spoofed, "within_days": 30}
    CheckFactory(number=number, evidence=Check.Evidence.COMPLAINTS, effect=Check.Effect.NONE, raw_response=answer)
    page = get_page(as_viewer, number)
    assert f"{label}</span>" in page
    assert f"<td>{sentence}</td>" in page
    assert "<td>Clean</td>" not in page
    assert ("No complaints found" in page) == (complaints + spoofed == 0)


def test_a_source_of_complaints_without_an_answer_does_not_say_that_there_are_none(as_viewer, number):
    unknown = {"verdict": Check.Verdict.UNKNOWN, "effect": Check.Effect.NONE}
    CheckFactory(number=number, evidence=Check.Evidence.COMPLAINTS, **unknown)
    page = get_page(as_viewer, number)
    assert "No complaints found" not in page
    assert "No answer" in page


def test_number_at_risk_has_no_spam_label_and_says_nothing_of_remediation(as_viewer, number, now):
    risk = {"verdict": Check.Verdict.LABELLED, "effect": Check.Effect.RISK, "label": "Telemarketer"}
    CheckFactory(number=number, valid_until=now + timedelta(days=30), **risk)
    spam_status.recompute([number.pk], now=now)
    page = get_page(as_viewer, number)
    assert "shows “Telemarketer”. No spam label of it is known, so calls still show it" in page
    assert "emediation has started" not in page
    assert not Case.objects.exists()
