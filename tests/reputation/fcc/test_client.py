"""The questions to the FCC's data service, and each way in which an answer can be wrong."""

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest

from portal import __version__
from portal.environment import EnvironmentReader
from portal.fcc_settings import read_fcc_settings
from portal.settings import FCC
from reputation.fcc import client
from reputation.fcc.answers import Kind
from reputation.fcc.client import FccError, FccRefused, FccThrottled, FccTooLarge, FccUnavailable
from tests.support.fcc_complaints import SPOOFED, make_complaint

NUMBERS = ["+12065550143", "+12065550144", "+12065550145"]
ONE, TWO, THREE = NUMBERS
HTML = "<!DOCTYPE html><html><title>Maintenance</title></html>"
JSON_ERROR = {"code": "internal_error", "error": True, "message": "Internal error"}


@pytest.fixture
def config(fcc, settings):
    return settings.FCC


# Answers --------------------------------------------------------------------------------------------------------------


def test_version_is_rows_updated_at(fcc, config):
    fcc.set(version=1_791_003_647)
    assert client.fetch_rows_updated_at(config) == 1_791_003_647


def test_it_can_be_called_where_an_event_loop_runs(fcc, config):
    async def call() -> int:
        return client.fetch_rows_updated_at(config)

    # In a thread of its own: a browser test of this process may have left its loop running.
    with ThreadPoolExecutor(max_workers=1) as thread:
        assert thread.submit(asyncio.run, call()).result() > 0


def test_complaints_are_counted_by_number_issue_and_type_of_call(fcc, config):
    fcc.set(
        rows=[
            make_complaint(ONE, date(2024, 5, 1)),
            make_complaint(ONE, date(2026, 10, 3)),
            make_complaint(ONE, date(2025, 1, 7), type_of_call_or_messge="Live Voice"),
            make_complaint(TWO, date(2026, 9, 9)),
            make_complaint("+12065550199", date(2026, 9, 9)),
        ]
    )
    assert client.fetch_kinds(config, NUMBERS) == [
        Kind(ONE, "Unwanted Calls", "Live Voice", 1, date(2025, 1, 7), date(2025, 1, 7)),
        Kind(ONE, "Unwanted Calls", "Prerecorded Voice", 2, date(2024, 5, 1), date(2026, 10, 3)),
        Kind(TWO, "Unwanted Calls", "Prerecorded Voice", 1, date(2026, 9, 9), date(2026, 9, 9)),
    ]


def test_absent_keys_are_empty_not_wrong(fcc, config):
    fcc.set(rows=[make_complaint(ONE, None, issue=None, type_of_call_or_messge=None)])
    assert client.fetch_kinds(config, [ONE]) == [Kind(ONE, "", "", 1, None, None)]


@pytest.mark.parametrize("text", [SPOOFED, "My own phone number is being Spoofed", "Phone: my own number was spoofed"])
def test_report_of_the_owner_is_a_spoofing_report(fcc, config, text):
    fcc.set(rows=[make_complaint(ONE, date(2026, 10, 3), issue=text)])
    assert [kind.is_spoofing_report for kind in client.fetch_kinds(config, [ONE])] == [True]


def test_complaint_about_a_spoofed_caller_id_is_no_spoofing_report(fcc, config):
    fcc.set(rows=[make_complaint(ONE, date(2026, 10, 3), issue="The caller spoofed a number")])
    assert [kind.is_spoofing_report for kind in client.fetch_kinds(config, [ONE])] == [False]


def test_days_are_counted_after_the_given_day_without_spoofing_reports(fcc, config):
    fcc.set(
        rows=[
            make_complaint(ONE, date(2026, 10, 1)),
            make_complaint(ONE, date(2026, 10, 2)),
            make_complaint(ONE, date(2026, 10, 2), issue="Robocalls"),
            make_complaint(ONE, date(2026, 10, 3), issue=SPOOFED),
            make_complaint(TWO, date(2026, 10, 3)),
        ]
    )
    assert client.fetch_day_counts(config, NUMBERS, after=date(2026, 10, 1)) == {
        (ONE, date(2026, 10, 2)): 2,
        (TWO, date(2026, 10, 3)): 1,
    }


@pytest.mark.parametrize(
    "written", ["206-555-0199", "None", "000-000-0000", "2065550143", "", 2065550143, None, ["206-555-0143"]]
)
def test_rows_about_other_numbers_and_placeholders_are_ignored(fcc, config, caplog, written):
    other = {"caller_id_number": written, "issue": "Unwanted Calls", "n": "7"}
    without_number = {"issue": "Unwanted Calls", "n": "9"}
    fcc.set(rows=[make_complaint(ONE, date(2026, 10, 3))], faults=[{"extra_rows": [other, without_number]}])
    assert [(kind.number, kind.count) for kind in client.fetch_kinds(config, [ONE])] == [(ONE, 1)]
    assert "2 rows about numbers that were not asked for are ignored" in caplog.text


def test_kinds_that_differ_only_in_spaces_are_one(fcc, config):
    row = {"caller_id_number": "206-555-0143", "type_of_call_or_messge": "Live Voice", "n": 2}
    extra = [
        row | {"issue": "Unwanted Calls", "first": "2026-01-02T00:00:00.000", "last": "2026-03-04T00:00:00.000"},
        row | {"issue": "Unwanted  Calls ", "last": "2026-05-06T00:00:00.000"},
    ]
    fcc.set(faults=[{"extra_rows": extra}])
    assert client.fetch_kinds(config, [ONE]) == [
        Kind(ONE, "Unwanted Calls", "Live Voice", 4, date(2026, 1, 2), date(2026, 5, 6))
    ]


# Requests -------------------------------------------------------------------------------------------------------------


def test_request_says_who_asks_and_has_no_token_by_default(fcc, config):
    client.fetch_kinds(config, NUMBERS)
    (request,) = fcc.requests()
    assert request["headers"]["User-Agent"] == f"Number-Reputation-Portal/{__version__}"
    assert "X-App-Token" not in request["headers"]


def test_token_is_sent_as_header_only(fcc, config):
    fcc.set(tokens=["sesame"])
    client.fetch_kinds(replace(config, app_token="sesame"), NUMBERS)
    (request,) = fcc.requests()
    assert request["headers"]["X-App-Token"] == "sesame"
    assert "sesame" not in request["path"]


def test_token_is_in_no_error_no_log_and_no_printed_settings(fcc, config, caplog):
    config = replace(config, app_token="open-sesame")
    with caplog.at_level("DEBUG"), pytest.raises(FccRefused) as caught:
        client.fetch_kinds(config, NUMBERS)
    assert "Invalid app_token specified" in str(caught.value)
    assert "open-sesame" not in f"{caught.value}{caplog.text}{config}"


def test_100_numbers_fit_into_an_address_that_every_proxy_accepts(fcc, config):
    client.fetch_day_counts(config, [f"+1206555{n:04}" for n in range(100)], after=date(2026, 10, 1))
    (request,) = fcc.requests("days")
    assert len(request["path"]) < 4_000


def test_number_of_another_country_is_never_sent(fcc, config):
    with pytest.raises(ValueError, match=re.escape("+442079460000")):
        client.fetch_kinds(config, ["+442079460000"])
    assert fcc.requests() == []


# Faults ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ({"status": 400, "body": {"errorCode": "bad", "error": True, "message": "No"}}, FccRefused, "400 bad: No"),
        ({"status": 400, "body": {"code": "a", "errorCode": "b", "message": "c"}}, FccRefused, "Answered 400 b: c"),
        ({"status": 403, "body": {"code": "permission_denied", "error": True}}, FccRefused, "403 permission_denied."),
        ({"status": 404, "body": {"code": "not_found", "message": "Gone"}}, FccRefused, "404 not_found: Gone"),
        ({"status": 404, "body": HTML}, FccRefused, "Answered 404."),
        ({"status": 301, "headers": {"Location": "https://x.example/"}}, FccRefused, "301 and pointed to https://x.ex"),
        ({"status": 414, "body": HTML}, FccTooLarge, "Answered 414."),
        ({"status": 413, "body": "{}"}, FccTooLarge, "Answered 413."),
        ({"status": 429, "body": JSON_ERROR}, FccThrottled, "Answered 429 internal_error: Internal error."),
        ({"status": 500, "body": JSON_ERROR}, FccUnavailable, "Answered 500 internal_error: Internal error."),
        ({"status": 503, "body": HTML}, FccUnavailable, "Answered 503."),
        ({"status": 202, "body": "[]"}, FccUnavailable, "Answered 202."),
        ({"body": HTML}, FccUnavailable, "The answer is no JSON, but begins: <!DOCTYPE html>"),
        ({"body": ""}, FccUnavailable, "The answer is no JSON"),
        ({"body": '[{"n": "1"'}, FccUnavailable, "The answer is no JSON"),
        ({"body": "[" * 100_000}, FccUnavailable, "The answer is no JSON"),
        ({"body": {"code": "x", "error": True}}, FccUnavailable, "The answer is no list of rows"),
        ({"body": "null"}, FccUnavailable, "The answer is no list of rows"),
        ({"body": ["row"]}, FccUnavailable, "A row of the answer is no object"),
        ({"headers": {"Content-Length": "9999"}, "body": "[]", "cuts": True}, FccUnavailable, "No answer"),
        ({"headers": {"Content-Encoding": "gzip"}, "body": "[]"}, FccUnavailable, "No answer"),
    ],
)  # fmt: skip
def test_answer_that_cannot_be_used_says_why(fcc, config, fault, error, message):
    fcc.set(faults=[fault])
    with pytest.raises(FccError, match=re.escape(message)) as caught:
        client.fetch_kinds(config, NUMBERS)
    assert type(caught.value) is error


@pytest.mark.parametrize("count", [None, "many", "-1", "1.5", True, [3]])
def test_row_without_a_count_makes_the_answer_unusable(fcc, config, count):
    row = {"caller_id_number": "206-555-0143"} | ({} if count is None else {"n": count})
    fcc.set(faults=[{"extra_rows": [row]}])
    with pytest.raises(FccUnavailable, match="has no count"):
        client.fetch_kinds(config, NUMBERS)


def test_date_that_cannot_be_read_makes_the_answer_unusable(fcc, config):
    fcc.set(faults=[{"extra_rows": [{"caller_id_number": "206-555-0143", "n": "1", "last": "10/03/2026"}]}])
    with pytest.raises(FccUnavailable, match="a date that cannot be read: 10/03/2026"):
        client.fetch_kinds(config, NUMBERS)


@pytest.mark.parametrize("version", [None, "1791003647", 0, -1, True, 10**20])
def test_description_without_rows_updated_at_is_no_version(fcc, config, version):
    fcc.set(faults=[{"body": {"id": "vakf-fz8e"} | ({} if version is None else {"rowsUpdatedAt": version})}])
    with pytest.raises(FccUnavailable, match="no rowsUpdatedAt"):
        client.fetch_rows_updated_at(config)


@pytest.mark.parametrize("more", [0, 5])
def test_answer_with_as_many_rows_as_the_limit_or_more_may_be_cut_off(fcc, config, monkeypatch, more):
    monkeypatch.setattr(client, "MAX_ROWS", 3)
    rows = [make_complaint(ONE, date(2026, 10, day), issue=f"Issue {day}") for day in (1, 2, 3)]
    fcc.set(rows=rows, faults=[{"extra_rows": [{"n": "1"}] * more}])
    with pytest.raises(FccTooLarge, match="may be cut off"):
        client.fetch_kinds(config, NUMBERS)


def test_answer_of_endless_length_is_not_read_to_its_end(fcc, config, monkeypatch):
    monkeypatch.setattr(client, "MAX_BYTES", 1_000)
    fcc.set(faults=[{"body": "[" + " " * 5_000 + "]"}])
    with pytest.raises(FccTooLarge, match="longer than"):
        client.fetch_kinds(config, NUMBERS)


@pytest.mark.parametrize("fault", ["drips", "hangs"])
def test_slow_answer_ends_with_the_time_out(fcc, config, fault):
    fcc.set(faults=[{fault: True}])
    begun = time.monotonic()
    with pytest.raises(FccUnavailable, match=re.escape("No answer within 0.3 seconds.")):
        client.fetch_kinds(replace(config, timeout=0.3), NUMBERS)
    assert time.monotonic() - begun < 10


def test_service_that_is_not_there_is_unavailable(config):
    with pytest.raises(FccUnavailable, match="No answer: "):
        client.fetch_kinds(replace(config, url="http://127.0.0.1:1"), NUMBERS)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("999999999999", 86_400),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 86_400),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_a_day_at_most(fcc, config, header, seconds):
    fcc.set(faults=[{"status": 429, "headers": {"Retry-After": header}}])
    with pytest.raises(FccThrottled) as caught:
        client.fetch_kinds(config, NUMBERS)
    assert caught.value.retry_after == (None if seconds is None else timedelta(seconds=seconds))


def test_real_service_is_asked_by_default_in_production_only():
    assert not FCC.fetch, "neither in tests nor in the demo"
    assert read_fcc_settings(EnvironmentReader(), is_demo=False).fetch
