"""What the answers mean: for the applicant before sending, and beside the answers for the reviewer.

The specification: "If you answer No to multiple questions, the service may be unable to assist." What else counts is
our judgement; it suggests and never decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from stdnum.us import ein

from enrollment.business import MAX_EMPLOYEES, SALES_USE_CASES, OnBehalf
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
    """A practice answered with No; `plan` is what the applicant says will be done about it."""

    question: Question
    plan: str


@dataclass(frozen=True)
class Suggestion:
    to: str
    because: str


@dataclass(frozen=True)
class Assessment:
    answered: int
    asked: int
    no_answers: tuple[NoAnswer, ...]
    warnings: tuple[str, ...]

    @property
    def blocks(self) -> int:
        return self._weighing(Severity.BLOCK)

    @property
    def hard(self) -> int:
        return self._weighing(Severity.HARD)

    def _weighing(self, weight: Severity) -> int:
        return sum(no.question.weight == weight for no in self.no_answers)

    @property
    def is_several(self) -> bool:
        return len(self.no_answers) >= MULTIPLE_NO_ANSWERS

    @property
    def first_to_mend(self) -> Question | None:
        """Of the practices answered with No, the one that weighs most."""
        return self.no_answers[0].question if self.no_answers else None

    @property
    def headline(self) -> str:
        """1 practice is answered with No. / 3 practices are ... Empty for none."""
        count = len(self.no_answers)
        if not count:
            return ""
        return f"{count} practice{'s are' if count > 1 else ' is'} answered with No."

    @property
    def sentence(self) -> str:
        """What the No answers mean for the applicant; empty for none."""
        if self.is_several:
            return (
                "With several, the service may be unable to help: labels come back as long as the practices go on. "
                "Mending this first helps most:"
            )
        return "Labels may come back as long as it goes on. What helps:" if self.no_answers else ""

    @property
    def suggestion(self) -> Suggestion:
        """What a reviewer would do by our guidance; with the reason."""
        state = Application.State
        if any(no.question.weight == Severity.BLOCK and not no.plan for no in self.no_answers):
            return Suggestion(state.REJECTED, "A practice that blocks remediation is answered No, without a plan.")
        if self.blocks or self.hard:
            return Suggestion(state.MORE_INFORMATION, "Ask for a dated plan for each practice answered No.")
        if self.warnings:
            return Suggestion(state.MORE_INFORMATION, "The answers are good; something about the business is unclear.")
        return Suggestion(state.APPROVED, "Nothing stands out. Compare name, EIN and address with a public register.")


def assess(answers: AnswersById, business: BusinessValues) -> Assessment:
    """Of what is typed or what was sent: `answers` maps a question's id to {answer, note}, `business` names to values.

    No answers come heaviest first, and in the order of the form among equals.
    """
    noes = [
        NoAnswer(question, answers[question.id].get("note", "").strip())
        for question in QUESTIONS
        if answers.get(question.id, {}).get("answer") == Answer.NO
    ]
    noes.sort(key=lambda no: list(Severity).index(no.question.weight))
    return Assessment(
        answered=sum(answers.get(question.id, {}).get("answer") in Answer.values for question in QUESTIONS),
        asked=len(QUESTIONS),
        no_answers=tuple(noes),
        warnings=tuple(sentence for doubt in WARNING_CHECKS if (sentence := doubt(answers, business))),
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
    employees, calls = MAX_EMPLOYEES.get(business.get("employees")), business.get("calls_per_day")
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


# Each looks at one thing that makes a reviewer ask, and says it in a sentence; none of them refuses anything.
WARNING_CHECKS: tuple[Callable[[AnswersById, BusinessValues], str], ...] = (
    _check_ein_prefix,
    _check_name_length,
    _check_po_box,
    _check_email_domain,
    _check_calls_for_others,
    _check_calls_per_employee,
    _check_dnc_exemption,
)
