"""What the answers mean, for the applicant before sending and for the reviewer.

Specification: "If you answer No to multiple questions, the service may be unable to assist." The other checks are our
own judgement. They suggest a decision and never take one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from stdnum.us import ein

from enrollment.choices import MAX_EMPLOYEES, SALES_USE_CASES, OnBehalf
from enrollment.models import Application
from enrollment.questions import QUESTIONS, Answer, Question, Severity
from enrollment.snapshot import get_answers, get_business_values

MULTIPLE_NO_ANSWERS = 2
MAX_CALLS_PER_EMPLOYEE = 1_000
PO_BOX_PATTERN = re.compile(r"\b(p\.?\s*o\.?\s*box|post\s+office\s+box|pmb)\b", re.IGNORECASE)
FREE_EMAIL_DOMAINS = frozenset(
    {"gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "aol.com", "icloud.com", "proton.me"}
)

AnswersById = Mapping[str, Mapping[str, str]]
BusinessValues = Mapping[str, Any]


@dataclass(frozen=True)
class NoAnswer:
    """A practice answered with No, with the applicant's plan to correct it."""

    question: Question
    corrective_plan: str


@dataclass(frozen=True)
class Suggestion:
    """A decision suggested to the reviewer."""

    state: str
    reason: str


@dataclass(frozen=True)
class Assessment:
    answered_count: int
    question_count: int
    no_answers: tuple[NoAnswer, ...]
    warnings: tuple[str, ...]

    @property
    def blocking_count(self) -> int:
        return self._count_by_severity(Severity.BLOCKING)

    @property
    def serious_count(self) -> int:
        return self._count_by_severity(Severity.SERIOUS)

    def _count_by_severity(self, severity: Severity) -> int:
        return sum(no.question.severity == severity for no in self.no_answers)

    @property
    def has_multiple_no_answers(self) -> bool:
        return len(self.no_answers) >= MULTIPLE_NO_ANSWERS

    @property
    def most_severe_question(self) -> Question | None:
        return self.no_answers[0].question if self.no_answers else None

    @property
    def headline(self) -> str:
        """How many practices are answered with No. Empty for none."""
        count = len(self.no_answers)
        if not count:
            return ""
        return f"{count} practice{'s are' if count > 1 else ' is'} answered with No."

    @property
    def advice(self) -> str:
        """What the No answers mean for the applicant. Empty for none."""
        if self.has_multiple_no_answers:
            return (
                "With several, the service may be unable to help: labels come back as long as the practices go on. "
                "Mending this first helps most:"
            )
        return "Labels may come back as long as it goes on. What helps:" if self.no_answers else ""

    @property
    def suggestion(self) -> Suggestion:
        """The decision that our guidance suggests."""
        state = Application.State
        if any(no.question.severity == Severity.BLOCKING and not no.corrective_plan for no in self.no_answers):
            return Suggestion(state.REJECTED, "A practice that blocks remediation is answered No, without a plan.")
        if self.blocking_count or self.serious_count:
            return Suggestion(state.MORE_INFORMATION, "Ask for a dated plan for each practice answered No.")
        if self.warnings:
            return Suggestion(state.MORE_INFORMATION, "The answers are good; something about the business is unclear.")
        return Suggestion(state.APPROVED, "Nothing stands out. Compare name, EIN and address with a public register.")


def assess(answers: AnswersById, business: BusinessValues) -> Assessment:
    """Assess a draft or a snapshot: `answers` maps ids to {answer, note}, `business` maps field names to values.

    The No answers are sorted by severity, the most severe first, then by their order in the form.
    """
    noes = [
        NoAnswer(question, answers[question.id].get("note", "").strip())
        for question in QUESTIONS
        if answers.get(question.id, {}).get("answer") == Answer.NO
    ]
    noes.sort(key=lambda no: list(Severity).index(no.question.severity))
    return Assessment(
        answered_count=sum(answers.get(question.id, {}).get("answer") in Answer.values for question in QUESTIONS),
        question_count=len(QUESTIONS),
        no_answers=tuple(noes),
        warnings=tuple(warning for check in WARNING_CHECKS if (warning := check(answers, business))),
    )


def assess_submitted(application: Application) -> Assessment:
    return assess(get_answers(application.snapshot), get_business_values(application.snapshot))


def assess_draft(application: Application) -> Assessment:
    return assess(application.answers, application.business)


def _check_ein_prefix(answers: AnswersById, business: BusinessValues) -> str:
    number = str(business.get("ein", ""))
    if re.fullmatch(r"\d{2}-\d{7}", number) and not ein.is_valid(number):
        return f"No EIN beginning with {number[:2]} was known to be issued. Compare it with the IRS letter."
    return ""


def _check_po_box(answers: AnswersById, business: BusinessValues) -> str:
    if PO_BOX_PATTERN.search(str(business.get("street", ""))):
        return "The address is a P.O. box or a private mailbox. Ask for the place of business."
    return ""


def _check_calls_per_employee(answers: AnswersById, business: BusinessValues) -> str:
    employees, calls = MAX_EMPLOYEES.get(business.get("employees", "")), business.get("calls_per_day")
    if employees and isinstance(calls, int) and calls > employees * MAX_CALLS_PER_EMPLOYEE:
        return (
            f"{calls:,} calls a day: more than {MAX_CALLS_PER_EMPLOYEE:,} for each of at most {employees:,} employees."
        )
    return ""


def _check_email_domain(answers: AnswersById, business: BusinessValues) -> str:
    mail = str(business.get("contact_email", "")).rpartition("@")[2].lower()
    site = (urlsplit(str(business.get("website", ""))).hostname or "").removeprefix("www.")
    if not mail or not site or mail == site or mail.endswith(f".{site}") or site.endswith(f".{mail}"):
        return ""
    if mail in FREE_EMAIL_DOMAINS:
        return f"The contact's address is at {mail}, which anyone can have, and not at {site}."
    return f"The contact's address is at {mail}, the website at {site}."


def _check_calls_for_others(answers: AnswersById, business: BusinessValues) -> str:
    if business.get("on_behalf") == OnBehalf.OTHERS:
        return "It calls for other businesses. Ask for each client's letter of authorization."
    return ""


def _check_dnc_exemption(answers: AnswersById, business: BusinessValues) -> str:
    scrub = answers.get("national_dnc_scrub", {}).get("answer")
    if business.get("use_case") in SALES_USE_CASES and scrub == Answer.NOT_APPLICABLE:
        return "The calls sell, yet the Do Not Call Registry is said not to apply. Ask which exemption it is."
    return ""


def _check_name_length(answers: AnswersById, business: BusinessValues) -> str:
    if len(str(business.get("legal_name", ""))) > 64:
        return "The legal name is longer than the 64 characters that some engines take."
    return ""


# Each returns a warning for the reviewer, or an empty string.
WARNING_CHECKS: tuple[Callable[[AnswersById, BusinessValues], str], ...] = (
    _check_ein_prefix,
    _check_name_length,
    _check_po_box,
    _check_email_domain,
    _check_calls_for_others,
    _check_calls_per_employee,
    _check_dnc_exemption,
)
