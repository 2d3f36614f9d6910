"""Engines answer registrations, one by one or many at once; some never do; numbers given up are deregistered."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from portal.audit import Context
from portal.models import AuditEvent
from reputation import campaigns, phone_numbers
from reputation.desks import registration_answers, registrations
from reputation.desks.registrations import NotRegistrable
from reputation.models import Desk, DeskRegistration, Engine, PhoneNumber
from reputation.monitoring import capability
from reputation.tasks.desk_registrations import end_silent_registrations
from tests.factories import CampaignFactory, MonitoredNumberFactory, PhoneNumberFactory
from tests.reputation.desks.registering import get_states, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shipped_desks")]

MONDAY = datetime(2026, 11, 23, 18, tzinfo=UTC)


@pytest.fixture
def context(actor):
    return Context(actor, MONDAY)


@pytest.fixture
def tns(db):
    return Engine.objects.get(slug="tns")


def record(account, engine, numbers, context, **answer):
    answer = {"state": "confirmed", "text": "We have registered them."} | answer
    return registration_answers.record_answer(
        account, engine, [number.pk for number in numbers], context=context, **answer
    )


@pytest.mark.parametrize("state", ["confirmed", "proof_asked", "refused", "held_by_other", "withdrawn"])
def test_answer_of_one_engine_is_kept_verbatim_for_many_numbers(account, context, tns, state):
    numbers = PhoneNumberFactory.create_batch(3, account=account)
    send(account, numbers, context)
    assert record(account, tns, numbers, context, state=state, text=" Dear sir,\n no. ") == 3
    for number in numbers:
        assert get_states(number) == {"first-orion": "sent", "hiya": "sent", "tns": state}
        row = number.desk_registrations.get(engine=tns)
        assert (row.reply, row.due_at) == (" Dear sir,\n no. ", None)
    event = AuditEvent.objects.filter(code=f"desk_registration.{state}", subject_id=numbers[0].pk).get()
    assert (event.after, event.reason) == ("TNS", " Dear sir,\n no. ")


def test_same_answer_again_changes_nothing(account, context, tns):
    number = PhoneNumberFactory(account=account)
    send(account, [number], context)
    assert record(account, tns, [number], context) == 1
    events = AuditEvent.objects.count()
    assert record(account, tns, [number], Context(context.actor, MONDAY + timedelta(days=1))) == 0
    assert number.desk_registrations.get(engine=tns).state_since == MONDAY
    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize(
    ("answer", "message"),
    [({"state": "sent"}, "Choose what"), ({"state": ""}, "Choose what"), ({"text": " "}, "Paste what")],
)
def test_answer_needs_a_state_and_the_text(account, context, tns, answer, message):
    number = PhoneNumberFactory(account=account)
    send(account, [number], context)
    with pytest.raises(NotRegistrable, match=message):
        record(account, tns, [number], context, **answer)


def test_answer_about_a_number_that_was_not_sent_changes_nothing(account, context, tns):
    sent, other = PhoneNumberFactory.create_batch(2, account=account)
    foreign = PhoneNumberFactory()
    send(account, [sent], context)
    send(foreign.account, [foreign], context)
    for wrong in (other, foreign):
        with pytest.raises(NotRegistrable, match="1 number of these were never sent to TNS"):
            record(account, tns, [sent, wrong], context)
    with pytest.raises(NotRegistrable, match="at least one"):
        record(account, tns, [], context)
    assert get_states(sent)["tns"] == "sent"
    assert get_states(foreign)["tns"] == "sent"


def test_registration_without_an_answer_is_silent_after_the_business_days(account, context, tns):
    account.time_zone = "UTC"
    account.save()
    number = PhoneNumberFactory(account=account)
    send(account, [number], context)
    record(account, tns, [number], context)
    last_moment = datetime(2026, 12, 8, 23, 59, 59, tzinfo=UTC)  # ten business days, without Thanksgiving
    assert registration_answers.mark_silent_due(last_moment) == 0
    assert registration_answers.mark_silent_due(last_moment + timedelta(seconds=1)) == 2
    assert get_states(number) == {"first-orion": "silent", "hiya": "silent", "tns": "confirmed"}
    assert registration_answers.mark_silent_due(last_moment + timedelta(seconds=1)) == 0
    event = AuditEvent.objects.filter(code="desk_registration.silent").latest("pk")
    assert (event.subject_id, event.actor) == (number.pk, None)


def test_sweep_marks_all_that_are_silent(account, context):
    send(account, PhoneNumberFactory.create_batch(3, account=account), context)
    DeskRegistration.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    end_silent_registrations()
    assert set(DeskRegistration.objects.values_list("state", flat=True)) == {"silent"}


def test_removed_number_that_is_registered_is_listed_for_deregistration(account, context, tns):
    kept, removed = PhoneNumberFactory.create_batch(2, account=account, capability_since=MONDAY)
    send(account, [kept, removed], context)
    phone_numbers.remove([removed.pk], context=context)
    rows = registration_answers.select_given_up(account, tns)
    assert [row.number.e164 for row in rows.select_related("number")] == [removed.e164]
    assert registration_answers.withdraw_given_up(account, tns, [kept.pk, removed.pk], context=context) == 1
    assert get_states(removed)["tns"] == "withdrawn"
    assert get_states(kept)["tns"] == "sent"
    assert not registration_answers.select_given_up(account, tns).exists()
    assert registration_answers.select_given_up(account).count() == 2


def test_number_whose_monitoring_is_disabled_is_not_given_up(account, context, tns):
    number = MonitoredNumberFactory(account=account)
    send(account, [number], context)
    capability.disable([number.pk], context=Context(context.actor, context.now + timedelta(days=1)))
    assert not registration_answers.select_given_up(account, tns).exists()


def test_retired_number_is_listed_until_it_is_used_again(account, context, tns):
    since = context.now - timedelta(days=9)
    numbers = MonitoredNumberFactory.create_batch(4, account=account, capability_since=since, added_at=since)
    send(account, numbers, context)
    retired_at = context.now + timedelta(days=1)
    later = Context(context.actor, retired_at + timedelta(days=1))
    phone_numbers.retire([one.pk for one in numbers], account_id=account.pk, context=Context(context.actor, retired_at))
    retired, enabled, assigned, added = numbers
    PhoneNumber.objects.filter(pk=enabled.pk).update(capability="on", capability_since=later.now)
    capability.disable([enabled.pk], context=Context(context.actor, later.now + timedelta(days=1)))
    campaigns.assign([assigned.pk], campaign=CampaignFactory(account=account), context=later)
    PhoneNumber.objects.filter(pk=added.pk).update(added_at=later.now)
    rows = registration_answers.select_given_up(account, tns)
    assert [(row.number_id, row.retired_at) for row in rows] == [(retired.pk, retired_at)]
    assert registration_answers.withdraw_given_up(account, tns, [retired.pk, added.pk], context=later) == 1


@pytest.mark.parametrize("state", ["refused", "held_by_other", "withdrawn"])
def test_number_that_the_engine_does_not_have_is_not_listed(account, context, tns, state):
    number = PhoneNumberFactory(account=account)
    send(account, [number], context)
    record(account, tns, [number], context, state=state)
    phone_numbers.remove([number.pk], context=context)
    assert not registration_answers.select_given_up(account, tns).exists()


def test_list_of_the_engine_confirms_numbers_also_unsent_ones(account, context):
    sent, unsent = PhoneNumberFactory.create_batch(2, account=account)
    send(account, [sent], context)
    hiya, desk = Engine.objects.get(slug="hiya"), Desk.objects.get(slug="hiya")
    ids = [sent.pk, unsent.pk]
    arguments = (account, hiya, desk, ids)
    assert registration_answers.confirm_listed(*arguments, text="On the list.", context=context) == 2
    assert get_states(sent) == {"first-orion": "sent", "hiya": "confirmed", "tns": "sent"}
    assert get_states(unsent) == {"hiya": "confirmed"}
    events = AuditEvent.objects.count()
    assert registration_answers.confirm_listed(*arguments, text="On the list, too.", context=context) == 0
    assert AuditEvent.objects.count() == events


def test_answers_take_the_same_statements_for_any_count(account, context, tns, django_assert_num_queries):
    numbers = PhoneNumberFactory.create_batch(61, account=account)
    send(account, numbers, context)
    for batch in (numbers[:1], numbers[1:]):
        with django_assert_num_queries(9):
            record(account, tns, batch, context)


def test_number_added_again_keeps_its_registration(account, context, tns):
    number = PhoneNumberFactory(account=account)
    send(account, [number], context)
    phone_numbers.remove([number.pk], context=context)
    PhoneNumber.objects.filter(pk=number.pk).update(removed_at=None)
    assert get_states(number)["tns"] == "sent"
    assert registrations.filter_by_state(PhoneNumber.objects.for_account(account), tns, "sent").get() == number
