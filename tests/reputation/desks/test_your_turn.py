"""Sentences about whose turn it is."""

from datetime import timedelta

import pytest

from reputation.desks import deadlines
from reputation.desks.your_turn import DESK_TIMES, get_turns
from reputation.models import DeskRequest, Engine, Tag
from reputation.number_table.alerts import build_rows
from reputation.numbers import spam_status
from reputation.remediation import sweep
from reputation.remediation.next_step import get_next_step
from reputation.remediation.opening import open_cases
from tests.factories import DeskFactory, EngineFactory, MonitoredNumberFactory, SubmissionFactory, TagFactory

State = DeskRequest.State


@pytest.fixture
def request_(open_request):
    return open_request()


def sentences(request, at):
    return [turn.sentence for turn in get_turns([request.number_id], at)[request.number_id]]


def test_request_to_send_is_your_turn(request_, now):
    assert sentences(request_, now) == ["Your turn: send the request to Hiya by 3 Dec."]
    assert sentences(request_, now + timedelta(days=4)) == [
        "Your turn: send the request to Hiya by 3 Dec. This is late."
    ]


def test_name_with_an_article_fits_into_the_sentences(request_, desk, send, now):
    type(desk).objects.update(name="The carrier that blocked the call")
    assert sentences(request_, now) == ["Your turn: send the request to the carrier that blocked the call by 3 Dec."]
    send([request_], now)
    assert sentences(request_, now) == ["Waiting for the carrier that blocked the call until 10 Dec."]


def test_alert_and_case_speak_of_an_unknown_engine(account, now):
    number = MonitoredNumberFactory(account=account)
    TagFactory(number=number, engine=Engine.objects.get(slug="unknown"), detected_at=now, last_seen_at=now)
    TagFactory(number=number, engine=Engine.objects.get(slug="tns"), detected_at=now, last_seen_at=now)
    open_cases([number.pk], now=now)
    spam_status.recompute([number.pk], now=now)
    number.refresh_from_db()
    (row,) = build_rows([number], now)
    assert row.engine_names == "TNS and an unknown engine"
    assert "Unknown engine" not in get_next_step(number.cases.get(), now).sentence


def test_sent_request_waits_for_the_desk(request_, send, reply, now):
    send([request_], now)
    assert sentences(request_, now) == ["Waiting for Hiya until 10 Dec."]
    reply([request_], "acknowledged", now + timedelta(days=1))
    assert sentences(request_, now + timedelta(days=1)) == ["Waiting for Hiya until 11 Dec."]


def test_question_is_your_turn(request_, send, reply, now):
    send([request_], now)
    reply([request_], "question", now, due_at=now + timedelta(days=40))
    assert sentences(request_, now) == ["Your turn: answer Hiya's question by 10 Jan 2027."]


def test_silence_is_your_turn(request_, send, now):
    send([request_], now)
    later = now + timedelta(days=10)
    deadlines.mark_silent_due(later)
    assert sentences(request_, later) == ["Your turn: Hiya did not answer. Ask again or withdraw by 15 Dec."]


def test_claim_has_to_be_borne_out(request_, send, reply, now):
    send([request_], now)
    reply([request_], "done", now)
    assert sentences(request_, now) == ["Hiya says done. Only test calls or look-ups without the label end the case."]
    Tag.objects.update(last_seen_at=now + timedelta(days=1))
    assert sentences(request_, now) == ["Your turn: Hiya said done, but the label was seen again. Ask again."]


def test_request_with_a_date_waits_for_it(request_, now):
    DeskRequest.objects.update(not_before=now + timedelta(days=9))
    assert sentences(request_, now) == ["Hiya is not asked again before 10 Dec."]
    assert not DeskRequest.objects.your_turn(now).exists()
    assert DeskRequest.objects.your_turn(now + timedelta(days=9)).exists()


def test_your_turns_come_first(account, hiya, desk, now, send):
    number = MonitoredNumberFactory(account=account)
    DeskFactory(name="AT&T", kind="carrier", carrier="AT&T", engines=[hiya])
    for carrier in ("", "AT&T"):
        TagFactory(number=number, engine=hiya, carrier=carrier)
    open_cases([number.pk], now=now)
    send([DeskRequest.objects.get(desk=desk)], now)
    spam_status.recompute([number.pk], now=now)
    number.refresh_from_db()
    (row,) = build_rows([number], now)
    assert row.remediation_sentence == "Your turn: send the request to AT&T by 3 Dec. Waiting for Hiya until 10 Dec."


def test_next_step_of_the_case_says_how_long_desks_take_and_promises_nothing(request_, now):
    step = get_next_step(request_.case, now)
    assert step.sentence == f"Your turn: send the request to Hiya by 3 Dec. {DESK_TIMES}"
    assert step.expected_by == request_.due_at
    assert "othing to do" not in step.sentence


def test_next_step_tells_what_providers_do_as_well(request_, now):
    TagFactory(number=request_.number, engine=(alpha := EngineFactory(slug="alpha")), case=request_.case)
    SubmissionFactory(case=request_.case, engine=alpha, state="in_review")
    sentence = get_next_step(request_.case, now).sentence
    assert sentence.startswith("Your turn: send the request to Hiya by 3 Dec. Answer of Alpha, usually within 1 to 2")


def test_next_step_names_engines_that_nobody_can_ask(account, now):
    number = MonitoredNumberFactory(account=account)
    tns = Engine.objects.get(slug="tns")
    TagFactory(number=number, engine=tns)
    open_cases([number.pk], now=now)
    sentence = get_next_step(number.cases.get(), now).sentence
    assert sentence.startswith("Nobody can ask TNS to remove the label")
    assert "goes to" not in sentence
    sweep.advance_due(now)
    assert get_next_step(number.cases.get(), now).sentence.startswith("The label could not be removed.")


@pytest.mark.parametrize("count", [1, 4])
def test_number_of_queries_does_not_depend_on_that_of_the_numbers(
    account, open_request, now, count, django_assert_num_queries
):
    ids = [open_request().number_id for _ in range(count)]
    with django_assert_num_queries(2):
        assert len(get_turns(ids, now)) == count
