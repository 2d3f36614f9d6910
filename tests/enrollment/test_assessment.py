"""Assessment of the answers, for the applicant and the reviewer."""

import pytest

from enrollment.assessment import assess
from enrollment.forms import BusinessForm
from enrollment.questions import QUESTIONS, Severity
from tests.enrollment import form_data


def assess_form(business=None, **given):
    form = BusinessForm(form_data.business_data(**(business or {})))
    assert form.is_valid(), form.errors
    return assess(form_data.stored_answers(**given), form.cleaned_data)


def test_all_yes_gives_no_warning_and_suggests_approval():
    assessment = assess_form()
    assert (assessment.headline, assessment.advice, assessment.warnings) == ("", "", ())
    assert assessment.suggestion.state == "approved"


def test_no_answers_are_sorted_by_severity():
    assessment = assess_form(reassigned_number_check="no", attempt_limits="no", calling_hours="no")
    severities = [no.question.severity for no in assessment.no_answers]
    assert severities == [Severity.BLOCKING, Severity.SERIOUS, Severity.MINOR]
    assert assessment.most_severe_question.id == "calling_hours"
    assert (assessment.blocking_count, assessment.serious_count) == (1, 1)


def test_two_no_answers_are_several():
    assert not assess_form(calling_hours="no").has_multiple_no_answers
    several = assess_form(calling_hours="no", ring_15_seconds="no")
    assert several.has_multiple_no_answers
    assert "the service may be unable to help" in several.advice


@pytest.mark.parametrize(
    ("given", "suggested"),
    [
        ({"calling_hours": "no"}, "rejected"),
        ({"calling_hours": "no", "note_calling_hours": "From 1 March we stop at 9 p.m."}, "more_information"),
        ({"attempt_limits": "no"}, "more_information"),
        ({"reassigned_number_check": "no"}, "approved"),
        ({"national_dnc_scrub": "not_applicable", "note_national_dnc_scrub": "Businesses only."}, "approved"),
    ],
)
def test_the_reviewer_gets_a_suggestion(given, suggested):
    assert assess_form(**given).suggestion.state == suggested


@pytest.mark.parametrize(
    ("business", "word"),
    [
        ({"ein": "07-1234567"}, "No EIN beginning with 07"),
        ({"street": "P.O. Box 12"}, "P.O. box"),
        ({"street": "12 Main St PMB 4"}, "private mailbox"),
        ({"contact_email": "dana@othersolar.example"}, "othersolar.example"),
        ({"contact_email": "dana@gmail.com"}, "which anyone can have"),
        ({"on_behalf": "others"}, "letter of authorization"),
        ({"employees": "1-10", "calls_per_day": "10001"}, "10,001 calls a day"),
        ({"legal_name": "A" * 65}, "64 characters"),
    ],
)
def test_unusual_business_information_gives_a_warning_and_suggests_more_information(business, word):
    assessment = assess_form(business=business)
    assert len(assessment.warnings) == 1
    assert word in assessment.warnings[0]
    assert assessment.suggestion.state == "more_information"


@pytest.mark.parametrize(
    "business",
    [
        {"contact_email": "dana@mail.cascadesolar.example"},
        {"employees": "1-10", "calls_per_day": "10000"},
        {"employees": "10001+", "calls_per_day": "9000000"},
        {"street": "Boxwood Post Office Road 1"},
    ],
)
def test_ordinary_business_information_gives_no_warning(business):
    assert assess_form(business=business).warnings == ()


def test_sales_calls_without_registry_check_give_a_warning_about_the_exemption():
    given = {"national_dnc_scrub": "not_applicable", "note_national_dnc_scrub": "It doesn't."}
    assert "exemption" in assess_form(business={"use_case": "telemarketing"}, **given).warnings[0]


def test_incomplete_draft_can_be_assessed():
    assessment = assess({"calling_hours": {"answer": "no"}}, {"ein": "12", "calls_per_day": "many"})
    assert (assessment.answered_count, assessment.question_count) == (1, len(QUESTIONS))
