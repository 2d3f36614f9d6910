"""Number Management > Test calls: the list, a new round, and the page of one."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from reputation.models import Campaign, ControlCall, LabelPhoto, PhoneNumber, Tag, TestCall, TestRound
from reputation.monitoring import engines
from reputation.providers import registry
from reputation.test_calls import rounds
from tests.factories import (
    AccountFactory,
    CampaignFactory,
    MemberFactory,
    MonitoredNumberFactory,
    PhoneNumberFactory,
    TelephoneFactory,
)
from tests.reputation.views.round_pages import form_of, post_action, take
from tests.support.pages import get_html, messages_in
from tests.support.urls import create_round

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def handset(db, settings, tmp_path):
    settings.PROVIDERS, settings.MEDIA_ROOT = ["handset"], tmp_path
    registry._load_providers.cache_clear()
    engines.sync_engines()


@pytest.fixture
def shared(account) -> TestRound:
    """A round of four calls to two telephones."""
    TelephoneFactory(account=account, name="Anna")
    return create_round(account, 4)


def count_queries(client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


# The list and a new round


def test_an_empty_list_says_what_to_do(as_admin, as_viewer, account):
    page = get_html(as_admin.get(reverse("test-calls")))
    assert "First add a telephone that the calls go to." in page
    assert reverse("telephones-add") in page
    assert reverse("test-rounds-add") not in page
    TelephoneFactory(account=account)
    assert reverse("test-rounds-add") in get_html(as_admin.get(reverse("test-calls")))
    assert reverse("test-rounds-add") not in get_html(as_viewer.get(reverse("test-calls")))


def test_the_list_shows_the_progress_of_each_round(as_admin, as_viewer, shared):
    call = take(as_admin, shared)
    post_action(as_admin, shared, "record", **form_of(call, result="label", common_label="Scam Likely"))
    page = get_html(as_viewer.get(reverse("test-calls")))
    assert '<td data-label="Calls made">1 of 4</td>' in page
    assert '<strong class="bad">1</strong>' in page


def test_queries_of_the_lists_do_not_depend_on_their_length(as_viewer, account):
    create_round(account, 2)
    test_round = TestRound.objects.get()
    pages = (reverse("test-calls"), reverse("test-round-calls", args=[test_round.pk]))
    before = [count_queries(as_viewer, page) for page in pages]
    for _ in range(3):
        create_round(account, 5)
    TestCall.objects.update(round=test_round)
    assert [count_queries(as_viewer, page) for page in pages] == before
    assert before[0] <= 14


def test_the_form_shows_how_many_calls_the_round_has_and_why_in_which_order(as_admin, account):
    telephone = TelephoneFactory(account=account)
    numbers = PhoneNumberFactory.create_batch(20, account=account)
    Campaign.objects.filter(pk=CampaignFactory(account=account).pk).update(default_number=numbers[7])
    page = get_html(as_admin.get(reverse("test-rounds-add")))
    assert '<h2 id="plan-title">20 calls</h2>' in page
    assert page.index("Default caller IDs of running campaigns") < page.index("New, looked at before the first use")
    data = {"minutes": "12", "telephones": [telephone.pk], "plan": "1"}
    for headers in ({}, {"HX-Request": "true"}):
        plan = get_html(as_admin.post(reverse("test-rounds-add"), data, headers=headers))
        assert '<h2 id="plan-title">10 calls</h2>' in plan
        assert "1 number is drawn at random when the round begins" in " ".join(plan.split())
    assert not TestRound.objects.exists()


def test_the_page_of_an_account_with_more_than_100_numbers_shows_the_sample(as_viewer, account):
    numbers = PhoneNumberFactory.create_batch(100, account=account)
    assert "drawn at random" not in get_html(as_viewer.get(reverse("test-calls")))
    numbers += PhoneNumberFactory.create_batch(1, account=account)
    assert "No number was called at random in the last 30 days" in get_html(as_viewer.get(reverse("test-calls")))
    test_round = TestRound.objects.create(account=account, minutes=9, created_at=timezone.now())
    telephone = TelephoneFactory(account=account)
    for number in numbers[:60]:
        TestCall.objects.create(
            account=account,
            round=test_round,
            number=number,
            telephone=telephone,
            position=1,
            reason="unseen",
            is_random=True,
            day=timezone.now().date(),
            state="counted",
            result="no_label",
            proves_absence=True,
            answered_at=timezone.now(),
        )
    assert "60 random numbers without a label: at most 5 % of all have one" in get_html(
        as_viewer.get(reverse("test-calls"))
    )


def test_a_round_calls_the_chosen_telephones(as_admin, account):
    chosen, _other = TelephoneFactory.create_batch(2, account=account)
    PhoneNumberFactory.create_batch(8, account=account)
    answer = as_admin.post(reverse("test-rounds-add"), {"minutes": "30", "telephones": [chosen.pk]}, follow=True)
    assert messages_in(answer) == "The round has 8 calls."
    assert {call.telephone for call in TestCall.objects.select_related("telephone")} == {chosen}
    assert answer.redirect_chain[0][0] == reverse("test-round", args=[TestRound.objects.get().pk])


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({"minutes": "0"}, "A round lasts at least 1 minute."),
        ({"minutes": "soon"}, "Write a whole number of minutes, such as 30."),
        ({"minutes": "30", "telephones": []}, "Choose at least one telephone."),
        ({"minutes": "30", "telephones": ["0"]}, "One of the telephones was removed meanwhile."),
    ],
)
def test_wrong_fields_create_nothing(as_admin, account, data, error):
    data = {"telephones": [TelephoneFactory(account=account).pk]} | data
    assert error in get_html(as_admin.post(reverse("test-rounds-add"), data))
    assert not TestRound.objects.exists()


def test_a_round_without_calls_is_refused_next_to_the_button(as_admin, account):
    telephone = TelephoneFactory(account=account)
    page = get_html(as_admin.post(reverse("test-rounds-add"), {"minutes": "30", "telephones": [telephone.pk]}))
    assert "No number may be called now: each was called today on every telephone" in page
    assert 'aria-describedby="no-calls"' in page
    assert not TestRound.objects.exists()


def test_no_round_begins_while_its_results_would_not_count(as_admin, account, settings):
    settings.PROVIDERS = ["complaints"]
    telephone = TelephoneFactory(account=account)
    PhoneNumberFactory(account=account)
    page = get_html(as_admin.post(reverse("test-rounds-add"), {"minutes": "30", "telephones": [telephone.pk]}))
    assert "Test calls are switched off on this portal." in page
    assert not TestRound.objects.exists()


# The page of a round


def test_a_taken_call_says_how_to_make_it(as_admin, account, shared):
    campaign = CampaignFactory(account=account, name="Spring renewals")
    PhoneNumber.objects.update(campaign=campaign)
    page = get_html(post_action(as_admin, shared, "take"))
    call = TestCall.objects.exclude(lease_token="").get()
    for words in (
        call.number.e164,
        call.telephone.e164,
        "caller-ID override",
        "Use the trunk of the campaign Spring renewals",
        "stay on the call for 20 seconds. Never save, block or call back the number",
        "New, looked at before the first use",
    ):
        assert words in page
    for result in TestCall.Result.values:
        assert f'name="result" value="{result}"' in page


@pytest.mark.parametrize("result", TestCall.Result.values)
def test_one_tap_stores_the_result_and_says_that_one_telephone_showed_it_once(as_admin, shared, result):
    call = take(as_admin, shared)
    more = {"label": "Spam Risk"} if result == "label" else {}
    answer = post_action(as_admin, shared, "record", **form_of(call, result=result, **more))
    assert f"Stored for this one call from {call.number} to {call.telephone.name}" in messages_in(answer)
    call.refresh_from_db()
    assert (call.state, call.result, call.claimed_by) == ("done", result, answer.wsgi_request.user)


def test_the_name_and_a_photo_are_stored(as_admin, shared):
    call = take(as_admin, shared)
    post_action(as_admin, shared, "record", **form_of(call, result="name_wrong", name="Cascade Roofing"))
    assert TestCall.objects.get(pk=call.pk).name == "Cascade Roofing"
    call = take(as_admin, shared)
    content = BytesIO()
    Image.new("RGB", (4, 4)).save(content, "JPEG")
    photo = SimpleUploadedFile("display.jpg", content.getvalue())
    post_action(as_admin, shared, "record", **form_of(call, result="label", label="Spam", photo=photo))
    assert TestCall.objects.get(pk=call.pk).photo == LabelPhoto.objects.get()


def test_a_button_of_a_common_label_goes_before_the_typed_one(as_admin, shared):
    call = take(as_admin, shared)
    post_action(as_admin, shared, "record", **form_of(call, result="label", label="Sp", common_label="Potential Spam"))
    assert TestCall.objects.get(pk=call.pk).label == "Potential Spam"


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "htmx"])
def test_what_was_typed_is_kept_when_the_photo_is_refused(as_admin, shared, headers):
    call = take(as_admin, shared)
    data = form_of(call, result="label", label="Spam Risk", photo=SimpleUploadedFile("a.jpg", b"no picture"))
    answer = as_admin.post(reverse("test-round-record", args=[shared.pk]), data, headers=headers)
    page = get_html(answer)
    assert answer.status_code == 422
    assert "no JPEG, PNG or WebP picture, or it is damaged. Nothing was stored." in page
    assert 'value="Spam Risk"' in page
    assert TestCall.objects.get(pk=call.pk).state == "planned"


def test_a_label_without_its_text_is_refused_at_the_field(as_admin, shared):
    call = take(as_admin, shared)
    answer = post_action(as_admin, shared, "record", **form_of(call, result="label"))
    assert answer.status_code == 422
    assert "Type the label that the telephone showed." in get_html(answer)
    assert 'aria-describedby="label-error"' in get_html(answer)


def test_a_second_tap_changes_nothing_and_not_the_next_call(as_admin, shared):
    first = take(as_admin, shared)
    post_action(as_admin, shared, "record", **form_of(first, result="no_label"))
    second = take(as_admin, shared)
    answer = post_action(as_admin, shared, "record", **form_of(first, result="label", label="Spam"))
    assert "This call has a result already: No label. Nothing was changed." in get_html(answer)
    assert answer.context["call"] == second
    results = dict(TestCall.objects.filter(pk__in=[first.pk, second.pk]).values_list("pk", "result"))
    assert results == {first.pk: "no_label", second.pk: ""}


def test_an_expired_claim_and_a_call_that_somebody_else_took_change_nothing(as_admin, as_owner, shared, now):
    call = take(as_admin, shared)
    TestCall.objects.filter(pk=call.pk).update(lease_until=now - timedelta(seconds=1))
    answer = post_action(as_admin, shared, "record", **form_of(call, result="label", label="Spam Risk"))
    assert "You took this call more than 5 minutes ago, so nothing was stored." in get_html(answer)
    assert 'value="Spam Risk"' in get_html(answer)
    TestCall.objects.filter(pk=call.pk).update(lease_until=now - timedelta(seconds=1))
    assert take(as_owner, shared) == call
    answer = post_action(as_admin, shared, "record", **form_of(call, result="no_label"))
    assert "somebody else took it meanwhile. Nothing was changed." in get_html(answer)
    assert TestCall.objects.get(pk=call.pk).state == "planned"


def test_two_people_get_different_calls_and_see_what_the_other_makes(as_admin, as_owner, shared, admin):
    first, second = take(as_admin, shared), take(as_owner, shared)
    assert first.pk != second.pk
    page = get_html(as_owner.get(reverse("test-round", args=[shared.pk])))
    assert f"{admin.user.get_full_name()} calls {first.telephone.name} from" in page


def test_undo_gives_the_call_back_to_the_same_person(as_admin, shared):
    call = take(as_admin, shared)
    answer = post_action(as_admin, shared, "record", **form_of(call, result="label", label="Spam"))
    assert "Label: Spam" in get_html(answer)
    answer = post_action(as_admin, shared, "undo", **form_of(call))
    assert f"Undone: {call.number} has no result now." in messages_in(answer)
    assert answer.context["call"] == call
    answer = post_action(as_admin, shared, "undo", **form_of(call))
    assert "This result was undone already. Nothing was changed." in get_html(answer)


def test_a_call_that_is_given_back_is_free_for_others(as_admin, as_owner, shared):
    call = take(as_admin, shared)
    answer = post_action(as_admin, shared, "give-back", **form_of(call))
    assert "was given back. Somebody else may make it." in messages_in(answer)
    assert take(as_owner, shared) == call
    answer = post_action(as_admin, shared, "give-back", **form_of(call))
    assert "This call is not yours any more. Nothing was changed." in get_html(answer)


def test_the_telephone_at_hand_is_remembered(as_admin, account, shared):
    for telephone in shared.calls.order_by("telephone").values_list("telephone", flat=True).distinct():
        first = take(as_admin, shared, telephone=telephone)
        post_action(as_admin, shared, "record", **form_of(first, result="no_label"))
        second = take(as_admin, shared)
        post_action(as_admin, shared, "record", **form_of(second, result="no_label"))
        assert (first.telephone_id, second.telephone_id) == (telephone, telephone)


def test_a_call_that_did_not_arrive_asks_for_a_control_call(as_admin, shared):
    call = take(as_admin, shared)
    page = get_html(post_action(as_admin, shared, "record", **form_of(call, result="not_arrived")))
    assert "twice not arriving counts as blocked on this network" in page
    answer = post_action(as_admin, shared, "control", **form_of(call, number="12"))
    assert answer.status_code == 422
    assert 'value="12"' in get_html(answer)
    answer = post_action(as_admin, shared, "control", **form_of(call, number="(206) 555-0199"))
    assert messages_in(answer) == f"Noted: (206) 555-0199 rang {call.telephone.name}."
    assert ControlCall.objects.get().telephone == call.telephone
    assert "twice not arriving" not in get_html(answer)


def test_results_count_once_the_round_ends(as_admin, account):
    MonitoredNumberFactory(account=account)
    TelephoneFactory(account=account)
    as_admin.post(reverse("test-rounds-add"), {"minutes": "1", "telephones": [account.telephones.get().pk]})
    test_round = TestRound.objects.get()
    call = take(as_admin, test_round)
    page = get_html(post_action(as_admin, test_round, "record", **form_of(call, result="label", label="Scam Likely")))
    assert "All calls are made" in page
    assert not Tag.objects.exists()
    answer = post_action(as_admin, test_round, "end")
    assert messages_in(answer) == "The round has ended. Its results count now."
    assert Tag.objects.get().label == "Scam Likely"
    answer = post_action(as_admin, test_round, "undo", **form_of(call))
    assert "The result counts already." in get_html(answer)
    assert messages_in(post_action(as_admin, test_round, "end")) == "The round ended before. Nothing was changed."
    answer = post_action(as_admin, test_round, "take")
    assert "No call is free now. Nothing was changed." in get_html(answer)


def test_all_calls_are_listed_with_what_they_showed_and_by_whom(as_admin, as_viewer, shared, admin):
    call = take(as_admin, shared)
    post_action(as_admin, shared, "record", **form_of(call, result="name_right", name="Cascade Solar"))
    page = get_html(as_viewer.get(reverse("test-round-calls", args=[shared.pk])))
    for words in ("Name shown: right", "Cascade Solar", "To be made", admin.user.get_full_name()):
        assert words in page


def test_htmx_gets_the_panel_with_an_announcement(as_admin, shared):
    address = reverse("test-round-take", args=[shared.pk])
    answer = as_admin.post(address, headers={"HX-Request": "true"})
    page = get_html(answer)
    assert page.startswith('<div id="call-panel"')
    assert f"Call from {answer.context['call'].number}." in page
    assert '<h2 id="call-title" tabindex="-1" autofocus' in page
    assert answer.headers["HX-Trigger"] == '{"call-answered": {}}'


def test_a_call_of_another_account_or_round_is_not_found(as_admin, account, shared, client_for):
    other = AccountFactory()
    theirs = create_round(other)
    foreign = rounds.take_call(
        other, caller=rounds.Caller(user=MemberFactory(account=other).user), now=theirs.created_at
    )
    for action in ("record", "undo", "give-back", "control"):
        assert post_action(as_admin, shared, action, **form_of(foreign, result="no_label")).status_code == 404
        assert "The form named no call." in get_html(post_action(as_admin, shared, action))
    foreign.refresh_from_db()
    assert foreign.state == "planned"


def test_a_viewer_sees_a_round_and_makes_no_call(as_admin, as_viewer, shared):
    call = take(as_admin, shared)
    page = get_html(as_viewer.get(reverse("test-round", args=[shared.pk])))
    assert "Owners and admins of the account make its calls." in page
    assert call.lease_token not in page
    assert post_action(as_viewer, shared, "record", **form_of(call, result="no_label")).status_code == 403


def test_queries_of_a_round_do_not_depend_on_its_calls(as_admin, account):
    small, large = create_round(account, 2), create_round(account, 12)
    for test_round in (small, large):
        call = take(as_admin, test_round)
        post_action(as_admin, test_round, "record", **form_of(call, result="not_arrived"))
    counts = [count_queries(as_admin, reverse("test-round", args=[pk])) for pk in (small.pk, large.pk)]
    assert counts[0] == counts[1] <= 18
