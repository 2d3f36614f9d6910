"""Requests to the FTC's site: honest, conditional, limited, and every failure in words."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from portal import __version__
from reputation.ftc.client import DEFAULT_BREAK, MAX_BREAK, Answer, FtcClient, Outcome, parse_retry_after
from tests.reputation.ftc.conftest import name_of, write_file, write_row
from tests.support.ftc_site import FOLDER, PAGE
from tests.support.servers import free_port

NAME = name_of("2026-11-23")
CONTENT = write_file(*(write_row("2065550143", minute=minute) for minute in range(60)))


@pytest.fixture
def ask(site):
    """Fetch the file; return the answer and the content."""
    site.publish(NAME, CONTENT)

    def ask(path: str = FOLDER + NAME, **conditions: str) -> tuple[Answer, bytes]:
        target = BytesIO()
        with FtcClient() as client:
            return client.fetch(f"http://127.0.0.1:{site.port}{path}", target, **conditions), target.getvalue()

    return ask


def test_the_file_is_received_whole(ask):
    answer, content = ask()
    assert (answer.outcome, content) == (Outcome.RECEIVED, CONTENT)


def test_each_request_says_which_product_asks_and_where_its_operator_is_found(ask, site, settings):
    settings.PUBLIC_URL = "https://numbers.example.com"
    ask()
    expected = f"Number-Reputation-Portal/{__version__} (+https://numbers.example.com)"
    assert site.requests[-1]["headers"]["user-agent"] == expected


@pytest.mark.parametrize("validator", ["etag", "last_modified"])
def test_an_unchanged_file_is_not_sent_again(ask, site, validator):
    first, _ = ask()
    again, content = ask(**{validator: getattr(first, validator)})
    assert (again.outcome, content) == (Outcome.UNCHANGED, b"")
    assert site.get_answers(NAME) == [200, 304]


@pytest.mark.parametrize(
    ("fault", "outcome", "problem"),
    [
        ({"kind": "cut"}, Outcome.CUT_OFF, f"The connection broke off after {len(CONTENT) // 2:,} bytes."),
        ({"kind": "garbage"}, Outcome.FAILED, "No connection: "),
        ({"kind": "endless"}, Outcome.FAILED, "It is larger than 1 MB (FTC_MAX_FILE_MB)."),
        ({"kind": "hang"}, Outcome.FAILED, "No answer within 0.5 seconds."),
        ({"kind": "status", "status": 404}, Outcome.NOT_FOUND, "The address does not exist (404)."),
        ({"kind": "status", "status": 410}, Outcome.NOT_FOUND, "The address does not exist (410)."),
        ({"kind": "status", "status": 403}, Outcome.FAILED, "The site answers 403 Forbidden."),
        ({"kind": "status", "status": 500}, Outcome.FAILED, "The site answers 500 Internal Server Error."),
        ({"kind": "status", "status": 429}, Outcome.BUSY, "The site asks for a break (429)."),
        ({"kind": "status", "status": 503}, Outcome.BUSY, "The site asks for a break (503)."),
        ({"kind": "redirect", "to": "https://elsewhere.example/x.csv"}, Outcome.FAILED, "It points to another site"),
        ({"kind": "redirect", "to": FOLDER + NAME}, Outcome.FAILED, "It points to other addresses more than 3 times."),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_each_fault_is_told_in_a_sentence(ask, site, settings, fault, outcome, problem):
    settings.FTC_MAX_FILE_MB = 1
    settings.FTC_TIMEOUT_SECONDS = 0.5 if fault["kind"] == "hang" else 30
    site.set_fault(NAME, **fault)
    answer, _ = ask()
    assert answer.outcome is outcome
    assert answer.problem.startswith(problem)


def test_a_site_that_cannot_be_reached_is_told_in_a_sentence(settings):
    with FtcClient() as client:
        answer = client.fetch(f"http://127.0.0.1:{free_port()}{PAGE}", BytesIO())
    assert answer.outcome is Outcome.FAILED
    assert answer.problem.startswith("No connection: ")


def test_a_redirect_within_the_site_is_followed(ask, site):
    site.set_fault("/old-page", "redirect", to=FOLDER + NAME)
    answer, content = ask("/old-page")
    assert (answer.outcome, content) == (Outcome.RECEIVED, CONTENT)
    assert answer.url.endswith(FOLDER + NAME)


def test_a_break_that_the_site_asks_for_is_kept(ask, site):
    site.set_fault(NAME, "status", status=503, headers={"Retry-After": "120"})
    assert ask()[0].retry_after == timedelta(seconds=120)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("Wed, 25 Nov 2026 18:30:00 GMT", timedelta(minutes=30)),
        ("Wed, 25 Nov 2026 17:00:00 GMT", timedelta(0)),
        ("99999999999", MAX_BREAK),
        ("9" * 40, DEFAULT_BREAK),
        ("", DEFAULT_BREAK),
        ("soon", DEFAULT_BREAK),
    ],
)
def test_a_break_is_given_in_seconds_or_as_a_date(text, wait):
    assert parse_retry_after(text, datetime(2026, 11, 25, 18, tzinfo=UTC)) == wait
