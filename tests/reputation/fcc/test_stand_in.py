"""The stand-in is strict: what the real service refuses, it refuses, too."""

import httpx
import pytest

from reputation.fcc.client import USER_AGENT

WHERE = "caller_id_number in('206-555-0143')"
QUERY = {"$select": "caller_id_number,count(*) as n", "$where": WHERE, "$group": "caller_id_number"}


def ask(fcc, query: dict[str, str], **headers: str) -> httpx.Response:
    headers = {"User-Agent": USER_AGENT} | headers
    return httpx.get(f"{fcc.url}/resource/vakf-fz8e.json", params=query, headers=headers)


def test_question_in_its_form_is_answered(fcc):
    assert ask(fcc, QUERY).json() == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phone": "206-555-0143"}, "Unrecognized arguments"),
        ({"$where": "caller_id_number in(206-555-0143)"}, "Could not parse"),
        ({"$where": "caller_id_number in('2065550143')"}, "Could not parse"),
        ({"$where": 'caller_id_number in("206-555-0143")'}, "Could not parse"),
        ({"$where": "caller_id_number in()"}, "Could not parse"),
        ({"$where": f"{WHERE} and issue_date > 2026-10-01"}, "Could not parse"),
        ({"$select": "caller_id_number,issue,count(*) as n"}, "Non-grouped columns"),
        ({"$select": "number,count(*) as n"}, "No such column: number"),
        ({"$order": "type_of_call_or_message"}, "No such column: type_of_call_or_message"),
        ({"$limit": "50001"}, "Cannot have $limit over 50000"),
        ({"$limit": "all"}, "$limit is no number"),
    ],
)
def test_question_in_another_form_is_refused(fcc, changes, message):
    answer = ask(fcc, QUERY | changes)
    assert answer.status_code == 400
    assert message in answer.json()["message"]


def test_address_over_8_kb_is_refused(fcc):
    numbers = ",".join(f"'206-555-{n:04}'" for n in range(400))
    assert ask(fcc, QUERY | {"$where": f"caller_id_number in({numbers})"}).status_code == 414


def test_unknown_token_and_nameless_client_are_refused(fcc):
    assert ask(fcc, QUERY, **{"X-App-Token": "sesame"}).status_code == 403
    assert ask(fcc, QUERY, **{"User-Agent": "python-httpx/0.28"}).status_code == 403


def test_answer_has_1000_rows_unless_the_question_says_otherwise(fcc):
    rows = [{"caller_id_number": "206-555-0143", "issue": f"Issue {n}"} for n in range(1_200)]
    fcc.set(rows=rows)
    query = QUERY | {"$select": "issue,count(*) as n", "$group": "issue"}
    assert len(ask(fcc, query).json()) == 1_000
    assert len(ask(fcc, query | {"$limit": "5000"}).json()) == 1_200
