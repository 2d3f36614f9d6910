"""The pages of the remediation desk: the overview, a desk's requests, and taking them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from portal.models import today_of
from reputation.models import Desk, DeskRegistration, DeskRequest, NumberCalls
from tests.factories import CampaignFactory, EngineFactory, MemberFactory, MonitoredNumberFactory, TagFactory
from tests.reputation.views.desk_pages import claim, url
from tests.support.desks import create_desk, create_request
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db
State = DeskRequest.State


# The overview


def test_overview_lists_desks_with_counts_those_with_your_turn_first(as_admin, as_viewer, make_request, now):
    quiet, busy = create_desk(slug="a", name="A quiet desk"), create_desk(slug="z", name="Z busy desk")
    make_request(desk=quiet, state=State.SENT, sent_at=now)
    make_request(desk=busy)
    make_request(desk=busy, state=State.QUESTION, sent_at=now)
    make_request(desk=busy, state=State.DONE, sent_at=now, due_at=None)
    page = get_html(as_admin.get(reverse("desks")))
    assert page.index("Z busy desk") < page.index("A quiet desk")
    assert "2 requests wait for you" in page
    assert '<td data-label="Your turn" class="figure num">2</td>' in page
    assert '<td data-label="Says done" class="figure num">1</td>' in page
    page = get_html(as_viewer.get(reverse("desks")))
    assert "2 requests wait for an owner or admin." in page
    assert "Your turn" not in page


def test_overview_says_what_to_expect_of_desks(as_viewer):
    page = get_html(as_viewer.get(reverse("desks")))
    for sentence in (
        "Desks take 2 to 10 business days, some take weeks, and some never answer.",
        "Your own people have to send the request: most desks refuse third parties.",
        "Only a test call or a look-up proves that the label is gone",
    ):
        assert sentence in page
    assert "No requests yet" in page


def test_menu_leads_to_the_desk_below_number_management(as_viewer):
    page = get_html(as_viewer.get(reverse("overview")))
    start = page.index("Number Management")
    assert "Remediation desk" in page[start : page.index("Outbound Dialer", start)]


def test_overview_does_not_show_other_accounts_requests(as_viewer, now):
    theirs = MonitoredNumberFactory()
    create_request(theirs.account, create_desk(slug="theirs", name="Their desk"), now=now, number=theirs)
    assert "Their desk" not in get_html(as_viewer.get(reverse("desks")))


# A desk's page


def test_requests_are_listed_due_first_with_label_turn_and_registration(as_admin, desk, make_request, now):
    late = make_request(due_at=now + timedelta(days=9))
    soon = make_request(due_at=now + timedelta(days=1))
    TagFactory(number=soon.number, label="Scam Likely", carrier="AT&T", detected_at=now)
    DeskRegistration.objects.create(
        account=soon.account,
        number=soon.number,
        engine=soon.engine,
        desk=desk,
        state=DeskRegistration.State.CONFIRMED,
        state_since=now,
        sent_at=now,
    )
    page = get_html(as_admin.get(url("desk", desk)))
    assert page.index(str(soon.number)) < page.index(str(late.number))
    assert "“Scam Likely”" in page
    assert "Your turn: send the request to Hiya by" in page
    assert "Confirmed<" in page
    assert "Not registered<" in page


def test_it_is_never_a_viewers_turn(as_viewer, desk, make_request):
    request = make_request()
    for address in (url("desk", desk), url("desk-request", request)):
        page = get_html(as_viewer.get(address))
        assert "Waits for an owner or admin: send the request to Hiya by" in page
        assert "Your turn" not in page
        assert "You hold" not in page


def test_sentences_fit_the_desk_whose_name_begins_with_an_article(as_admin, desk, make_request):
    Desk.objects.filter(pk=desk.pk).update(name="The carrier that blocked the call")
    request = make_request()
    page = get_html(as_admin.get(url("desk-request", request)))
    assert "Your turn: send the request to the carrier that blocked the call by" in page
    assert f"{request.number} at the carrier that blocked the call</h1>" in page


def test_the_holder_of_a_request_is_named_below_its_number(as_viewer, desk, make_request, account, now):
    request = make_request()
    claim(request, MemberFactory(account=account, user__name="Ana Ortiz").user, now + timedelta(minutes=20))
    page = get_html(as_viewer.get(url("desk", desk)))
    assert "Held by Ana Ortiz until" in page
    assert page.index("Held by Ana Ortiz") < page.index('data-label="Label seen"')


def test_groups_separate_the_turns(as_viewer, desk, make_request, now):
    to_send, waiting = make_request(), make_request(state=State.SENT, sent_at=now)
    later = make_request(not_before=now + timedelta(days=30))
    refused = make_request(state=State.REFUSED, refusal="behaviour", closed_at=now, sent_at=now)
    for group, expected in (("turn", to_send), ("waiting", waiting), ("later", later), ("refused", refused)):
        page = get_html(as_viewer.get(url("desk", desk), {"group": group}))
        shown = [one for one in (to_send, waiting, later, refused) if str(one.number) in page]
        assert shown == [expected], group


def test_done_is_the_accounts_turn_again_once_the_label_was_seen_since(as_viewer, desk, make_request, now):
    believed, seen_again = (make_request(state=State.DONE, sent_at=now, due_at=None) for _ in range(2))
    TagFactory(number=seen_again.number, engine=seen_again.engine, last_seen_at=now + timedelta(hours=1))
    turn = get_html(as_viewer.get(url("desk", desk), {"group": "turn"}))
    assert "said done, but the label was seen again. Ask again." in turn
    assert str(believed.number) not in turn
    done = get_html(as_viewer.get(url("desk", desk), {"group": "done"}))
    assert str(believed.number) in done
    assert str(seen_again.number) not in done


def test_pages_of_many_requests_show_each_once_in_both_directions(as_viewer, desk, account, now):
    numbers = [MonitoredNumberFactory(account=account) for _ in range(120)]
    for index, number in enumerate(numbers):
        due_at = None if index % 10 == 0 else now + timedelta(days=index % 7 + 1)
        create_request(account, desk, now=now, number=number, due_at=due_at)
    forward = read_pages(as_viewer, desk, "next")
    assert len(forward) == len(set(forward)) == 120
    assert forward == list(DeskRequest.objects.due_first().values_list("pk", flat=True))
    assert read_pages(as_viewer, desk, "previous")[:20] == forward[50:70]


def read_pages(client, desk, direction: str) -> list[int]:
    """The ids of all pages forward; or, backward from the last page, those of the page before it."""
    ids, params = [], {}
    while True:
        page = client.get(url("desk", desk), params).context["page"]
        ids.extend(page.ids)
        if not page.next:
            break
        params = {"after": page.next}
    if direction == "next":
        return ids
    return client.get(url("desk", desk), {"before": page.previous}).context["page"].ids


@pytest.mark.parametrize("count", [1, 60])
def test_queries_of_the_pages_do_not_grow(as_viewer, desk, account, now, count, django_assert_num_queries):
    campaign = CampaignFactory(account=account)
    for _ in range(count):
        number = MonitoredNumberFactory(account=account, campaign=campaign)
        TagFactory(number=number, engine=EngineFactory(slug="hiya"))
        create_request(account, desk, now=now, number=number)
    as_viewer.get(reverse("desks"))
    with django_assert_num_queries(OVERVIEW_QUERIES):
        as_viewer.get(reverse("desks"))
    with django_assert_num_queries(DESK_QUERIES):
        as_viewer.get(url("desk", desk))


OVERVIEW_QUERIES = 7
DESK_QUERIES = 11


def test_a_desk_without_own_requests_is_not_found(as_viewer, desk, now):
    theirs = MonitoredNumberFactory()
    create_request(theirs.account, desk, now=now, number=theirs)
    assert as_viewer.get(url("desk", desk)).status_code == 404


def test_unverified_address_is_marked_with_source_and_date(as_viewer, make_request):
    doubtful = create_desk(
        slug="doubtful", certainty=Desk.Certainty.SECONDARY, source="a vendor's help page", address="https://x.example/"
    )
    make_request(desk=doubtful)
    page = get_html(as_viewer.get(url("desk", doubtful)))
    assert "Not verified." in page
    assert "From others, read 26 Nov 2026. Source: a vendor's help page" in page.replace("&#x27;", "'")
    assert 'href="https://x.example/" target="_blank" rel="noopener noreferrer"' in page


def test_address_that_was_read_at_the_desk_is_not_marked(as_viewer, desk, make_request):
    make_request()
    assert "Not verified." not in get_html(as_viewer.get(url("desk", desk)))


# Taking


def test_taken_requests_are_kept_for_the_member_and_lead_to_the_packet(as_admin, admin, desk, make_request, now):
    requests = [make_request(), make_request()]
    response = as_admin.post(url("desk-take", desk), {"request": [one.pk for one in requests]})
    assert response.url == url("desk-prepare", desk)
    for one in requests:
        one.refresh_from_db()
        assert one.claimed_by == admin.user
        assert one.claimed_until > now + timedelta(minutes=29)
    assert "2 requests taken. You hold them until" in get_html(as_admin.get(response.url))


def test_requests_of_another_stay_theirs_and_the_page_says_until_when(as_admin, desk, make_request, account, now):
    other = MemberFactory(account=account, user__name="Ana Ortiz")
    theirs, free = make_request(), make_request()
    until = now + timedelta(minutes=20)
    claim(theirs, other.user, until)
    response = as_admin.post(url("desk-take", desk), {"request": [theirs.pk, free.pk]}, follow=True)
    with timezone.override(account.time_zone):
        expected = f"1 request stays with others: Ana Ortiz until {timezone.localtime(until):%H:%M}."
    assert expected in get_html(response)
    assert "1 request taken. You hold it until" in get_html(response)
    theirs.refresh_from_db()
    assert theirs.claimed_by == other.user
    alone = as_admin.post(url("desk-take", desk), {"request": [theirs.pk]})
    assert alone.status_code == 422
    assert "Nothing was taken." in get_html(alone)


def test_first_requests_that_nobody_holds_are_taken_due_first(as_admin, admin, desk, make_request, account, now):
    other = MemberFactory(account=account)
    requests = [make_request(due_at=now + timedelta(days=day)) for day in (4, 1, 2, 3)]
    claim(requests[1], other.user, now + timedelta(minutes=5))
    as_admin.post(url("desk-take", desk), {"first": "1", "count": "2"})
    held = DeskRequest.objects.filter(claimed_by=admin.user).due_first()
    assert list(held) == [requests[2], requests[3]]


def test_a_desk_that_limits_a_day_gets_the_most_used_numbers_first(as_admin, admin, desk, make_request, account, now):
    desk.daily_limit = 10
    desk.save()
    requests = [make_request(due_at=now + timedelta(days=day)) for day in (1, 2)]
    NumberCalls.objects.create(account=account, number=requests[1].number, day=today_of(account, now), calls=50)
    as_admin.post(url("desk-take", desk), {"first": "1", "count": "1"})
    assert DeskRequest.objects.get(claimed_by=admin.user) == requests[1]


def test_all_of_a_desk_that_limits_a_day_takes_only_what_it_takes_today(
    as_admin, admin, desk, make_request, account, now
):
    desk.daily_limit = 3
    desk.save()
    requests = [make_request(due_at=now + timedelta(days=day)) for day in (1, 2, 3, 4)]
    claim(make_request(), MemberFactory(account=account).user, now + timedelta(minutes=5))
    for request in requests[2:]:
        NumberCalls.objects.create(account=account, number=request.number, day=today_of(account, now), calls=50)
    response = as_admin.post(url("desk-take", desk), {"all": "turn", "group": "turn"}, follow=True)
    assert set(DeskRequest.objects.filter(claimed_by=admin.user)) == set(requests[2:])
    page = get_html(response)
    assert "2 requests left for another day: Hiya takes 3 numbers a day" in page
    assert "The most used numbers come first." in page
    again = as_admin.post(url("desk-take", desk), {"request": requests[0].pk})
    assert again.status_code == 422
    assert "Nothing was taken. 1 request left for another day" in get_html(again)


def test_requests_that_cannot_be_sent_now_are_named_with_their_reasons(as_admin, desk, make_request, now):
    sent = [make_request(state=State.SENT, sent_at=now) for _ in range(2)]
    later = make_request(not_before=now + timedelta(days=3))
    silent = make_request(state=State.SILENT, sent_at=now)
    ended = make_request(state=State.WITHDRAWN, closed_at=now)
    ids = [one.pk for one in (make_request(), *sent, later, silent, ended)]
    page = get_html(as_admin.post(url("desk-take", desk), {"request": ids}, follow=True))
    assert "1 request taken." in page
    assert "5 requests cannot be sent now: 2 sent already, " in page
    for reason in ("1 to be sent on a later date", "1 without an answer, to be asked again or withdrawn", "1 ended"):
        assert reason in page


@pytest.mark.parametrize("count", [1, 20])
def test_queries_of_taking_do_not_grow(as_admin, desk, make_request, now, count, django_assert_num_queries):
    desk.daily_limit = 10
    desk.save()
    requests = [make_request() for _ in range(count)] + [make_request(state=State.SENT, sent_at=now)]
    with django_assert_num_queries(TAKE_QUERIES):
        as_admin.post(url("desk-take", desk), {"request": [one.pk for one in requests]})


TAKE_QUERIES = 17


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, "Nothing is selected, so nothing was taken. Tick the requests first."),
        ({"first": "1", "count": "many"}, "Nothing was taken. Write how many, from 1 on."),
    ],
)
def test_taking_nothing_says_what_to_do_beside_the_list(as_admin, desk, make_request, data, expected):
    make_request()
    response = as_admin.post(url("desk-take", desk), data)
    assert response.status_code == 422
    assert expected in get_html(response)


def test_a_sent_request_cannot_be_taken_from_a_stale_page(as_admin, desk, make_request, now):
    sent = make_request(state=State.SENT, sent_at=now)
    response = as_admin.post(url("desk-take", desk), {"request": sent.pk})
    assert "1 request cannot be sent now: 1 sent already." in get_html(response)
    sent.refresh_from_db()
    assert sent.claimed_by is None


def test_requests_are_given_back(as_admin, admin, desk, make_request, now):
    held = make_request()
    claim(held, admin.user, now + timedelta(minutes=5))
    response = as_admin.post(url("desk-release", desk), {"request": held.pk, "group": "mine"}, follow=True)
    assert "1 request can be taken by others again." in get_html(response)
    held.refresh_from_db()
    assert held.claimed_by is None


@pytest.mark.parametrize("name", ["desk-take", "desk-release", "desk-reply", "desk-answer", "desk-withdraw"])
def test_foreign_ids_are_not_found_and_nothing_changes(as_admin, desk, make_request, now, name):
    own, theirs = make_request(), MonitoredNumberFactory()
    foreign = create_request(theirs.account, desk, now=now, number=theirs)
    before = list(DeskRequest.objects.order_by("pk").values())
    response = as_admin.post(url(name, desk), {"request": [own.pk, foreign.pk]})
    assert response.status_code == 404
    assert list(DeskRequest.objects.order_by("pk").values()) == before
