"""Answers about a taken call: stored once, refused with the reason, and undone."""

from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image

from portal.audit import Context
from portal.phone.errors import InvalidPhoneNumber
from reputation.models import ControlCall, LabelPhoto, TestCall
from reputation.test_calls import answering, results, rounds
from reputation.test_calls.answering import Answer
from reputation.test_calls.photos import PhotoRefused
from reputation.test_calls.results import ResultRefused
from reputation.test_calls.rounds import Caller
from tests.factories import PhoneNumberFactory, TelephoneFactory, UserFactory

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def taken(account, actor, number, telephone, create_round, now):
    create_round()
    return rounds.take_call(account, caller=Caller(user=actor.user), now=now)


def get_picture() -> BytesIO:
    content = BytesIO()
    Image.new("RGB", (8, 8), "red").save(content, "PNG")
    content.seek(0)
    return content


def record(call, result="no_label", at=None, token=None, **more):
    call = TestCall.objects.get(pk=call.pk)
    answering.record_answer(call, call.lease_token if token is None else token, Answer(result, **more), now=at)


def test_a_label_is_stored_with_its_photo(taken, now, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    record(taken, "label", now, label="Scam Likely", photo=get_picture())
    taken.refresh_from_db()
    assert (taken.state, taken.label, taken.photo) == ("done", "Scam Likely", LabelPhoto.objects.get())


def test_a_refused_photo_or_label_stores_neither(taken, now, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    with pytest.raises(PhotoRefused):
        record(taken, "label", now, label="Scam Likely", photo=BytesIO(b"no picture"))
    with pytest.raises(ResultRefused, match="Type the label"):
        record(taken, "label", now, photo=get_picture())
    taken.refresh_from_db()
    assert taken.state == "planned"
    assert not LabelPhoto.objects.exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_second_tap_is_told_what_is_stored(taken, now):
    record(taken, "no_label", now)
    with pytest.raises(ResultRefused, match="has a result already: No label"):
        record(taken, "label", now, token=taken.lease_token, label="Spam")
    taken.refresh_from_db()
    assert taken.result == "no_label"


def test_an_answer_of_another_person_is_refused(taken, now):
    for token in ("another", ""):
        with pytest.raises(ResultRefused, match="somebody else took it"):
            record(taken, at=now, token=token)


def test_a_call_that_is_being_made_when_its_round_ends_takes_its_result(account, actor, taken, now):
    assert rounds.end_round(taken.round, context=Context(actor, now))
    caller = Caller(user=actor.user)
    assert rounds.get_current_call(account, caller=caller, now=now + MINUTE, test_round=taken.round) == taken
    assert rounds.drop_abandoned_calls(now + MINUTE) == 0
    record(taken, "label", now + MINUTE, label="Scam Likely")
    # It may be undone for as long as any other, and counts afterwards.
    assert results.count_results(now + 2 * MINUTE) == 0
    answering.undo_answer(TestCall.objects.get(), taken.lease_token, now=now + 2 * MINUTE)
    record(taken, "no_label", now + 3 * MINUTE)
    results.count_round(taken.round_id, now + 4 * MINUTE)
    assert TestCall.objects.get().state == "done"
    assert results.count_results(now + 33 * MINUTE) == 1
    assert (TestCall.objects.get().state, TestCall.objects.get().result) == ("counted", "no_label")


def test_a_call_that_got_no_result_after_the_end_of_its_round_is_dropped(actor, taken, create_round, now):
    rounds.end_round(taken.round, context=Context(actor, now))
    late = now + 6 * MINUTE
    with pytest.raises(ResultRefused, match="the round has ended since"):
        record(taken, at=late)
    assert rounds.drop_abandoned_calls(late) == 1
    with pytest.raises(ResultRefused, match="The round has ended, so this call was not made"):
        record(taken, at=late)
    assert create_round(at=late).calls.count() == 1


def test_a_control_call_is_taken_for_a_call_that_was_made_after_the_end_of_its_round(actor, taken, now):
    rounds.end_round(taken.round, context=Context(actor, now))
    record(taken, "not_arrived", now + MINUTE)
    call = TestCall.objects.select_related("number", "telephone", "round").get()
    assert answering.needs_control_call(call, now + MINUTE)
    answering.note_control_call(call, "(206) 555-9999", now=now + 2 * MINUTE)


def test_a_late_answer_stores_nothing_and_keeps_the_call_if_nobody_else_needs_it(account, actor, taken, now):
    late = now + 6 * MINUTE
    with pytest.raises(ResultRefused, match="it is yours for 5 minutes more"):
        record(taken, at=late)
    taken.refresh_from_db()
    assert (taken.state, taken.result, taken.lease_until) == ("planned", "", late + 5 * MINUTE)
    record(taken, at=late + MINUTE)
    taken.refresh_from_db()
    assert taken.state == "done"


def test_a_late_answer_is_refused_while_somebody_else_calls_the_telephone(account, actor, telephone, create_round, now):
    PhoneNumberFactory.create_batch(2, account=account)
    create_round()
    first = rounds.take_call(account, caller=Caller(user=actor.user), now=now)
    late = now + 6 * MINUTE
    TestCall.objects.exclude(pk=first.pk).update(lease_until=late + MINUTE, lease_token="another")
    with pytest.raises(ResultRefused, match="somebody else calls this telephone now"):
        record(first, at=late)
    first.refresh_from_db()
    assert (first.state, first.lease_until) == ("planned", now + 5 * MINUTE)


def test_a_result_is_undone_once_and_not_by_a_stale_page(taken, now):
    record(taken, "no_label", now)
    call = TestCall.objects.get()
    with pytest.raises(ResultRefused, match="out of date"):
        answering.undo_answer(call, "another", now=now)
    answering.undo_answer(call, taken.lease_token, now=now)
    assert (call.state, call.result) == ("planned", "")
    with pytest.raises(ResultRefused, match="undone already"):
        answering.undo_answer(call, taken.lease_token, now=now)


def test_a_control_call_is_noted_once_and_only_shortly_after_a_call_did_not_arrive(taken, now):
    record(taken, "not_arrived", now)
    call = TestCall.objects.select_related("number", "telephone").get()
    assert answering.needs_control_call(call, now)
    for number, at, error, reason in (
        ("12", now, InvalidPhoneNumber, None),
        (call.number.e164, now, ResultRefused, "from another one"),
        ("(206) 555-9999", now + 6 * MINUTE, ResultRefused, "More than 5 minutes"),
    ):
        with pytest.raises(error, match=reason):
            answering.note_control_call(call, number, now=at)
    assert not ControlCall.objects.exists()
    answering.note_control_call(call, "(206) 555-9999", now=now + MINUTE)
    with pytest.raises(ResultRefused, match="noted already"):
        answering.note_control_call(call, "(206) 555-9999", now=now + MINUTE)
    assert ControlCall.objects.get().rang_at == now + MINUTE
    assert not answering.needs_control_call(call, now + MINUTE)


def test_a_control_call_after_the_end_of_the_round_comes_too_late(actor, taken, now):
    record(taken, "not_arrived", now)
    rounds.end_round(taken.round, context=Context(actor, now))
    call = TestCall.objects.select_related("number", "telephone", "round").get()
    assert not answering.needs_control_call(call, now)
    with pytest.raises(ResultRefused, match="comes too late"):
        answering.note_control_call(call, "(206) 555-9999", now=now)


def test_a_call_that_arrived_needs_no_control_call(taken, now):
    record(taken, "no_label", now)
    call = TestCall.objects.select_related("number", "telephone").get()
    assert not answering.needs_control_call(call, now)
    with pytest.raises(ResultRefused, match="for a call that did not arrive"):
        answering.note_control_call(call, "(206) 555-9999", now=now)


def test_a_person_may_take_calls_to_the_telephone_at_hand_only(account, actor, telephone, create_round, now):
    mine = TelephoneFactory(account=account)
    PhoneNumberFactory.create_batch(6, account=account)
    create_round()
    person = Caller(user=UserFactory())
    for _ in range(3):
        call = rounds.take_call(account, caller=person, now=now, telephone_id=mine.pk)
        assert call.telephone == mine
        record(call, at=now)
    assert rounds.take_call(account, caller=person, now=now, telephone_id=mine.pk) is None
    assert rounds.take_call(account, caller=person, now=now).telephone == telephone
