"""CSV export: filtered, with escaped formulas, and unchanged when it is imported again."""

import csv
import io
import tracemalloc
from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.audit import Context
from portal.phone.numbers import format_national
from reputation.imports import pipeline
from reputation.models import PhoneNumber
from reputation.numbers import export as number_export
from reputation.numbers.export import stream_csv
from tests.factories import CampaignFactory, MonitoredNumberFactory, PhoneNumberFactory

pytestmark = pytest.mark.django_db

EXPORT_URL = reverse("phone-numbers-export")
FORMULAS = ["=1+1", "+1+1", "-1", "@SUM(A1)", "=HYPERLINK(0)", "'=1", "''+1", "-", "＝1", "+1 206"]


def csv_rows(answer) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_export_has_one_row_with_all_columns_for_each_number(as_viewer, account):
    at = datetime(2026, 11, 21, 17, 39, 5, tzinfo=UTC)
    MonitoredNumberFactory(
        account=account,
        e164="+12062550143",
        label='Seattle, "main"',
        source="byoc",
        campaign=CampaignFactory(account=account, name="Spring"),
        spam_status="in_remediation",
        tagged_since=at,
        checked_at=at,
    )
    answer = as_viewer.get(EXPORT_URL)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="phone-numbers-2')
    assert csv_rows(answer) == [
        {
            "number": "+12062550143",
            "national": "(206) 255-0143",
            "label": 'Seattle, "main"',
            "source": "byoc",
            "campaign": "Spring",
            "capability": "On",
            "spam status": "Tagged",
            "remediation": "In remediation",
            "tagged since": "2026-11-21T17:39:05Z",
            "last checked": "2026-11-21T17:39:05Z",
        }
    ]


def test_export_has_the_numbers_that_match_the_filters(as_admin, account, now):
    found = PhoneNumberFactory(account=account, label="Seattle", source="byoc")
    PhoneNumberFactory(account=account, label="Seattle")
    PhoneNumberFactory(account=account, label="Bellevue", source="byoc")
    PhoneNumberFactory(account=account, label="Seattle", source="byoc", removed_at=now)
    PhoneNumberFactory(label="Seattle", source="byoc")
    answer = as_admin.get(EXPORT_URL, {"q": "seattle", "source": "byoc", "sort": "-label", "after": "1~2"})
    assert [row["number"] for row in csv_rows(answer)] == [found.e164]


def test_export_without_numbers_has_only_the_headings(as_admin):
    assert (
        b"".join(as_admin.get(EXPORT_URL).streaming_content).decode()
        == "\ufeff" + ",".join(number_export.HEADINGS) + "\r\n"
    )


def test_importing_an_export_changes_nothing(as_admin, account, actor, now):
    for number, label in enumerate([*FORMULAS, "", "plain", "a,b;c", 'a;=1+1;"=2+2', '"quoted"', "Süd 😀", "it's"]):
        PhoneNumberFactory(
            account=account,
            e164=f"+1206255{number:04d}",
            label=label,
            source=["native", "byoc"][number % 2],
            campaign=CampaignFactory(account=account, name=f"{label} {number}".strip()) if number % 3 else None,
        )
    PhoneNumberFactory(account=account, e164="+14162550144")
    PhoneNumberFactory(account=account, e164="+442079460958")
    exported = b"".join(as_admin.get(EXPORT_URL).streaming_content)
    upload = SimpleUploadedFile("phone-numbers.csv", exported)
    batch = pipeline.receive(account=account, upload=upload, context=Context(actor, now))
    batch.refresh_from_db()
    assert list(batch.rows.exclude(outcome="unchanged").values()) == []
    assert batch.unchanged == PhoneNumber.objects.count() == 19


def test_query_count_depends_on_chunks_and_not_on_numbers(account, now, monkeypatch):
    def queries(count: int) -> int:
        PhoneNumberFactory.create_batch(
            count - PhoneNumber.objects.count(), account=account, campaign=CampaignFactory(account=account)
        )
        monkeypatch.setattr(number_export, "CHUNK", count // 5)
        with CaptureQueriesContext(connection) as captured:
            lines = sum(1 for _ in stream_csv(PhoneNumber.objects.for_account(account), now))
        assert lines == count + 1
        return len(captured)

    assert queries(5) == queries(500)


def test_memory_does_not_grow_with_the_numbers(account, now, monkeypatch):
    monkeypatch.setattr(number_export, "CHUNK", 200)
    # Without the cache of formatted numbers, whose size is bounded.
    monkeypatch.setattr("reputation.models.numbers.format_national", format_national.__wrapped__)

    def peak() -> int:
        numbers = PhoneNumber.objects.for_account(account)
        tracemalloc.start()
        try:
            for _ in stream_csv(numbers, now):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def create(first: int, last: int) -> None:
        PhoneNumber.objects.bulk_create(
            PhoneNumber(account=account, e164=f"+1206{2_000_000 + n}", region="US", kind="geographic", label="L" * 60)
            for n in range(first, last)
        )

    create(0, 600)
    peak()  # warm up caches
    small = peak()
    create(600, 8_000)
    assert peak() < 1.3 * small
