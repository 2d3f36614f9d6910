"""The form of business information: accepted values, how they are stored, and error messages."""

import csv
from pathlib import Path

import pytest
from django.urls import reverse

from enrollment.forms import BusinessForm, PracticesForm, ReplyForm, SubmitForm, get_form_errors
from portal.audit import Context
from tests.enrollment import form_data
from tests.support.pages import get_html

# What people type, by field, and what the page shows before it is sent.
SHOWN_AS = {
    "206-555-0143 x12": "(206) 555-0143 ext. 12",
    "(206) 555-0143 ext. 12": "(206) 555-0143 ext. 12",
    "12-345-6789": "123456789",
    "981011234": "98101-1234",
    "HTTPS://WWW.HARBORDENTAL.EXAMPLE": "https://www.harbordental.example",
    "12 3456789": "12-3456789",
    "3M": "3M",
}
with (Path(__file__).parent / "cases" / "handed-over.csv").open(encoding="utf-8") as file:
    HANDED_OVER = [(row["field"], row["typed"]) for row in csv.DictReader(file)]


def clean_form(**changed):
    form = BusinessForm(form_data.business_data(**changed))
    assert form.is_valid(), form.errors
    return form.cleaned_data


def field_error(field, text):
    form = BusinessForm(form_data.business_data(**{field: text}))
    assert not form.is_valid()
    assert list(form.errors) == [field]
    return form.errors[field][0]


def test_complete_form_is_valid():
    assert clean_form()["legal_name"] == "Cascade Solar LLC"


@pytest.mark.django_db
@pytest.mark.parametrize(("field", "typed"), HANDED_OVER)
def test_what_people_hand_over_is_taken_and_shown_tidied(as_admin, account, actor, now, field, typed):
    form_data.create_draft(account, Context(actor, now), **{field: typed})
    html = get_html(as_admin.get(reverse("enrollment-check")))
    assert f">{SHOWN_AS[typed]}</dd>" in html
    assert "Send for review" in html


@pytest.mark.parametrize(
    "text",
    ["91-1234567", "911234567", " 91-1234567 ", "91–1234567", "91 1234567", "91 - 1234567", "91.1234567",
     "91\u00a01234567", "\u200e91-123-4567", "９１-1234567"],
)  # fmt: skip
def test_ein_is_stored_in_one_format(text):
    assert clean_form(ein=text)["ein"] == "91-1234567"


@pytest.mark.parametrize("text", ["91-123456", "91-12345678", "ab-1234567", "９1-1234567x", "-"])
def test_malformed_ein_is_refused(text):
    assert "write it as 12-3456789" in field_error("ein", text)


@pytest.mark.parametrize(
    "text",
    [
        "123-45-6789",
        "123 45 6789",
        " 123-45-6789 ",
        "123.45.6789",
        "123 - 45 - 6789",
        "123-\u200b45-6789",
        "***-**-****",
    ],
)
def test_social_security_number_is_refused_with_the_reason(text):
    assert "Social Security number" in field_error("ein", text)


def test_ein_with_a_prefix_never_issued_is_accepted():
    assert clean_form(ein="00-1234567")["ein"] == "00-1234567"


@pytest.mark.parametrize("text", ["123456789", "12-345-6789", "12 345 6789", "12–345–6789", " 12-345-6789\u200f"])
def test_a_duns_number_is_stored_as_digits(text):
    assert clean_form(duns=text)["duns"] == "123456789"


@pytest.mark.parametrize("text", ["12345678", "1234567890", "DUNS", "12-345-678X"])
def test_what_is_no_duns_number_is_refused(text):
    assert "nine digits" in field_error("duns", text)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("98101", "98101"),
        ("98101-1234", "98101-1234"),
        ("981011234", "98101-1234"),
        ("98101 1234", "98101-1234"),
        ("98101 – 1234", "98101-1234"),
    ],
)
def test_zip_code_with_five_or_nine_digits_is_accepted(text, stored):
    assert clean_form(zip_code=text)["zip_code"] == stored


@pytest.mark.parametrize("text", ["9810", "9810-11234", "9810112345", "V5K 0A1", "98101-12"])
def test_malformed_zip_code_is_refused(text):
    assert "five digits" in field_error("zip_code", text)


@pytest.mark.parametrize("state", ["WA", "DC", "PR", "VI", "GU", "AS", "MP"])
def test_states_the_district_and_territories_can_be_chosen(state):
    assert clean_form(state=state)["state"] == state


def test_a_province_of_canada_cannot_be_chosen():
    assert field_error("state", "BC") == "Choose one of the list."


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("www.cascadesolar.example", "https://www.cascadesolar.example"),
        ("HTTPS://WWW.CascadeSolar.example", "https://www.cascadesolar.example"),
        ("//cascadesolar.example", "https://cascadesolar.example"),
        ("cascadesolar.example/About//Us?a=https://b", "https://cascadesolar.example/About//Us?a=https://b"),
        ("cascadesolar.example:8443", "https://cascadesolar.example:8443"),
        ("\u200bcascadesolar.example ", "https://cascadesolar.example"),
    ],
)
def test_a_website_is_stored_with_https_and_its_host_in_small_letters(text, stored):
    assert clean_form(website=text)["website"] == stored


@pytest.mark.parametrize(
    "text",
    ["http://cascadesolar.example", "ftp://cascadesolar.example", "javascript:alert(1)", "mailto:x@y.example",
     "dana@cascadesolar.example", "https://", "https://[", "our site"],
)  # fmt: skip
def test_a_website_that_is_not_https_is_refused(text):
    assert "https://" in field_error("website", text)


def test_a_phone_is_stored_as_e164_and_shown_in_national_format():
    form = BusinessForm(form_data.business_data(contact_phone="206.555.0143"))
    assert form.is_valid()
    assert form.cleaned_data["contact_phone"] == "+12065550143"
    assert form.get_display_value("contact_phone") == "(206) 555-0143"


@pytest.mark.parametrize(
    "text",
    ["206-555-0143 x12", "(206) 555-0143 ext. 12", "206.555.0143 extension 12", "206-555-0143x12", "2065550143 #12",
     "+1 206 555 0143;ext=12", "206-555-0143, Ext: 12", "(206) 555\u20110143\u00a0x\u200b12"],
)  # fmt: skip
def test_a_phone_is_taken_with_its_extension(text):
    form = BusinessForm(form_data.business_data(contact_phone=text))
    assert form.is_valid(), form.errors
    assert form.cleaned_data["contact_phone"] == "+12065550143;ext=12"
    assert form.get_display_value("contact_phone") == "(206) 555-0143 ext. 12"


def test_the_letters_of_a_vanity_number_are_no_extension():
    assert clean_form(contact_phone="1-800-GO-FEDEX")["contact_phone"] == "+18004633339"


@pytest.mark.parametrize("text", ["call me", "555-0143", "ext. 12", "555-0143 x12", "206-555-0143 or 206-555-0144"])
def test_invalid_phone_number_is_refused(text):
    assert field_error("contact_phone", text)


def test_number_with_thousands_separator_is_accepted():
    assert clean_form(calls_per_day="12,500")["calls_per_day"] == 12_500


@pytest.mark.parametrize("name", ["3M", "X", "Ø", "7-Eleven, Inc.", "  3M\u200b  "])
def test_a_short_name_is_a_name(name):
    assert clean_form(legal_name=name)["legal_name"] == name.strip(" \u200b")


@pytest.mark.parametrize("name", ["-", "...", "?!"])
def test_a_name_without_a_letter_or_digit_is_refused(name):
    assert "at least one letter or digit" in field_error("legal_name", name)


@pytest.mark.parametrize(
    "text", ["dana@cascadesolar.example", "Dana Reyes <dana@cascadesolar.example>", "mailto:dana@cascadesolar.example"]
)
def test_an_email_address_is_read_as_people_copy_it(text):
    assert clean_form(contact_email=text)["contact_email"] == "dana@cascadesolar.example"


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "many", "1,5"])
def test_counts_are_whole_numbers_above_zero(text):
    assert "Write a" in field_error("calls_per_day", text)


def test_empty_form_lists_the_missing_fields_with_their_controls():
    control_ids = [error.control_id for error in get_form_errors(BusinessForm({}))]
    assert "id_legal_name" in control_ids
    assert "id_on_behalf_0" in control_ids
    assert "id_trade_name" not in control_ids


def test_every_message_is_the_portals_own():
    forms = [
        BusinessForm(dict.fromkeys(BusinessForm.base_fields, "x" * 6000)),
        BusinessForm({"calls_per_day": "999999999999", "number_count": "1e9", "contact_email": "a@b"}),
        PracticesForm(
            form_data.stored_answers(calling_hours="maybe", attempt_limits="no", note_attempt_limits="x" * 1_001),
            check=True,
        ),
        SubmitForm({"signed_by": "x" * 121, "application": "x"}),
        ReplyForm({"reply": "x" * 4_001, "application": "1", "revision": ""}),
    ]  # fmt: skip
    frameworks = ("Ensure this value", "Enter a", "This field", "Select a valid", "Null characters")
    messages = [error.message for form in forms for error in get_form_errors(form)]
    assert len(messages) > 30
    assert not [message for message in messages if message.startswith(frameworks)]
    assert "This has 121 characters. Shorten it to at most 120." in messages


@pytest.mark.parametrize("answer", ["no", "not_applicable"])
def test_a_note_belongs_to_a_no_or_to_what_does_not_apply(answer):
    form = PracticesForm(form_data.stored_answers(calling_hours=answer, note_calling_hours="Sales only."), check=True)
    assert form.is_valid()
    assert form.get_answers()["calling_hours"]["note"] == "Sales only."


@pytest.mark.parametrize("note", ["We call businesses only.", "x" * 1_001])
def test_a_reason_typed_under_another_answer_is_not_submitted_under_yes(note):
    form = PracticesForm(form_data.stored_answers(calling_hours="yes", note_calling_hours=note), check=True)
    assert form.is_valid(), form.errors
    assert form.get_answers()["calling_hours"]["note"] == ""
