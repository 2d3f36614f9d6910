"""Times are shown in words, and exactly on hover, in the current time zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone
from django.utils.safestring import SafeString

from portal.templatetags import formatting

NOW = datetime(2026, 11, 24, 18, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def frozen_time():
    with time_machine.travel(NOW, tick=False), timezone.override(ZoneInfo("America/Los_Angeles")):
        yield


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("within 6\xa0hours", timedelta(hours=6)),
        ("within 2\xa0days", timedelta(days=2, minutes=1)),
        ("by 4 Dec", timedelta(days=10)),
        ("any moment now", -timedelta(minutes=5)),
    ],
)
def test_future_time_is_shown_in_words_and_exactly_on_hover(words, left):
    html = formatting.due_in(NOW + left)
    assert isinstance(html, SafeString)
    assert f">{words}</time>" in html
    assert "PST" in html


def test_past_time_is_shown_in_words_and_exactly_on_hover():
    html = formatting.ago(NOW - timedelta(minutes=4))
    assert ">4\xa0minutes ago</time>" in html
    assert 'title="24 Nov 2026, 10:26:00 PST"' in html


def test_day_is_shown_as_a_date_or_as_the_time_if_today():
    assert ">10:30</time>" in formatting.day(NOW)
    assert ">21 Nov</time>" in formatting.day(NOW - timedelta(days=3))
    assert ">21 Nov 2025</time>" in formatting.day(NOW - timedelta(days=368))


@pytest.mark.parametrize("words", [formatting.due_in, formatting.ago, formatting.day])
def test_missing_time_is_shown_as_a_dash(words):
    assert words(None) == "—"
