"""*Services details*: the window with the state of the service."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from enrollment.models import Application
from tests.factories import MonitoredNumberFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

PAGE = reverse("number-reputation")


def test_row_2_services_details_window_has_the_state_and_a_link_to_the_form(as_admin, account):
    page = get_html(as_admin.get(PAGE))
    assert f'hx-get="{reverse("services-details")}"' in page
    window = get_html(as_admin.get(reverse("services-details"), headers={"HX-Request": "true"}))
    for expected in ("Spam monitoring &amp; remediation", "Not enrolled", "Enable spam monitoring and remediation"):
        assert expected in window
    assert f'href="{reverse("enrollment-business")}"' in window


def test_services_details_show_since_when_the_account_is_enrolled(as_viewer, enrolled_account, now):
    since = now - timedelta(days=40)
    Application.objects.update(state_since=since)
    page = get_html(as_viewer.get(reverse("services-details")))
    assert "Enrolled" in page
    assert f'since <time datetime="{since.isoformat()}" title=' in page


def test_services_details_open_as_a_window_and_as_a_page(as_viewer, account):
    window = get_html(as_viewer.get(reverse("services-details"), headers={"HX-Request": "true"}))
    assert "<dialog" in window
    assert "<html" not in window
    page = get_html(as_viewer.get(reverse("services-details")))
    assert "Spam monitoring &amp; remediation" in page
    assert reverse("enrollment") in page


def test_query_count_is_the_same_for_5_and_500_numbers(as_viewer, enrolled_account):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert as_viewer.get(reverse("services-details")).status_code == 200
        return len(captured)

    MonitoredNumberFactory.create_batch(5, account=enrolled_account)
    queries()
    few = queries()
    MonitoredNumberFactory.create_batch(495, account=enrolled_account)
    assert queries() == few
