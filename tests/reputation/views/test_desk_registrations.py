"""The pages of registrations: the list, the question, the sheet, the note, answers, and numbers given up."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.audit import Context
from reputation import phone_numbers
from reputation.desks import registration_answers
from reputation.models import Desk, DeskLetter, DeskRegistration, Engine, PhoneNumber
from tests.factories import AccountFactory, ApplicationFactory, PhoneNumberFactory
from tests.reputation.desks.registering import get_states, send
from tests.support.pages import get_html, messages_in

pytestmark = pytest.mark.django_db

LIST = reverse("desk-registrations")
SEND = reverse("desk-registration-send")
ANSWER = reverse("desk-registration-answer")
GIVEN_UP = reverse("desk-registrations-given-up")


@pytest.fixture
def context(actor, now):
    return Context(actor, now)


@pytest.fixture
def numbers(account):
    return PhoneNumberFactory.create_batch(3, account=account)


@pytest.fixture
def business(account):
    business = {
        **{"legal_name": "Cascade Solar LLC", "trade_name": "Cascade", "street": "1 Main St", "city": "Seattle"},
        **{
            "state": "WA",
            "zip_code": "98101",
            "website": "https://cascade.example",
            "phone_company": "Example Telecom",
        },
        **{"contact_name": "Ada Park", "contact_phone": "+12062000143", "contact_email": "ada@cascade.example"},
        **{"use_case": "appointments", "use_case_details": "Appointments", "calls_per_day": "400", "on_behalf": "own"},
    }
    snapshot = {"business": [{"fields": [{"name": name, "value": value} for name, value in business.items()]}]}
    return ApplicationFactory(account=account, snapshot=snapshot, business=business)


def post(client, numbers, step, **data):
    fields = {"desk": "free-caller-registry", "answers": "all", "unnamed": "leave_out"}
    return client.post(SEND, fields | {"number": [number.pk for number in numbers], "step": step} | data)


def record(client, numbers, **data):
    digest = re.search(r'name="digest" value="(\w+)"', post(client, numbers, "sheet", **data).content.decode())[1]
    note = {"text": "Typed", "attested_by": "Ada Park", "mailbox": "ada@cascade.example", "digest": digest}
    return post(client, numbers, "record", **data, **note)


def test_list_counts_the_states_at_each_engine(as_admin, account, numbers, context):
    send(account, numbers[:2], context)
    PhoneNumberFactory(account=account, e164="+14165550123", region="CA")
    phone_numbers.remove([numbers[1].pk], context=context)
    page = get_html(as_admin.get(LIST))
    assert "Not registered: 1</a>" in page
    assert "Sent: 1</a>" in page
    assert "Numbers that you gave up are still registered." in page


def test_the_counts_leave_out_removed_numbers_and_those_abroad_and_read_the_numbers_once(
    as_viewer, account, numbers, context
):
    send(account, numbers, context)
    abroad = PhoneNumberFactory.create_batch(2, account=account, region="CA")
    DeskRegistration.objects.filter(number=numbers[0]).update(number=abroad[0])
    phone_numbers.remove([numbers[1].pk], context=context)
    with CaptureQueriesContext(connection) as queries:
        answer = as_viewer.get(LIST)
    page = get_html(answer)
    assert page.count("Not registered: 1</a>") == page.count("Sent: 1</a>") == 3
    assert answer.context["total"] == 2
    of_numbers = [
        one["sql"] for one in queries if one["sql"].startswith("SELECT COUNT(*)") and "_phonenumber" in one["sql"]
    ]
    assert len(of_numbers) == 1
    for state, total in (("sent", 1), ("none", 1), ("refused", 0), ("", 2)):
        assert as_viewer.get(LIST, {"engine": "tns", "state": state}).context["total"] == total
    found = as_viewer.get(LIST, {"engine": "tns", "state": "sent", "q": numbers[0].e164})
    assert found.context["total"] == 0


def test_a_state_has_one_word_in_the_summary_in_the_filter_and_in_the_table(as_viewer, account, numbers, context):
    words = {"proof_asked": "Proof asked", "confirmed": "Confirmed", "silent": "Silent"}
    send(account, numbers, context)
    for number, state in zip(numbers, words, strict=True):
        number.desk_registrations.update(state=state)
    page = get_html(as_viewer.get(LIST))
    for state, word in words.items():
        assert f">{word}: 1</a>" in page
        assert f'<option value="{state}">{word}</option>' in page
        assert f"{word}</span>" in page


def test_list_is_filtered_by_engine_and_state(as_admin, account, numbers, context):
    send(account, numbers[:1], context)
    assert as_admin.get(LIST, {"engine": "tns", "state": "sent"}).context["total"] == 1
    assert as_admin.get(LIST, {"engine": "tns", "state": "none"}).context["total"] == 2
    assert as_admin.get(LIST, {"engine": "nobody", "state": "sent"}).context["total"] == 3


def test_list_goes_on_behind_the_last_number(as_admin, account):
    PhoneNumberFactory.create_batch(51, account=account)
    first = as_admin.get(LIST)
    second = as_admin.get(LIST, {"after": first.context["next_after"]})
    assert (len(first.context["rows"]), len(second.context["rows"])) == (50, 1)
    assert second.context["next_after"] == ""


def test_pages_say_that_a_registration_removes_no_label(as_admin, numbers):
    page = get_html(as_admin.get(LIST))
    assert "It removes no label" in page
    for address in (LIST, f"{SEND}?number={numbers[0].pk}", ANSWER, GIVEN_UP):
        assert "whitelist" not in get_html(as_admin.get(address)).lower()


def test_number_page_shows_its_registrations(as_viewer, account, numbers, context):
    send(account, numbers[:1], context)
    page = get_html(as_viewer.get(reverse("number", args=[numbers[0].pk])))
    assert f'<a href="{LIST}?q=%2B' in page
    assert "First Orion</strong><span" in page.replace("> <", "><")
    assert "Not registered with any engine." in get_html(as_viewer.get(reverse("number", args=[numbers[1].pk])))


def test_question_comes_first(as_admin, numbers):
    page = get_html(as_admin.get(SEND, {"number": [number.pk for number in numbers]}))
    assert "Register 3 numbers" in page
    assert "Do they answer with your business" in page
    assert "Not verified" in page
    assert "https://www.freecallerregistry.com/fcr/" in page
    answer = post(as_admin, numbers, "sheet", answers="")
    assert "then say whether they answer with the name" in get_html(answer)
    assert "I sent it" not in get_html(answer)


@pytest.mark.parametrize(
    ("data", "message"),
    [({"answers": "some"}, "Name those that do not."), ({"answers": "all", "first": True}, "Choose the other answer")],
)
def test_question_and_named_numbers_have_to_agree(as_admin, numbers, data, message):
    if data.pop("first", False):
        data["without_name"] = [numbers[0].pk]
    assert message in get_html(post(as_admin, numbers, "sheet", **data))


def test_number_without_the_name_is_named_with_the_reason_and_left_out(as_admin, account, numbers, business):
    answers = {"answers": "some", "without_name": [numbers[0].pk]}
    page = get_html(post(as_admin, numbers, "sheet", **answers))
    assert "Send 2 numbers to Free Caller Registry" in page
    assert f"and is left out:</strong> {numbers[0]}." in page
    assert "It may refuse one that does not answer with the name" in page
    record(as_admin, numbers, **answers)
    assert get_states(numbers[0]) == {}
    assert get_states(numbers[1])["hiya"] == "sent"


def test_number_without_the_name_can_be_sent_and_stays_marked(as_admin, numbers, business):
    record(as_admin, numbers, answers="some", without_name=[numbers[0].pk], unnamed="send")
    assert get_states(numbers[0])["hiya"] == "sent"
    assert get_html(as_admin.get(LIST)).count("Does not answer with your name.") == 1


def test_sheet_has_ten_digits_and_a_second_column(as_admin, numbers, business):
    answer = post(as_admin, numbers, "file")
    lines = answer.content.decode().splitlines()
    assert lines[0] == "phone number,business name"
    assert lines[1:] == [f"{number.e164[2:]},Cascade" for number in numbers]
    assert "attachment" in answer.headers["Content-Disposition"]


def test_up_to_twenty_numbers_can_be_typed(as_admin, account, numbers, business):
    page = get_html(post(as_admin, numbers, "sheet"))
    assert f"{numbers[0].e164[2:]}, {numbers[1].e164[2:]}" in page
    assert "8,400" in page or "1,001 to 10,000" in page
    more = PhoneNumberFactory.create_batch(21, account=account)
    page = get_html(post(as_admin, more, "sheet"))
    assert "More than 20 numbers go as a spreadsheet" in page


def test_missing_data_is_named_first(as_admin, numbers):
    page = get_html(post(as_admin, numbers, "sheet"))
    assert page.index("Missing: the desk asks for it.") < page.index("1. Fill in the form")
    assert "The enrollment form does not name: legal business name" in page


def test_note_keeps_the_exact_text_and_file(as_admin, admin, numbers, business):
    response = record(as_admin, numbers)
    letter = DeskLetter.objects.get()
    assert response.headers["Location"] == reverse("desk-registration-letter", args=[letter.pk])
    assert (letter.text, letter.attested_by, letter.mailbox) == ("Typed", "Ada Park", "ada@cascade.example")
    assert letter.file_content == post_file(as_admin, letter)
    assert letter.sent_by == admin.user
    page = get_html(as_admin.get(reverse("desk-registration-letter", args=[letter.pk])))
    assert "3 numbers" in page
    assert str(numbers[2]) in page


def post_file(client, letter) -> str:
    return client.get(reverse("desk-registration-letter-file", args=[letter.pk])).content.decode()


def test_list_keeps_letters_after_numbers_are_sent_again(as_admin, account, numbers, context):
    first = send(account, numbers, context)
    DeskRegistration.objects.update(state="refused")
    second = send(account, numbers, context)
    assert list(as_admin.get(LIST).context["letters"]) == [second, first]


def test_second_note_changes_nothing(as_admin, numbers, business):
    record(as_admin, numbers)
    response = post(as_admin, numbers, "record", text="Typed", attested_by="Ada", mailbox="a@example.com")
    assert "None of these numbers can be sent" in messages_in(as_admin.get(response.headers["Location"]))
    assert DeskLetter.objects.count() == 1


def test_note_about_other_numbers_than_those_shown_is_refused(as_admin, numbers, business):
    note = {"text": "Typed", "attested_by": "Ada Park", "mailbox": "ada@cascade.example", "digest": "0" * 16}
    page = get_html(post(as_admin, numbers, "record", **note))
    assert "The numbers have changed since this page was shown." in page
    assert 'value="Ada Park"' in page
    assert not DeskLetter.objects.exists()


def test_all_that_match_are_sent_and_refused_ones_are_not_sent_again(as_admin, account, numbers, context, business):
    send(account, numbers[:1], context)
    tns = Engine.objects.get(slug="tns")
    registration_answers.record_answer(account, tns, [numbers[0].pk], state="refused", text="No.", context=context)
    page = get_html(as_admin.get(SEND, {"all": "1"}))
    assert "Register 2 numbers" in page
    assert "1 of the chosen numbers cannot be sent" in page
    assert "Register 1 number" in get_html(as_admin.get(SEND, {"all": "1", "engine": "tns", "state": "refused"}))


def test_typed_numbers_without_the_name_are_read_line_by_line(as_admin, account, business):
    many = PhoneNumberFactory.create_batch(60, account=account)
    data = {"all": "1", "answers": "some", "without_name": f"{many[0]}\nnonsense\n+12069990000"}
    page = get_html(post(as_admin, [], "sheet", **data))
    assert "Line 2, “nonsense”" in page
    assert "Line 3: +12069990000 is not in this account." in page
    page = get_html(post(as_admin, [], "sheet", **data | {"without_name": str(many[0])}))
    assert "Send 59 numbers" in page


def test_answer_of_an_engine_is_recorded_for_pasted_numbers(as_admin, account, numbers, context):
    send(account, numbers, context)
    text = f"{numbers[0]}\n{numbers[1].e164}"
    data = {"from_engine": "hiya", "numbers": text, "answer": "confirmed", "text": "Welcome.\n"}
    response = as_admin.post(ANSWER, data)
    assert messages_in(as_admin.get(response.headers["Location"])) == "The answer of Hiya about 2 numbers is noted."
    assert get_states(numbers[0]) == {"first-orion": "sent", "hiya": "confirmed", "tns": "sent"}
    assert numbers[0].desk_registrations.get(engine__slug="hiya").reply == "Welcome.\n"
    response = as_admin.post(ANSWER, data)
    assert "Nothing was changed" in messages_in(as_admin.get(response.headers["Location"]))


def test_answer_is_recorded_for_all_that_match(as_admin, account, numbers, context):
    send(account, numbers, context)
    choice = {"all": "1", "engine": "tns", "state": "sent"}
    assert "For all 3 numbers that you chose." in get_html(as_admin.get(ANSWER, choice))
    as_admin.post(ANSWER, choice | {"from_engine": "tns", "answer": "proof_asked", "text": "Prove it."})
    assert {get_states(number)["tns"] for number in numbers} == {"proof_asked"}


def test_ticked_numbers_are_filled_in(as_admin, numbers):
    form = as_admin.get(ANSWER, {"number": [numbers[0].pk, numbers[1].pk], "engine": "tns"}).context["form"]
    assert form["numbers"].value().splitlines() == [str(numbers[0]), str(numbers[1])]
    assert form["from_engine"].value() == "tns"


def test_wrong_answer_keeps_what_was_typed_and_changes_nothing(as_admin, account, numbers, context):
    send(account, numbers[:1], context)
    data = {"from_engine": "tns", "numbers": f"{numbers[0]}\nabc", "answer": "confirmed", "text": "Fine."}
    page = get_html(as_admin.post(ANSWER, data))
    assert "Line 2, “abc”" in page
    assert "Fine." in page
    page = get_html(as_admin.post(ANSWER, data | {"numbers": str(numbers[1])}))
    assert "1 number of these were never sent to TNS" in page
    assert get_states(numbers[0])["tns"] == "sent"


def test_numbers_given_up_are_deregistered(as_admin, account, numbers, context):
    send(account, numbers, context)
    phone_numbers.remove([numbers[0].pk, numbers[1].pk], context=context)
    page = get_html(as_admin.get(GIVEN_UP))
    assert "Hiya: 2 numbers" in page
    content = as_admin.get(reverse("desk-registrations-given-up-file"), {"engine": "hiya"}).content.decode()
    assert content.splitlines() == ["phone number", numbers[0].e164[2:], numbers[1].e164[2:]]
    group = next(one for one in as_admin.get(GIVEN_UP).context["groups"] if one["engine"].slug == "hiya")
    data = {"engine": "hiya", "digest": group["digest"]}
    as_admin.post(reverse("desk-registrations-withdraw"), data)
    assert get_states(PhoneNumber.objects.get(pk=numbers[0].pk)) == {
        "first-orion": "sent",
        "hiya": "withdrawn",
        "tns": "sent",
    }
    response = as_admin.post(reverse("desk-registrations-withdraw"), data)
    assert "has changed" in messages_in(as_admin.get(response.headers["Location"]))


def test_unknown_engine_is_not_found(as_admin):
    assert as_admin.get(reverse("desk-registrations-given-up-file"), {"engine": "nobody"}).status_code == 404
    assert as_admin.post(reverse("desk-registrations-withdraw"), {"engine": "nobody"}).status_code == 404


def test_numbers_and_letters_of_another_account_stay_unknown(as_admin, context, business):
    foreign = PhoneNumberFactory(account=AccountFactory())
    letter = send(foreign.account, [foreign], context)
    assert as_admin.get(reverse("desk-registration-letter", args=[letter.pk])).status_code == 404
    assert as_admin.get(reverse("desk-registration-letter-file", args=[letter.pk])).status_code == 404
    response = post(as_admin, [foreign], "record", text="Typed", attested_by="Ada", mailbox="a@example.com")
    assert response.headers["Location"] == LIST
    data = {"from_engine": "hiya", "numbers": foreign.e164, "answer": "confirmed", "text": "Fine."}
    assert "is not in this account" in get_html(as_admin.post(ANSWER, data))
    assert foreign.e164 not in get_html(as_admin.get(GIVEN_UP))


def test_without_a_desk_the_page_says_so(as_admin, numbers):
    Desk.objects.update(registers=False)
    assert "No desk takes registrations" in get_html(as_admin.get(LIST))
    response = as_admin.get(SEND, {"number": numbers[0].pk})
    assert "No desk takes registrations" in messages_in(as_admin.get(response.headers["Location"]))


@pytest.mark.parametrize("count", [1, 40])
def test_pages_have_a_fixed_number_of_queries(
    as_admin, account, context, business, django_assert_max_num_queries, count
):
    sent, unsent = (PhoneNumberFactory.create_batch(count, account=account) for _ in range(2))
    send(account, sent, context)
    left = [number.pk for number in unsent]
    with django_assert_max_num_queries(16):
        as_admin.get(LIST)
    with django_assert_max_num_queries(12):
        as_admin.get(SEND, {"number": left})
    with django_assert_max_num_queries(13):
        as_admin.post(SEND, {"number": left, "step": "sheet", "answers": "all", "unnamed": "send"})
    with django_assert_max_num_queries(9):
        as_admin.get(GIVEN_UP)


def test_viewer_is_offered_nothing_to_change(as_viewer, account, numbers, context):
    send(account, numbers[:1], context)
    phone_numbers.remove([numbers[0].pk], context=context)
    page = get_html(as_viewer.get(LIST))
    assert SEND not in page
    assert ANSWER not in page
    assert "I told Hiya to delete these" not in get_html(as_viewer.get(GIVEN_UP))


def test_remediation_desk_leads_to_the_registrations(as_viewer):
    assert f'href="{LIST}"' in get_html(as_viewer.get(reverse("desks")))
