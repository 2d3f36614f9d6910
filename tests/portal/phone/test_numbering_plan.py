"""The numbering plan decides which numbers of +1 exist."""

import csv
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from portal.phone.area_code_report import SHIPPED_DIR
from portal.phone.current_plan import get_numbering_plan, get_shipped_plan
from portal.phone.numbers import US_REGIONS, InvalidPhoneNumber, parse_number
from tests.support.area_codes import read_shipped_rows

REGIONS = {"PR": "PR", "VI": "VI", "GU": "GU", "AS": "AS", "CNMI": "MP"}
TOLL_FREE = {"800", "833", "844", "855", "866", "877", "888"}


def is_accepted(text: str, today: date) -> bool:
    try:
        return bool(parse_number(text, today=today))
    except InvalidPhoneNumber:
        return False


@pytest.mark.parametrize("today", [date(2026, 1, 5), date(2026, 11, 27), date(2027, 2, 27)])
def test_every_area_code_counts_from_its_first_day_in_service(today):
    in_service = {row["npa"] for row in read_shipped_rows() if row["first_day"] and row["first_day"] <= today}
    accepted = {str(code) for code in range(1_000) if is_accepted(f"+1{code:03}2340143", today)}
    assert accepted == in_service
    assert {"357", "436", "457", "621", "624", "679", "729", "837", "861", "924"} <= accepted


@pytest.mark.parametrize("row", [row for row in read_shipped_rows() if row["first_day"]], ids=lambda row: row["npa"])
def test_an_area_code_is_refused_on_the_day_before(row):
    text, first_day = f"({row['npa']}) 234-0143", row["first_day"]
    assert not is_accepted(text, first_day - timedelta(days=1))
    assert is_accepted(text, first_day)


def test_every_geographic_area_code_has_the_state_or_country_of_the_report():
    plan = get_shipped_plan()
    for row in read_shipped_rows():
        known = plan.area_codes[row["npa"]]
        is_american = row["use"] == "G" and row["country"] == "US"
        expected = REGIONS.get(row["location"], row["location"]) if is_american else ""
        assert known.state == expected, row
        assert (known.region in US_REGIONS) == (row["country"] == "US" or (row["use"] == "N" and not row["country"])), (
            row
        )
        if is_american:
            assert known.region == REGIONS.get(row["location"], "US")
            assert known.kind == "geographic"
    assert len({known.region for known in plan.area_codes.values()} - US_REGIONS) == 19


@pytest.mark.parametrize(
    ("text", "region", "kind", "area_code"),
    [
        ("+18002340143", "US", "toll_free", ""),
        ("+18332340143", "US", "toll_free", ""),
        ("+19002340143", "US", "premium", ""),
        ("+15002340143", "US", "personal", ""),
        ("+15332340143", "US", "personal", ""),
        ("+15292340143", "US", "personal", ""),
        ("+17002340143", "US", "non_geographic", ""),
        ("+17102340143", "US", "non_geographic", ""),
        ("+16002340143", "CA", "non_geographic", ""),
        ("+16702340143", "MP", "geographic", "670"),
        ("+13402340143", "VI", "geographic", "340"),
        ("+16712340143", "GU", "geographic", "671"),
        ("+16842340143", "AS", "geographic", "684"),
        ("+17872340143", "PR", "geographic", "787"),
        ("+14162340143", "CA", "geographic", "416"),
        ("+18762340143", "JM", "geographic", "876"),
    ],
)
def test_region_and_kind_are_those_of_the_plan(text, region, kind, area_code):
    parsed = parse_number(text)
    assert (parsed.region, parsed.kind, parsed.area_code) == (region, kind, area_code)


def test_every_exchange_but_service_codes_exists_in_the_territories_too():
    for area_code in ("206", "340", "670", "671", "684"):
        exchanges = {number for number in range(1_000) if is_accepted(f"+1{area_code}{number:03}0143", date.today())}
        assert exchanges == {number for number in range(200, 1_000) if number % 100 != 11}


def test_a_code_without_a_date_is_not_yet_in_service():
    with pytest.raises(
        InvalidPhoneNumber, match=r"The area code 565 is not yet in service, and no date is set for it\."
    ):
        parse_number("(565) 234-0143")


def test_a_code_of_the_future_is_refused_with_its_first_day():
    with pytest.raises(InvalidPhoneNumber, match=r"not yet in service\. It begins on 27 February 2027\."):
        parse_number("(273) 234-0143", today=date(2027, 2, 26))


def test_today_is_the_current_date_unless_given():
    with time_machine.travel(datetime(2027, 2, 26, 23, 59, tzinfo=UTC), tick=False), pytest.raises(InvalidPhoneNumber):
        parse_number("(273) 234-0143")
    with time_machine.travel(datetime(2027, 2, 27, tzinfo=UTC), tick=False):
        assert parse_number("(273) 234-0143").region == "CA"


def test_overlays_and_neighbours_are_the_codes_of_the_same_state_only():
    plan = get_numbering_plan()
    assert {"332", "465", "646", "718", "917", "929", "516"} <= set(plan.get_neighbours("212"))
    assert "201" not in plan.get_neighbours("212")
    assert plan.get_neighbours("787") == ("939",)
    assert plan.get_neighbours("202") == ("771",)
    assert plan.get_neighbours("800") == plan.get_neighbours("416") == ()


def test_the_shipped_table_is_dated():
    [path] = SHIPPED_DIR.glob("*.csv")
    assert str(get_shipped_plan().report_date) in path.name
    with path.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(get_shipped_plan().area_codes) == 488
