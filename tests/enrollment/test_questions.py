"""Each question is complete, with a law and a corrective action."""

import re

import pytest

from enrollment.questions import QUESTIONS, QUESTIONS_BY_ID, Severity

LAW = re.compile(r"(47 CFR 64\.\d+|16 CFR 310\.\d|47 U\.S\.C\. 227|12 CFR 1006)")


def test_there_is_one_question_for_each_id():
    assert len(QUESTIONS_BY_ID) == len(QUESTIONS) == 18


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)
class TestEachQuestion:
    def test_states_its_purpose_and_its_law(self, question):
        assert question.why.endswith(".")
        assert LAW.search(question.law)

    def test_has_a_corrective_action_and_a_name_of_the_practice(self, question):
        assert question.corrective_action.endswith(".")
        assert question.practice[0].islower() or question.practice.startswith("the")

    def test_has_a_wording_version_and_the_month_when_the_law_was_checked(self, question):
        assert question.wording
        assert re.fullmatch(r"20\d\d-(0\d|1[0-2])", question.law_checked)

    def test_is_worded_so_that_yes_is_the_good_answer(self, question):
        assert question.text.rstrip(")").rstrip(".").endswith(("?", "none", "one"))

    def test_has_a_severity(self, question):
        assert question.severity in Severity


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("consent", "consent_for_automated"),
        ("the registry at least every 31 days", "national_dnc_scrub"),
        ("opt-out honoured", "stop_requests_10_days"),
        ("8 to 21 o'clock of the called person", "calling_hours"),
        ("abandoned calls at most 3 %", "abandoned_calls_3pct"),
        ("a caller ID that is called back and answered", "caller_id_shown_and_answered"),
        ("no spoofing", "caller_id_not_misleading"),
        ("reassigned numbers", "reassigned_number_check"),
        ("calls per number and day", "attempt_limits"),
        ("records kept", "records_kept"),
    ],
)
def test_each_required_topic_has_a_question(topic, name):
    assert name in QUESTIONS_BY_ID


def test_questions_about_optional_practices_say_when_to_answer_yes():
    for name in ("consent_for_automated", "lead_source_proof", "recorded_or_ai_voice_rules", "abandoned_calls_3pct"):
        assert "(Yes if you" in QUESTIONS_BY_ID[name].text
