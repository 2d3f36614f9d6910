"""The FCC's complaint data in Django admin: the state, and the switch."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.formats import localize

from portal.models import User
from reputation.fcc import dataset
from reputation.models import FccDataset
from tests.factories import FccNumberFactory, MonitoredNumberFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

LIST = reverse("admin:reputation_fccdataset_changelist")
PAGE = reverse("admin:reputation_fccdataset_change", args=["vakf-fz8e"])
VERSION = 1_791_003_647


@pytest.fixture(autouse=True)
def _is_on(settings):
    settings.FCC = replace(settings.FCC, fetch=True)


def test_list_has_the_state_before_the_first_question(as_operator):
    page = get_html(as_operator.get(LIST))
    assert "FCC complaint data (vakf-fz8e)" in page
    assert "not known yet" in page
    assert "0 asked about, 0 waiting" in page


def test_page_has_version_last_question_numbers_requests_and_last_failure(as_operator, account, now):
    dataset.get_dataset()
    FccDataset.objects.update(
        rows_updated_at=VERSION, checked_at=now, failures=3, failed_at=now, last_failure="Answered 503.",
        next_action_at=now + timedelta(minutes=20), hour_started_at=now, requests_in_hour=7,
    )  # fmt: skip
    for end in (3, 4, 5):
        MonitoredNumberFactory(account=account, e164=f"+1206555014{end}")
    MonitoredNumberFactory(e164="+12065550143")
    FccNumberFactory(e164="+12065550143", asked_at=now - timedelta(days=3))
    FccNumberFactory(e164="+12065550144", rows_updated_at=VERSION - 1, asked_at=now - timedelta(days=5))
    FccNumberFactory(e164="+12065550199", asked_at=now - timedelta(days=9))
    page = get_html(as_operator.get(PAGE))
    assert "Oct. 3, 2026" in page
    assert "1 asked about, 2 waiting" in page
    assert localize(now - timedelta(days=3)) in page
    assert f"7 requests since {localize(now)}, of 400 allowed" in page
    assert "Answered 503." in page
    assert "Waits after a failure" in page


def test_operator_turns_it_off_and_on(as_operator):
    as_operator.get(LIST)
    as_operator.post(PAGE, {})
    assert not FccDataset.is_on()
    assert "Off" in get_html(as_operator.get(LIST))
    as_operator.post(PAGE, {"is_enabled": "on"})
    assert FccDataset.is_on()


def test_state_says_that_the_setting_turned_it_off(as_operator, settings):
    settings.FCC = replace(settings.FCC, fetch=False)
    assert "Off: FCC_FETCH is 0" in get_html(as_operator.get(LIST))
    assert not FccDataset.is_on()


def test_reviewer_reads_and_does_not_change(as_staff):
    client = as_staff(User.StaffRole.REVIEWER)
    assert client.get(LIST).status_code == 200
    assert client.post(PAGE, {}).status_code == 403
    assert FccDataset.is_on()


def test_token_is_not_shown(as_operator, settings):
    settings.FCC = replace(settings.FCC, app_token="open-sesame")
    assert "open-sesame" not in get_html(as_operator.get(PAGE))


def test_query_count_is_the_same_for_2_and_200_numbers(as_operator, account):
    as_operator.get(PAGE)  # Django admin keeps content types in memory from here on
    counts = []
    for count in (2, 200):
        for _ in range(count):
            FccNumberFactory(e164=MonitoredNumberFactory(account=account).e164)
        with CaptureQueriesContext(connection) as queries:
            as_operator.get(PAGE)
        counts.append(len(queries))
    assert counts[0] == counts[1]
