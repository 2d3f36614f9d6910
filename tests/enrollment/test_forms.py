"""Section 1, business information: what is taken, how it is stored, and what is refused in which words."""

import pytest

from enrollment.forms import BusinessForm, get_form_errors
from enrollment.validators import SSN_PLACEHOLDER
from tests.enrollment import form_data


def clean_form(**changed):
    form = BusinessForm(form_data.business_data(**changed))
    assert form.is_valid(), form.errors
    return form.cleaned_data


def field_error(field, text):
    form = BusinessForm(form_data.business_data(**{field: text}))
    assert not form.is_valid()
    assert list(form.errors) == [field]
    return form.errors[field][0]


def test_it_works():
    assert clean_form()["legal_name"] == "Cascade Solar LLC"


@pytest.mark.parametrize("text", ["91-1234567", "911234567", " 91-1234567 ", "91–1234567"])
def test_an_ein_is_stored_in_one_form(text):
    assert clean_form(ein=text)["ein"] == "91-1234567"


@pytest.mark.parametrize("text", ["9-11234567", "91-123456", "91-12345678", "91 1234567", "ab-1234567", "９1-1234567x"])
def test_what_has_not_the_form_of_an_ein_is_refused(text):
    assert "write it as 12-3456789" in field_error("ein", text)


@pytest.mark.parametrize("text", ["123-45-6789", "123 45 6789", " 123-45-6789 ", SSN_PLACEHOLDER])
def test_a_social_security_number_is_refused_with_words(text):
    assert "Social Security number" in field_error("ein", text)


def test_an_ein_with_a_prefix_never_issued_is_taken():
    assert clean_form(ein="00-1234567")["ein"] == "00-1234567"


@pytest.mark.parametrize("text", ["98101", "98101-1234"])
def test_a_zip_code_has_five_digits_or_nine(text):
    assert clean_form(zip_code=text)["zip_code"] == text


@pytest.mark.parametrize("text", ["9810", "981011234", "V5K 0A1", "98101-12"])
def test_another_zip_code_is_refused(text):
    assert "five digits" in field_error("zip_code", text)


@pytest.mark.parametrize("state", ["WA", "DC", "PR", "VI", "GU", "AS", "MP"])
def test_states_the_district_and_territories_can_be_chosen(state):
    assert clean_form(state=state)["state"] == state


def test_a_province_of_canada_cannot_be_chosen():
    assert field_error("state", "BC") == "Choose one of the list."


def test_a_website_without_scheme_is_read_as_https():
    assert clean_form(website="www.cascadesolar.example")["website"] == "https://www.cascadesolar.example"


@pytest.mark.parametrize("text", ["http://cascadesolar.example", "ftp://cascadesolar.example", "javascript:alert(1)"])
def test_a_website_that_is_not_https_is_refused(text):
    assert "https://" in field_error("website", text)


def test_a_phone_is_stored_as_e164_and_shown_in_national_format():
    form = BusinessForm(form_data.business_data(contact_phone="206.555.0143"))
    assert form.is_valid()
    assert form.cleaned_data["contact_phone"] == "+12065550143"
    assert form.get_display_value("contact_phone") == "(206) 555-0143"


@pytest.mark.parametrize("text", ["call me", "555-0143", "(206) 555-0143 ext. 4"])
def test_what_is_no_phone_number_is_refused(text):
    assert field_error("contact_phone", text)


def test_a_number_is_read_as_people_write_it():
    assert clean_form(calls_per_day="12,500")["calls_per_day"] == 12_500


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "many", "1,5"])
def test_counts_are_whole_numbers_above_zero(text):
    assert "Write a" in field_error("calls_per_day", text)


def test_an_empty_form_names_every_field_that_is_missing_and_leads_to_it():
    control_ids = [error.control_id for error in get_form_errors(BusinessForm({}))]
    assert "id_legal_name" in control_ids
    assert "id_on_behalf_0" in control_ids
    assert "id_trade_name" not in control_ids
