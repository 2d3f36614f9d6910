"""Every area code of the report is accepted or refused for own numbers, called numbers and complaints alike."""

from datetime import UTC, date, datetime

import pytest
import time_machine

from enrollment.choices import US_STATES
from portal.phone.numbers import US_REGIONS, InvalidPhoneNumber
from reputation.complaint_files import COLUMNS, load_file
from reputation.matching.explain import get_place_name
from reputation.matching.match import match
from reputation.matching.tiers import Basis
from reputation.models import Complaint
from reputation.phone_numbers import CALLER_ID_ERRORS, parse_caller_id
from tests.factories import CampaignFactory, PhoneNumberFactory
from tests.support.area_codes import read_shipped_rows

pytestmark = pytest.mark.django_db

DAYS = [date(2026, 1, 5), date(2026, 11, 27), date(2027, 2, 27)]
REGIONS = {"CNMI": "MP"}


@pytest.fixture(params=DAYS, ids=str)
def moment(request):
    with time_machine.travel(datetime(*request.param.timetuple()[:3], 12, tzinfo=UTC), tick=False):
        yield datetime(*request.param.timetuple()[:3], 12, tzinfo=UTC)


def get_rows_in_service(moment: datetime) -> dict[str, dict]:
    rows = {f"+1{row['npa']}2340143": row for row in read_shipped_rows()}
    return {e164: row for e164, row in rows.items() if row["first_day"] and row["first_day"] <= moment.date()}


ALL = [f"+1{code}2340143" for code in range(200, 1_000)]


def get_accepted(read, texts=ALL) -> set[str]:
    accepted = set()
    for text in texts:
        try:
            read(text)
        except InvalidPhoneNumber:
            continue
        accepted.add(text)
    return accepted


def test_own_numbers(moment):
    rows = get_rows_in_service(moment)
    forbidden = {
        e164 for e164, row in rows.items() if row["use"] == "N" and (row["npa"] == "900" or row["npa"][0] == "5")
    }
    assert get_accepted(parse_caller_id) == rows.keys() - forbidden
    assert len(forbidden) == 18
    assert set(CALLER_ID_ERRORS) == {"premium", "personal"}
    for e164 in rows.keys() - forbidden:
        row = rows[e164]
        if row["use"] == "G":
            assert (parse_caller_id(e164).region in US_REGIONS) == (row["country"] == "US")


def test_called_numbers(moment, account):
    campaign = CampaignFactory(account=account)
    rows = get_rows_in_service(moment)

    def call(text):
        return match(account_id=account.pk, campaign_id=campaign.pk, called_number=text, now=moment, commit=False)

    assert get_accepted(call) == rows.keys()


def test_a_call_shows_a_number_of_the_same_state(moment, account):
    campaign = CampaignFactory(account=account)
    rows = {
        e164: row for e164, row in get_rows_in_service(moment).items() if row["use"] == "G" and row["country"] == "US"
    }
    first = {}
    for e164, row in rows.items():
        if first.setdefault(row["location"], e164) == e164:
            PhoneNumberFactory(account=account, campaign=campaign, e164=e164)
    names = dict(US_STATES)
    for e164, row in rows.items():
        result = match(account_id=account.pk, campaign_id=campaign.pk, called_number=e164, now=moment, commit=False)
        is_own = first[row["location"]] == e164
        assert (result.caller_id, result.basis) == (first[row["location"]], Basis.EXCHANGE if is_own else Basis.STATE)
        assert get_place_name(e164) == names[REGIONS.get(row["location"], row["location"])]


def test_complaints(moment, tmp_path):
    rows = get_rows_in_service(moment)
    path = tmp_path / "complaints.csv"
    lines = [f"{e164[2:]},2026-01-04 10:00:00,,,,,Other,N" for e164 in ALL]
    path.write_text("\n".join([",".join(COLUMNS), *lines]))
    load_file(path, now=moment)
    american = {
        e164 for e164, row in rows.items() if row["country"] == "US" or (row["use"] == "N" and not row["country"])
    }
    assert set(Complaint.objects.values_list("e164", flat=True)) == american
