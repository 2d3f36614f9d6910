"""Numbers are sent to a registry for each of its engines, with the exact text and file, who attests, and a mailbox."""

from datetime import UTC, datetime

import pytest

from portal.audit import Context
from portal.models import AuditEvent
from reputation.desks import registrations
from reputation.desks.deadlines import add_business_days
from reputation.desks.registrations import NotRegistrable
from reputation.models import Desk, DeskLetter, DeskRegistration, Engine
from tests.factories import AccountFactory, PhoneNumberFactory
from tests.reputation.desks.registering import get_registry, get_states, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shipped_desks")]

FRIDAY = datetime(2026, 11, 27, 18, tzinfo=UTC)


@pytest.fixture
def context(actor):
    return Context(actor, FRIDAY)


def test_number_without_a_row_is_not_registered(account):
    number = PhoneNumberFactory(account=account)
    assert get_states(number) == {}
    assert registrations.select_sendable(account, get_registry(), only_new=True).get() == number


def test_sending_registers_with_each_engine_and_keeps_what_was_sent(account, context):
    account.time_zone = "America/New_York"
    account.save()
    number = PhoneNumberFactory(account=account)
    letter = send(account, [number], context, reference="FCR-17")
    assert get_states(number) == dict.fromkeys(("first-orion", "hiya", "tns"), "sent")
    assert (letter.text, letter.file_name, letter.file_content) == (
        "Company: Cascade Solar LLC",
        "numbers.csv",
        "phone number,business name\n",
    )
    assert (letter.attested_by, letter.mailbox, letter.reference) == ("Ada Park", "numbers@example.com", "FCR-17")
    assert (letter.sent_by, letter.sent_at) == (context.actor.user, FRIDAY)
    row = DeskRegistration.objects.filter(number=number).first()
    assert row.letter == letter
    # 10 business days after Friday the 27th end on Friday the 11th, at midnight in New York.
    assert row.due_at.astimezone(UTC) == datetime(2026, 12, 12, 4, 59, 59, 999999, tzinfo=UTC)


def test_history_of_a_number_says_to_whom_it_was_sent(account, context):
    number = PhoneNumberFactory(account=account)
    send(account, [number], context)
    event = AuditEvent.objects.get(code="desk_registration.sent")
    assert (event.subject_type, event.subject_id) == ("phonenumber", number.pk)
    assert (event.after, event.reason) == ("Free Caller Registry", "First Orion, Hiya and TNS")


def test_it_is_kept_whether_a_number_answers_with_the_name(account, context):
    named, unnamed = PhoneNumberFactory.create_batch(2, account=account)
    send(account, [named, unnamed], context, without_name=[unnamed.pk])
    assert set(named.desk_registrations.values_list("answers_with_name", flat=True)) == {True}
    assert set(unnamed.desk_registrations.values_list("answers_with_name", flat=True)) == {False}


@pytest.mark.parametrize("state", ["refused", "silent", "withdrawn", "held_by_other", "proof_asked"])
def test_only_what_is_not_settled_is_sent_again(account, context, state):
    number = PhoneNumberFactory(account=account)
    send(account, [number], context)
    number.desk_registrations.update(state="confirmed")
    number.desk_registrations.filter(engine__slug="tns").update(state=state)
    later = Context(context.actor, datetime(2026, 12, 14, 18, tzinfo=UTC))
    assert not registrations.select_sendable(account, get_registry(), only_new=True).exists()
    letter = send(account, [number], later)
    assert get_states(number) == {"first-orion": "confirmed", "hiya": "confirmed", "tns": "sent"}
    assert number.desk_registrations.get(engine__slug="tns").letter == letter


def test_second_click_records_nothing(account, context):
    number = PhoneNumberFactory(account=account)
    send(account, [number], context)
    with pytest.raises(NotRegistrable, match="1 number of these cannot be sent any more"):
        send(account, [number], context)
    assert DeskLetter.objects.count() == 1


def test_nothing_is_recorded_if_one_number_cannot_be_sent(account, context):
    number, foreign = PhoneNumberFactory(account=account), PhoneNumberFactory()
    canadian = PhoneNumberFactory(account=account, e164="+14165550123", region="CA")
    for wrong in (foreign, canadian):
        with pytest.raises(NotRegistrable):
            send(account, [number, wrong], context)
    assert get_states(number) == {}
    assert not DeskLetter.objects.exists()


@pytest.mark.parametrize(("ids", "draft", "message"), [(0, {}, "at least one"), (1, {"attested_by": " "}, "declares")])
def test_sending_needs_numbers_and_somebody_who_attests(account, context, ids, draft, message):
    numbers = PhoneNumberFactory.create_batch(ids, account=account)
    with pytest.raises(NotRegistrable, match=message):
        send(account, numbers, context, **draft)


def test_limit_of_the_desk_holds(account, context):
    Desk.objects.filter(slug="free-caller-registry").update(batch_limit=1)
    with pytest.raises(NotRegistrable, match="takes 1 numbers at a time"):
        send(account, PhoneNumberFactory.create_batch(2, account=account), context)


def test_desk_out_of_use_is_not_offered(account):
    Desk.objects.filter(slug="free-caller-registry").update(in_use=False)
    assert [desk.slug for desk in registrations.get_registry_desks()] == ["first-orion"]


def test_another_account_is_not_affected(account, context):
    number = PhoneNumberFactory(account=account)
    same = PhoneNumberFactory(account=AccountFactory(), e164=number.e164)
    send(account, [number], context)
    assert get_states(same) == {}


def test_numbers_are_filtered_by_engine_and_state(account, context):
    sent, new = PhoneNumberFactory.create_batch(2, account=account)
    send(account, [sent], context)
    hiya = Engine.objects.get(slug="hiya")
    numbers = type(sent).objects.for_account(account)
    assert list(registrations.filter_by_state(numbers, hiya, "sent")) == [sent]
    assert list(registrations.filter_by_state(numbers, hiya, "")) == [new]


def test_sending_takes_the_same_statements_for_any_count(account, context, django_assert_num_queries):
    first = PhoneNumberFactory.create_batch(1, account=account)
    many = PhoneNumberFactory.create_batch(60, account=account)
    with django_assert_num_queries(17):
        send(account, first, context)
    with django_assert_num_queries(17):
        send(account, many, context)


@pytest.mark.parametrize(
    ("days", "zone", "end"),
    [
        (1, "UTC", datetime(2026, 11, 30, 23, 59, 59, 999999, tzinfo=UTC)),
        (0, "UTC", datetime(2026, 11, 27, 23, 59, 59, 999999, tzinfo=UTC)),
        (5, "Pacific/Auckland", datetime(2026, 12, 4, 10, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_business_days_are_counted_in_the_time_zone(days, zone, end):
    assert add_business_days(FRIDAY, days, zone) == end
