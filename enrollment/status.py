"""The state of an account's enrollment, with its words, for every page that shows it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from enrollment.models import Application
from enrollment.snapshot import get_business_values
from portal.models import Account
from portal.text import pluralize

State = Application.State
NOT_ENROLLED = "none"


@dataclass(frozen=True)
class StatusLabel:
    """The words for a state: a badge (word, tone, icon), a sentence, and the next step."""

    word: str
    tone: str
    icon: str
    sentence: str
    next_step_label: str
    next_step_url_name: str


STATUS_LABELS: dict[str, StatusLabel] = {
    NOT_ENROLLED: StatusLabel(
        "Not enrolled",
        "calm",
        "circle-minus",
        "Numbers can be monitored once a reviewer has approved your business.",
        "Enable spam monitoring and remediation",
        "enrollment-business",
    ),
    State.DRAFT: StatusLabel(
        "Not sent yet",
        "wait",
        "pencil",
        "The form is begun and saved, but not sent.",
        "Continue the enrollment form",
        "enrollment-business",
    ),
    State.SUBMITTED: StatusLabel(
        "Under review",
        "wait",
        "clock",
        "A reviewer reads it and answers{review_time}. You are told by mail and here.",
        "See what was sent",
        "enrollment-check",
    ),
    State.MORE_INFORMATION: StatusLabel(
        "More information wanted",
        "wait",
        "circle-question-mark",
        "A reviewer asks for more. Reply to the question, or change the form and send it again.",
        "Change the form and send it again",
        "enrollment-business",
    ),
    State.APPROVED: StatusLabel(
        "Enrolled",
        "good",
        "check",
        "Your business is enrolled: choose numbers and enable spam monitoring and remediation.",
        "Choose numbers",
        "number-reputation",
    ),
    State.REJECTED: StatusLabel(
        "Rejected",
        "bad",
        "triangle-alert",
        "The enrollment was rejected. Mend what is named, then apply again; what you wrote is kept.",
        "Apply again",
        "enrollment-business",
    ),
    State.REVOKED: StatusLabel(
        "Revoked",
        "bad",
        "triangle-alert",
        "The approval was taken back, and monitoring has stopped for all numbers. You may apply again.",
        "Apply again",
        "enrollment-business",
    ),
}


@dataclass(frozen=True)
class EnrollmentStatus:
    """`state` is an Application.State or NOT_ENROLLED, reached at `since`."""

    state: str
    since: datetime | None
    reason: str

    @property
    def label(self) -> StatusLabel:
        return STATUS_LABELS[self.state]

    @property
    def sentence(self) -> str:
        return self.label.sentence.format(review_time=get_review_time())

    @property
    def next_step_label(self) -> str:
        return self.label.next_step_label

    @property
    def next_step_url_name(self) -> str:
        return self.label.next_step_url_name

    @property
    def is_approved(self) -> bool:
        return self.state == State.APPROVED


def get_review_time() -> str:
    """How long a review takes, as the end of a sentence. Empty unless the operator names a time."""
    days = settings.REVIEW_WORKING_DAYS
    return f" within {pluralize(days, 'working day')} as a rule" if days else ""


def get_enrollment_status(account: Account) -> EnrollmentStatus:
    """The status of the account's newest application. One query."""
    application = Application.objects.for_account(account).defer("business", "answers", "snapshot").newest()
    return build_enrollment_status(application)


def build_enrollment_status(application: Application | None) -> EnrollmentStatus:
    """The status of this application, without a query."""
    if application is None:
        return EnrollmentStatus(NOT_ENROLLED, None, "")
    return EnrollmentStatus(application.state, application.state_since, application.reason)


def get_declared_purposes(accounts: Collection[int]) -> dict[int, str]:
    """The main purpose (a UseCase) that each account declared in its approved application, by account id; one query."""
    approved = Application.objects.approved().filter(account__in=accounts).order_by("pk")
    return {
        account: get_business_values(snapshot).get("use_case") or ""
        for account, snapshot in approved.values_list("account_id", "snapshot")
    }
