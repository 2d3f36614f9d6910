"""Packets of real requests: filled from the enrollment, the labels, the test calls and the calls of dialers."""

from datetime import timedelta

import pytest

from portal.audit import Context
from portal.models import today_of
from reputation.desks.packets import build_packet, choose_requests, split_by_purpose
from reputation.desks.packets.reading import read_business, read_source
from reputation.models import Desk, LabelPhoto, LabelReport, NumberCalls, TestCall, TestRound
from tests.enrollment.form_data import create_draft, create_submitted
from tests.factories import CampaignFactory, EngineFactory, MonitoredNumberFactory, TagFactory, TelephoneFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def context(actor, now):
    return Context(actor, now)


def add_test_call(number, now, result=TestCall.Result.LABEL, **fields):
    account = number.account
    return TestCall.objects.create(
        account=account,
        round=TestRound.objects.create(account=account, minutes=30, created_at=now),
        number=number,
        telephone=TelephoneFactory(account=account),
        position=1,
        reason=TestCall.Reason.PROOF,
        day=now.date(),
        state=TestCall.State.COUNTED,
        result=result,
        answered_at=now - timedelta(hours=1),
        **fields,
    )


def test_business_is_the_form_as_it_was_submitted(account, context):
    create_submitted(account, context, own_do_not_call_list="no")
    business = read_business(account)
    assert business.name == "Cascade Solar LLC (Cascade Solar)"
    assert (business.state, business.use_case) == ("Washington", "Appointment reminders")
    assert business.contact_phone == "(206) 555-0143"
    assert (business.calls_per_day, business.number_count) == (1_500, 40)
    assert "We keep a do-not-call list of our own and check it before each call." not in business.consent
    assert "For automated and recorded calls we keep each person's permission." in business.consent
    assert not business.calls_for_others


def test_business_is_the_draft_as_it_was_typed_if_nothing_was_submitted(account, context):
    create_draft(account, context, on_behalf="others", city="")
    business = read_business(account)
    assert (business.legal_name, business.city, business.calls_for_others) == ("Cascade Solar LLC", "", True)


def test_without_an_enrollment_everything_is_missing(account, desk, make_request, now):
    (group,) = split_by_purpose([make_request()])
    packet = build_packet(account, desk, group, now=now)
    assert {"The company", "The contact person", "The calls", "The volume", "The consent practice"} <= {
        missing.what for missing in packet.missing
    }


def test_evidence_counts_labels_test_calls_and_photos_of_the_number(account, make_request, now):
    request = make_request()
    number = request.number
    TagFactory(number=number, engine=EngineFactory(slug="hiya", name="Hiya"), carrier="AT&T", detected_at=now)
    TagFactory(number=number, engine=EngineFactory(slug="tns", name="TNS"), ended_at=now)
    photo = LabelPhoto.objects.create(account=account, file="label-photos/a.jpg")
    add_test_call(number, now, photo=photo)
    add_test_call(number, now, TestCall.Result.NO_LABEL)
    LabelReport.objects.create(
        account=account, number=number, label="Spam", photo=photo, reported_at=now, state_since=now
    )
    NumberCalls.objects.create(account=account, number=number, day=today_of(account, now), calls=30)
    (found,) = read_source(account, request.desk, None, [request], now).numbers
    assert [(label.text, label.where) for label in found.labels] == [("Spam Likely", "AT&T (Hiya)")]
    assert (found.test_calls, found.photos, found.calls) == (1, 2, 30)


def test_last_call_that_did_not_arrive_is_the_example_of_a_block(account, make_request, now):
    request = make_request()
    call = add_test_call(request.number, now, TestCall.Result.NOT_ARRIVED)
    (found,) = read_source(account, request.desk, None, [request], now).numbers
    assert found.blocked_call.called == call.telephone.e164
    assert found.blocked_call.at == call.answered_at


def test_a_packet_is_for_one_purpose(account, context, make_request, now):
    create_submitted(account, context)
    spring = CampaignFactory(account=account, name="Spring renewals")
    requests = [
        make_request(number=MonitoredNumberFactory(account=account, campaign=campaign))
        for campaign in (None, spring, spring)
    ]
    groups = split_by_purpose(requests)
    assert [(group.name, len(group.requests)) for group in groups] == [("Spring renewals", 2), ("In no campaign", 1)]
    texts = [build_packet(account, requests[0].desk, group, now=now).text for group in groups]
    assert "Use: Appointment reminders: Spring renewals." in texts[0]
    assert "Use: Appointment reminders. We confirm" in texts[1]
    assert requests[0].number.e164[2:] not in texts[0]


def test_a_desk_with_a_daily_limit_gets_the_most_used_numbers_first(account, make_request, now):
    requests = [make_request() for _ in range(3)]
    desk = requests[0].desk
    desk.form, desk.daily_limit = Desk.Form.ONE_BY_ONE, 2
    for request, calls in zip(requests, (5, 70, 40), strict=True):
        NumberCalls.objects.create(account=account, number=request.number, day=today_of(account, now), calls=calls)
    chosen = choose_requests(account, desk, requests, limit=2, now=now)
    assert chosen == [requests[1], requests[2]]


@pytest.mark.parametrize("form", Desk.Form.values)
def test_queries_do_not_grow_with_the_numbers(
    account, context, desk, make_request, now, form, django_assert_num_queries
):
    create_submitted(account, context)
    desk.form = form
    requests = [make_request() for _ in range(4)]
    for group in (split_by_purpose(requests[:1])[0], split_by_purpose(requests)[0]):
        with django_assert_num_queries(6):
            build_packet(account, desk, group, now=now)


def test_other_accounts_facts_are_not_read(account, make_request, now):
    request = make_request()
    theirs = MonitoredNumberFactory()
    TagFactory(number=theirs)
    NumberCalls.objects.create(account=theirs.account, number=theirs, day=now.date(), calls=9)
    (found,) = read_source(account, request.desk, None, [request], now).numbers
    assert (found.labels, found.calls) == ((), None)
