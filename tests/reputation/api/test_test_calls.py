"""Test calls by the API: begin a round, take calls, record results, undo them, and give calls back."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reputation.models import LabelPhoto, PhoneNumber, Tag, TestCall, TestRound
from reputation.monitoring import engines
from reputation.providers import registry
from reputation.test_calls import results
from tests.factories import AccountFactory, MonitoredNumberFactory, TelephoneFactory
from tests.reputation.api.helpers import get_json, send_request

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def handset(db, settings):
    settings.PROVIDERS = ["handset"]
    registry._load_providers.cache_clear()
    engines.sync_engines()


@pytest.fixture
def caller(account, api_client_for):
    """A client with a key that may only make test calls."""
    return api_client_for(account, "test_call")


@pytest.fixture
def telephones(account):
    return [TelephoneFactory(account=account, carrier=carrier) for carrier in ("T-Mobile", "Verizon")]


@pytest.fixture
def numbers(account) -> list[PhoneNumber]:
    return MonitoredNumberFactory.create_batch(4, account=account)


@pytest.fixture
def begin(caller, telephones, numbers):
    """Return a function that begins a round and returns its address."""

    def create(**body) -> str:
        answer = send_request(caller, "POST", "/test-rounds", {"minutes": 30} | body)
        assert answer.status_code == 201, answer.content
        return f"/test-rounds/{answer.json()['id']}"

    return create


def post(client, path, body=None, **headers):
    return send_request(client, "POST", path, body, **headers)


def refusal(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_program_takes_calls_and_records_what_telephones_showed(caller, api_client, begin):
    test_round = begin()
    assert get_json(api_client, test_round)["calls"] == 4
    first = post(caller, f"{test_round}/take").json()
    second = post(caller, f"{test_round}/take").json()
    assert first["telephone"]["id"] != second["telephone"]["id"]
    seen = post(
        caller,
        f"/test-calls/{first['id']}/result",
        {"token": first["token"], "result": "label", "label": "Scam Likely"},
    )
    assert (seen.status_code, seen.json()["state"], seen.json()["label"]) == (200, "done", "Scam Likely")
    assert get_json(api_client, test_round)["made"] == 1
    ended = post(caller, f"{test_round}/end").json()
    assert ended["ended_at"] == post(caller, f"{test_round}/end").json()["ended_at"]
    results.count_round(ended["id"], TestRound.objects.get().ended_at)
    assert Tag.objects.get().number_id == first["number"]["id"]


def test_a_repeated_request_takes_one_call(caller, begin):
    path = f"{begin()}/take"
    first, again = (post(caller, path, **{"Idempotency-Key": "take-1"}).json() for _ in range(2))
    assert first == again
    assert TestCall.objects.exclude(lease_token="").count() == 1


def test_a_round_may_have_some_telephones_only(caller, telephones, begin):
    begin(telephone_ids=[telephones[1].pk])
    assert set(TestCall.objects.values_list("telephone", flat=True)) == {telephones[1].pk}


def test_a_round_without_a_number_to_call_and_one_with_unknown_telephones_are_refused(caller, telephones):
    assert refusal(post(caller, "/test-rounds", {"minutes": 30})) == (409, "not_possible")
    theirs = TelephoneFactory(account=AccountFactory())
    answer = post(caller, "/test-rounds", {"minutes": 30, "telephone_ids": [telephones[0].pk, theirs.pk]})
    assert answer.json()["errors"][0]["where"] == "body.telephone_ids"
    assert not TestRound.objects.exists()


def test_calls_are_refused_once_all_are_taken(caller, begin):
    test_round = begin()
    for _telephone in range(2):
        assert post(caller, f"{test_round}/take").status_code == 200
    assert refusal(post(caller, f"{test_round}/take")) == (409, "not_possible")


def test_a_call_is_answered_by_its_token_only(caller, begin):
    call = post(caller, f"{begin()}/take").json()
    path = f"/test-calls/{call['id']}"
    for action, body in (("result", {"result": "no_label"}), ("give-back", {}), ("undo", {})):
        assert refusal(post(caller, f"{path}/{action}", {"token": "another"} | body)) == (409, "not_possible")
    assert TestCall.objects.get(pk=call["id"]).result == ""


def test_a_result_is_undone_before_it_counts(caller, begin, now):
    test_round = begin()
    call = post(caller, f"{test_round}/take").json()
    path, token = f"/test-calls/{call['id']}", {"token": call["token"]}
    post(caller, f"{path}/result", token | {"result": "screened"})
    undone = post(caller, f"{path}/undo", token)
    assert (undone.json()["state"], undone.json()["token"]) == ("planned", call["token"])
    post(caller, f"{path}/result", token | {"result": "no_label"})
    post(caller, f"{test_round}/end")
    assert refusal(post(caller, f"{path}/undo", token)) == (409, "not_possible")


def test_a_call_that_is_given_back_is_free(caller, begin):
    test_round = begin()
    call = post(caller, f"{test_round}/take").json()
    assert post(caller, f"/test-calls/{call['id']}/give-back", {"token": call["token"]}).status_code == 200
    assert post(caller, f"{test_round}/take").json()["id"] == call["id"]


def test_a_label_needs_its_text_and_a_photo_is_of_the_account(caller, begin):
    call = post(caller, f"{begin()}/take").json()
    theirs = LabelPhoto.objects.create(account=AccountFactory(), file="label-photos/1/theirs.jpg")
    for body, where in (
        ({"result": "label", "label": " "}, "body.label"),
        ({"result": "no_label", "photo_id": theirs.pk}, "body.photo_id"),
        ({"result": "fine"}, "body.result"),
    ):
        answer = post(caller, f"/test-calls/{call['id']}/result", {"token": call["token"]} | body)
        assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, where)


def test_lists_have_the_telephones_and_the_calls_of_a_round_and_none_of_other_accounts(
    api_client, account, telephones, begin
):
    TelephoneFactory(account=AccountFactory())
    test_round = begin()
    listed = get_json(api_client, "/telephones")["items"]
    assert [telephone["id"] for telephone in listed] == [telephone.pk for telephone in telephones]
    assert listed[0]["proves_absence"]
    calls = get_json(api_client, "/test-calls", round_id=test_round.rpartition("/")[2], state="planned")["items"]
    assert [call["position"] for call in calls] == [1, 2, 3, 4]
    assert "token" not in calls[0]
    assert get_json(api_client, "/test-rounds")["items"][0]["calls"] == 4


def test_lists_take_the_same_queries_for_any_number_of_rows(api_client, begin):
    begin()
    for path in ("/test-calls", "/test-rounds", "/telephones"):
        get_json(api_client, path)
        counts = set()
        for limit in (1, 4):
            with CaptureQueriesContext(connection) as queries:
                get_json(api_client, path, limit=limit)
            counts.add(len(queries))
        assert len(counts) == 1
