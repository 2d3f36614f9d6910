"""Row 1: the table of numbers with checkboxes, search, filters and bulk actions. Its state is in the URL."""

from datetime import timedelta
from functools import partial
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reputation.models import PhoneNumber
from reputation.number_table import table as number_table
from tests.factories import AccountFactory, CampaignFactory, MonitoredNumberFactory, PhoneNumberFactory, TagFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

PAGE = reverse("number-reputation")
Status = PhoneNumber.SpamStatus


@pytest.fixture
def get_table(account, now):
    """Return a function that reads the account's table with these URL parameters."""

    def read_table(*, page_size: int = number_table.PAGE_SIZE, **params) -> number_table.NumberTable:
        return number_table.get_number_table(
            QueryDict(urlencode(params)), scope=number_table.NumberScope(account), now=now, page_size=page_size
        )

    return read_table


def numbers_in(table: number_table.NumberTable) -> list[PhoneNumber]:
    return [row.number for row in table.rows]


def test_row_1_table_has_checkboxes_search_filters_and_bulk_actions(as_admin, account):
    number = PhoneNumberFactory(account=account, label="Seattle outbound 1", campaign=CampaignFactory(account=account))
    page = get_html(as_admin.get(PAGE))
    for expected in (
        f'name="number" value="{number.pk}"',
        'type="search"',
        'name="capability"',
        "Enable spam monitoring and remediation",
        "Disable spam monitoring and remediation",
        "(206) 2",
        number.e164,
        "Seattle outbound 1",
        number.campaign.name,
        "Native",
        "Not monitored",
        "Off",
        "Services details",
    ):
        assert expected in page


def test_viewer_can_read_but_not_change_numbers(as_viewer, account):
    PhoneNumberFactory(account=account, label="Seattle outbound 1")
    page = get_html(as_viewer.get(PAGE))
    assert "Seattle outbound 1" in page
    assert "Enable spam monitoring" not in page
    assert 'type="checkbox"' not in page


def test_only_numbers_of_the_account_that_are_not_removed_are_listed(get_table, account, now):
    mine = PhoneNumberFactory(account=account)
    PhoneNumberFactory(account=account, removed_at=now)
    PhoneNumberFactory(account=AccountFactory())
    assert numbers_in(get_table()) == [mine]


@pytest.mark.parametrize("text", ["55501", "(415) 555", "415-555-01", "+1 415", "bay", "BAY AR"])
def test_search_finds_any_part_of_the_number_or_label(get_table, account, text):
    found = PhoneNumberFactory(account=account, e164="+14155550123", label="Bay Area 7", region="US", kind="geographic")
    PhoneNumberFactory(account=account)
    assert numbers_in(get_table(q=text)) == [found]


def test_search_treats_wildcards_literally(get_table, account):
    PhoneNumberFactory(account=account, label="Plain")
    percent = PhoneNumberFactory(account=account, label="100% sure")
    assert numbers_in(get_table(q="0%")) == [percent]
    assert numbers_in(get_table(q="_")) == []


@pytest.mark.parametrize(
    ("parameter", "value", "fields"),
    [
        ("status", "tagged", {"spam_status": Status.TAGGED_AGAIN}),
        ("status", "labelled", {"spam_status": Status.FAILED}),
        ("status", "tagged", {"spam_status": Status.FAILED}),
        ("status", "last_seen", {"spam_status": Status.LAST_SEEN}),
        ("status", "in_remediation", {"spam_status": Status.IN_REMEDIATION}),
        ("status", "failed", {"spam_status": Status.FAILED}),
        ("status", "unknown", {"spam_status": Status.UNKNOWN}),
        ("capability", "verifying", {"capability": PhoneNumber.Capability.VERIFYING}),
        ("source", "byoc", {"source": PhoneNumber.Source.BYOC}),
    ],
)
def test_filter_keeps_only_matching_numbers(get_table, account, parameter, value, fields):
    PhoneNumberFactory(account=account)
    found = PhoneNumberFactory(account=account, **fields)
    assert numbers_in(get_table(**{parameter: value})) == [found]


def test_engine_filter_keeps_numbers_with_an_active_tag_of_that_engine(get_table, account, now):
    numbers = (PhoneNumberFactory(account=account, spam_status=Status.TAGGED) for _ in range(2))
    tag, other = (TagFactory(account=account, number=number) for number in numbers)
    TagFactory(account=account, engine=tag.engine, number=other.number, ended_at=now)
    assert numbers_in(get_table(engine=tag.engine_id)) == [tag.number]
    assert numbers_in(get_table(engine=999_999)) == []


def test_campaign_filter_includes_numbers_without_a_campaign(get_table, account):
    campaign = CampaignFactory(account=account)
    inside, outside = PhoneNumberFactory(account=account, campaign=campaign), PhoneNumberFactory(account=account)
    assert numbers_in(get_table(campaign=campaign.pk)) == [inside]
    assert numbers_in(get_table(campaign="none")) == [outside]


def test_number_is_clean_only_while_its_checks_are_fresh(get_table, account, now):
    fresh = MonitoredNumberFactory(account=account, spam_status=Status.CLEAN, fresh_until=now + timedelta(hours=1))
    stale = MonitoredNumberFactory(account=account, spam_status=Status.CLEAN, fresh_until=now)
    assert numbers_in(get_table(status="clean")) == [fresh]
    assert numbers_in(get_table(status="stale")) == [stale]
    assert {row.number: row.status_label.word for row in get_table().rows} == {fresh: "Clean", stale: "Stale"}
    assert {tally.value: tally.count for tally in get_table().status_counts if tally.count} == {"clean": 1, "stale": 1}


@pytest.mark.parametrize("sort", [*number_table.SORTS, *(f"-{name}" for name in number_table.SORTS)])
def test_pages_show_each_number_once_in_every_order_forwards_and_backwards(get_table, account, now, sort):
    get_table = partial(get_table, page_size=3)
    for place in range(8):
        PhoneNumberFactory(
            account=account,
            label=f"Label {place % 3}",
            spam_status=[Status.CLEAN, Status.UNKNOWN][place % 2],
            capability=["on", "off"][place % 2],
            checked_at=now - timedelta(hours=place % 3) if place else None,
        )
    pages, table = [], get_table(sort=sort)
    while True:
        pages.append(numbers_in(table))
        if not table.next:
            break
        table = get_table(sort=sort, after=table.next)
    assert [len(page) for page in pages] == [3, 3, 2]
    assert len({number.pk for page in pages for number in page}) == 8
    assert (table.start, table.end, table.total) == (7, 8, 8)
    back = get_table(sort=sort, before=table.previous)
    assert (numbers_in(back), back.start) == (pages[1], 4)
    first = get_table(sort=sort, before=back.previous)
    assert (numbers_in(first), first.start, first.previous) == (pages[0], 1, "")


def test_sorting_by_spam_status_lists_the_most_urgent_first(get_table, account):
    for status in Status:
        PhoneNumberFactory(account=account, spam_status=status)
    assert [number.spam_status for number in numbers_in(get_table(sort="status"))] == list(
        PhoneNumber.STATUSES_BY_URGENCY
    )


@pytest.mark.parametrize(
    "params",
    [
        {"after": "nonsense"},
        {"after": "1~999999999"},
        {"before": "-1~x"},
        {"sort": "password"},
        {"status": "x", "capability": "y", "campaign": "z", "source": "q", "engine": "DROP"},
        {"q": "\x00"},
        {"campaign": "9" * 30},
        {"engine": "9" * 30},
        {"after": "999999999~" + "9" * 18},
    ],
)
def test_invalid_parameters_are_ignored(as_admin, account, params):
    PhoneNumberFactory(account=account)
    assert as_admin.get(PAGE, params).status_code == 200


def test_empty_list_explains_what_to_do(as_admin, account):
    assert "Import a file" in get_html(as_admin.get(PAGE))
    PhoneNumberFactory(account=account)
    assert "No number matches" in get_html(as_admin.get(PAGE, {"q": "zzz"}))


def test_row_that_no_longer_matches_is_returned_to_a_page_that_shows_it(as_admin, account):
    gone = PhoneNumberFactory(account=account, spam_status=Status.CLEAN)
    page = get_html(as_admin.get(PAGE, {"status": "tagged"}, headers={"X-Shown-Rows": str(gone.pk)}))
    assert f'id="status-{gone.pk}"' in page
    foreign = PhoneNumberFactory()
    page = get_html(as_admin.get(PAGE, headers={"X-Shown-Rows": f"{foreign.pk},x"}))
    assert foreign.e164 not in page


def test_query_count_is_the_same_for_5_and_500_numbers(as_admin, account):
    campaign = CampaignFactory(account=account)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert as_admin.get(PAGE).status_code == 200
        return len(captured)

    statuses = [Status.TAGGED, Status.CLEAN, Status.UNKNOWN, Status.FAILED, Status.IN_REMEDIATION]
    for status in statuses:
        MonitoredNumberFactory(account=account, campaign=campaign, spam_status=status)
    queries()
    few = queries()
    for status in statuses * 99:
        MonitoredNumberFactory(account=account, campaign=campaign, spam_status=status)
    assert queries() == few
