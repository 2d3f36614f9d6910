"""The list of Hiya Connect is Hiya's own evidence about the account's numbers, and confirms their registrations."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.audit import Context
from portal.models import AuditEvent
from reputation.engine_lists import hiya
from reputation.engine_lists.hiya import ListRefused
from reputation.engine_lists.reading import read_text
from reputation.models import Case, Check, Connection, Desk, DeskRegistration, EngineList, PhoneNumber, Tag
from tests.factories import MonitoredNumberFactory, PhoneNumberFactory
from tests.reputation.desks.registering import get_states, send

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def desk_provider(switch_providers):
    switch_providers("handset", "desk")


@pytest.fixture
def context(actor, now):
    return Context(actor, now)


def bring(account, lines, context, shown_at=None):
    text = "Number,Grade\n" + "\n".join(f"{number.e164 if number else text},{text}" for number, text in lines)
    return hiya.apply_list(account, read_text(text), shown_at=shown_at or context.now, context=context)


def get_status(number):
    return PhoneNumber.objects.get(pk=number.pk).spam_status


def test_flagged_number_is_tagged_and_gets_a_case(account, context):
    number = MonitoredNumberFactory(account=account)
    bring(account, [(number, "Flagged")], context)
    tag = Tag.objects.get(number=number)
    assert (tag.engine.slug, tag.carrier, tag.evidence, tag.label) == ("hiya", "", "engine_data", "Flagged")
    assert Case.objects.filter(number=number).exists()
    assert Check.objects.get(number=number).raw_response == {"list": "Hiya Connect", "grade": "Flagged", "line": 2}


def test_number_that_is_not_monitored_is_labelled_when_last_seen(account, context):
    number = PhoneNumberFactory(account=account)
    bring(account, [(number, "Flagged")], context)
    assert get_status(number) == "last_seen"


@pytest.mark.parametrize(
    ("grade", "status"),
    [("Mixed high", "at_risk"), ("Mixed low", "at_risk"), ("Unflagged", "clean"), ("C", "unknown"), ("", "unknown")],
)
def test_status_follows_from_the_grade(account, context, grade, status):
    number = MonitoredNumberFactory(account=account)
    bring(account, [(number, grade)], context)
    assert get_status(number) == status


def test_later_list_without_the_flag_ends_the_tag(account, context):
    number = MonitoredNumberFactory(account=account)
    bring(account, [(number, "Flagged")], context)
    later = Context(context.actor, context.now + timedelta(days=3))
    bring(account, [(number, "Unflagged")], later)
    assert not Tag.objects.active().filter(number=number).exists()


def test_older_list_does_not_describe_the_present(account, context):
    number = MonitoredNumberFactory(account=account)
    bring(account, [(number, "Flagged")], context)
    bring(account, [(number, "Unflagged")], context, shown_at=context.now - timedelta(days=1))
    assert Tag.objects.active().filter(number=number).exists()


def test_unknown_grade_ends_no_tag(account, context):
    number = MonitoredNumberFactory(account=account)
    bring(account, [(number, "Flagged")], context)
    bring(account, [(number, "B")], Context(context.actor, context.now + timedelta(hours=1)))
    assert Tag.objects.active().filter(number=number).exists()


def test_registrations_of_listed_numbers_are_confirmed(account, context):
    sent, unsent, other = PhoneNumberFactory.create_batch(3, account=account)
    send(account, [sent, other], context)
    result = bring(account, [(sent, "Unflagged"), (unsent, "B")], context)
    assert get_states(sent) == {"first-orion": "sent", "hiya": "confirmed", "tns": "sent"}
    assert get_states(unsent) == {"hiya": "confirmed"}
    assert get_states(other)["hiya"] == "sent"
    assert "Hiya Connect" in DeskRegistration.objects.get(number=unsent).reply
    assert result.engine_list.counts["confirmed"] == 2


def test_numbers_that_the_account_does_not_have_and_bad_lines_are_kept(account, context):
    number, foreign = PhoneNumberFactory(account=account), PhoneNumberFactory()
    content = read_text(f"Number,Grade\n{number.e164},B\n{foreign.e164},Flagged\n12,Flagged")
    found = hiya.apply_list(account, content, shown_at=context.now, context=context).engine_list
    assert found.unknown_numbers == [[3, foreign.e164]]
    assert [line for line, _reason in found.problems] == [4]
    assert found.unknown_grades == {"B": 1}
    assert not Check.objects.filter(number=foreign).exists()
    assert get_states(foreign) == {}


def test_same_list_twice_changes_nothing(account, context):
    number = MonitoredNumberFactory(account=account)
    first = bring(account, [(number, "Flagged")], context)
    events, checks = AuditEvent.objects.count(), list(Check.objects.values())
    later = Context(context.actor, context.now + timedelta(hours=1))
    again = bring(account, [(number, "Flagged")], later, shown_at=context.now)
    assert not again.is_new
    assert again.engine_list == first.engine_list
    assert AuditEvent.objects.count() == events
    assert list(Check.objects.values()) == checks


def test_audit_trail_names_the_list(account, context):
    bring(account, [(PhoneNumberFactory(account=account), "Flagged")], context)
    assert AuditEvent.objects.get(code="engine_list.read").after == "Hiya, 1 number"


def test_list_is_refused_without_the_provider_or_a_desk(account, context):
    number = PhoneNumberFactory(account=account)
    Desk.objects.filter(engines__slug="hiya").delete()
    with pytest.raises(ListRefused, match="no desk for Hiya"):
        bring(account, [(number, "Flagged")], context)
    Connection.objects.filter(provider="desk").update(is_active=False)
    with pytest.raises(ListRefused, match="not in use"):
        bring(account, [(number, "Flagged")], context)
    assert not EngineList.objects.exists()


def test_statements_do_not_depend_on_the_count(account, context):
    counts = []
    for count in (2, 40):
        numbers = MonitoredNumberFactory.create_batch(count, account=account)
        with CaptureQueriesContext(connection) as queries:
            bring(account, [(number, "Flagged") for number in numbers], context)
        counts.append(len(queries))
    assert counts[0] == counts[1]
