"""Report a label, the list of reports, and confirming or dismissing one."""

from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from portal.audit import Context
from portal.models import AuditEvent, today_of
from reputation.models import LabelPhoto, LabelReport, PhoneNumber, Tag
from reputation.monitoring import engines
from reputation.providers import registry
from reputation.test_calls import reports
from tests.factories import AccountFactory, MonitoredNumberFactory, PhoneNumberFactory
from tests.support.pages import get_html, messages_in

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus


@pytest.fixture(autouse=True)
def handset(db, settings, media_root):
    settings.PROVIDERS = ["handset"]
    registry._load_providers.cache_clear()
    engines.sync_engines()


@pytest.fixture
def number(account) -> PhoneNumber:
    return MonitoredNumberFactory(account=account, e164="+12065550143")


@pytest.fixture
def report(number, actor, now):
    """Return a function that stores a report; `label` and other arguments are those of add_report."""

    def add(label="Scam Likely", of=None, **more):
        return reports.add_report(of or number, label, context=Context(actor, now), **more)

    return add


def send(client, number, follow=True, **typed):
    return client.post(
        reverse("number-report-label", args=[number.pk]), {"label": "Scam Likely"} | typed, follow=follow
    )


def picture(kind="PNG", size=(40, 20)) -> SimpleUploadedFile:
    content = BytesIO()
    Image.new("RGB", size, "red").save(content, kind)
    return SimpleUploadedFile(f"label.{kind.lower()}", content.getvalue())


def test_a_report_has_label_network_called_number_day_and_photo(as_admin, admin, number, account, now):
    day = today_of(account, now) - timedelta(days=1)
    typed = {"carrier": "T-Mobile", "called_number": "(206) 555-0144", "seen_on": day.isoformat(), "photo": picture()}
    answer = send(as_admin, number, **typed)
    assert "“Scam Likely” on T-Mobile of (206) 555-0143 was reported" in messages_in(answer)
    report = LabelReport.objects.get()
    assert (report.label, report.carrier, report.called_e164) == ("Scam Likely", "T-Mobile", "+12065550144")
    assert (today_of(account, report.seen_at), report.reported_by) == (day, admin.user)
    assert report.photo == LabelPhoto.objects.for_account(account).get()
    number.refresh_from_db()
    assert number.spam_status == Status.AT_RISK
    event = AuditEvent.objects.get(code="report.added")
    assert (event.subject_id, event.after, event.actor) == (number.pk, "Scam Likely", admin.user)


def test_only_the_label_is_needed_and_the_day_is_today(as_admin, number, account, now):
    send(as_admin, number, seen_on="")
    report = LabelReport.objects.get()
    assert (report.carrier, report.called_e164, report.photo) == ("", "", None)
    assert today_of(account, report.seen_at) == today_of(account, now)


def test_the_form_offers_common_labels_networks_and_today(as_admin, number, account, now):
    page = get_html(as_admin.get(reverse("number-report-label", args=[number.pk])))
    assert '<option value="Scam Likely">' in page
    assert '<option value="T-Mobile">' in page
    assert f'value="{today_of(account, now).isoformat()}"' in page
    assert 'list="id_label_suggestions"' in page


def test_a_number_that_is_not_monitored_can_be_reported_and_keeps_its_status(as_admin, account):
    number = PhoneNumberFactory(account=account)
    assert "not monitored, so its status stays" in messages_in(send(as_admin, number))
    number.refresh_from_db()
    assert number.spam_status == Status.NOT_MONITORED
    page = get_html(as_admin.get(reverse("number-reputation")))
    assert "Reported, not confirmed: “Scam Likely”" in page


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("label", " ", "Type the label that was shown."),
        ("called_number", "12", "12"),
        ("seen_on", "2999-01-01", "in the future"),
        ("seen_on", "2001-01-01", "says nothing about today"),
        ("seen_on", "soon", "Enter a valid date"),
    ],
)
def test_an_error_is_at_its_field_and_nothing_typed_or_sent_is_lost(as_admin, number, field, value, error):
    typed = {"label": "Fraud Risk", "carrier": "Verizon", "called_number": "(206) 555-0144", "photo": picture()}
    answer = send(as_admin, number, **(typed | {field: value}))
    assert answer.status_code == 422
    page = get_html(answer)
    assert f'id="id_{field}_error"' in page
    assert error in page
    assert 'value="Verizon"' in page
    assert not LabelReport.objects.exists()
    photo = LabelPhoto.objects.get()
    assert f'name="stored_photo" value="{photo.pk}"' in page
    assert "Your photo is kept" in page
    send(as_admin, number, stored_photo=str(photo.pk))
    assert LabelReport.objects.get().photo == photo


@pytest.mark.parametrize(
    ("photo", "error"),
    [
        (SimpleUploadedFile("label.png", b""), "no JPEG, PNG or WebP picture"),
        (SimpleUploadedFile("label.png", b"no picture"), "no JPEG, PNG or WebP picture"),
        (SimpleUploadedFile("label.gif", picture("GIF").read()), "no JPEG, PNG or WebP picture"),
        (SimpleUploadedFile("label.png", picture().read()[:60]), "or it is damaged"),
        (SimpleUploadedFile("label.png", b"0" * (1024 * 1024 + 1)), "larger than 1 MB"),
    ],
)
def test_an_error_of_the_photo_is_at_its_field_and_nothing_typed_is_lost(as_admin, number, settings, photo, error):
    settings.TEST_CALLS = replace(settings.TEST_CALLS, photo_mb=1)
    answer = send(as_admin, number, carrier="Verizon", called_number="(206) 555-0144", photo=photo)
    page = get_html(answer)
    assert answer.status_code == 422
    assert 'id="id_photo_error"' in page
    assert error in page
    for value in ("Scam Likely", "Verizon", "(206) 555-0144"):
        assert f'value="{value}"' in page
    assert not LabelPhoto.objects.exists()
    assert not LabelReport.objects.exists()


def test_a_request_over_the_upload_limit_says_so_at_the_photo(as_admin, number, settings):
    settings.UPLOAD_LIMIT_MB = 1
    photo = SimpleUploadedFile("label.png", b"0" * (2 * 1024 * 1024))
    page = get_html(send(as_admin, number, carrier="Verizon", photo=photo))
    assert "The photo is larger than 10 MB" in page
    assert 'value="Verizon"' in page


def test_a_photo_of_another_account_is_not_taken(as_admin, number):
    theirs = LabelPhoto.objects.create(account=AccountFactory(), file="label-photos/1/theirs.jpg")
    send(as_admin, number, stored_photo=str(theirs.pk))
    assert LabelReport.objects.get().photo is None


def test_a_second_persons_report_says_that_both_are_confirmed(as_admin, number):
    send(as_admin, number, called_number="(206) 555-0144")
    answer = send(as_admin, number, called_number="(206) 555-0145")
    assert "both reports are confirmed" in messages_in(answer)
    assert Tag.objects.active().count() == 1


def test_reports_that_are_switched_off_store_nothing_and_say_so(as_admin, number, settings):
    settings.PROVIDERS = ["complaints"]
    registry._load_providers.cache_clear()
    assert "Reports are switched off" in get_html(as_admin.get(reverse("number-report-label", args=[number.pk])))
    assert "Reports of labels are switched off" in get_html(send(as_admin, number))
    assert not LabelReport.objects.exists()


@pytest.mark.parametrize(
    ("label", "words"),
    [("Scam Likely", "The number is then tagged"), ("Telemarketer", "stays at risk and is not tagged")],
)
def test_what_confirming_does_is_said_before(as_admin, report, label, words):
    added = report(label)
    page = get_html(as_admin.get(reverse("label-report-confirm", args=[added.pk])))
    assert words in page
    assert "cannot be undone" in page
    added.refresh_from_db()
    assert added.state == "open"


def test_confirming_tags_the_number_once(as_admin, admin, number, report):
    added = report()
    url = reverse("label-report-confirm", args=[added.pk])
    assert "was confirmed" in messages_in(as_admin.post(url, follow=True))
    number.refresh_from_db()
    assert number.spam_status == Status.TAGGED
    assert AuditEvent.objects.get(code="report.confirmed").actor == admin.user
    assert "was confirmed before. Nothing was changed" in messages_in(as_admin.post(url, follow=True))
    assert Tag.objects.count() == 1


def test_confirming_a_number_that_is_not_monitored_says_that_no_case_opens(as_admin, account, report):
    number = PhoneNumberFactory(account=account)
    url = reverse("label-report-confirm", args=[report(of=number).pk])
    assert "No remediation case opens" in get_html(as_admin.get(url))
    as_admin.post(url)
    number.refresh_from_db()
    assert number.spam_status == Status.LAST_SEEN


def test_dismissing_says_what_it_does_and_tags_nothing(as_admin, number, report):
    added = report()
    url = reverse("label-report-dismiss", args=[added.pk])
    assert "It asks for no more test calls" in get_html(as_admin.get(url))
    assert "was dismissed" in messages_in(as_admin.post(url, follow=True))
    added.refresh_from_db()
    assert added.state == "dismissed"
    assert not Tag.objects.exists()


def test_the_number_page_lists_reports_and_offers_to_settle_open_ones_to_editors(as_admin, as_viewer, number, report):
    added = report(carrier="T-Mobile")
    confirm = reverse("label-report-confirm", args=[added.pk])
    url = reverse("number", args=[number.pk])
    for client, offered in ((as_admin, True), (as_viewer, False)):
        page = get_html(client.get(url))
        assert "“Scam Likely”" in page
        assert "Not confirmed" in page
        assert (confirm in page) == offered
        assert (reverse("number-report-label", args=[number.pk]) in page) == offered
    as_admin.post(confirm)
    assert confirm not in get_html(as_admin.get(url))


def test_each_row_of_number_reputation_offers_a_report_to_editors(as_admin, as_viewer, number):
    url = reverse("number-report-label", args=[number.pk])
    assert url in get_html(as_admin.get(reverse("number-reputation")))
    assert url not in get_html(as_viewer.get(reverse("number-reputation")))


def test_the_list_has_the_accounts_reports_by_state(as_viewer, number, report, actor, now):
    reports.dismiss_report(report("Survey"), context=Context(actor, now))
    report("Spam Risk")
    report("Their Label", of=MonitoredNumberFactory(account=AccountFactory()))
    page = get_html(as_viewer.get(reverse("label-reports")))
    assert page.index("“Spam Risk”") < page.index("“Survey”")
    assert "Their Label" not in page
    assert "“Survey”" not in get_html(as_viewer.get(reverse("label-reports"), {"state": "open"}))
    assert "No report is in this state" in get_html(as_viewer.get(reverse("label-reports"), {"state": "confirmed"}))


def test_the_list_takes_the_same_queries_for_any_number_of_reports(
    as_viewer, report, account, django_assert_max_num_queries
):
    def count() -> int:
        with django_assert_max_num_queries(20) as queries:
            as_viewer.get(reverse("label-reports"))
        return len(queries)

    report()
    count()
    few = count()
    for number in MonitoredNumberFactory.create_batch(5, account=account):
        report(of=number)
    assert count() == few
