"""A desk, and requests of an account at it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from reputation.models import Case, Desk, DeskRequest, PhoneNumber
from tests.factories import (
    CaseFactory,
    DeskFactory,
    DeskRequestFactory,
    EngineFactory,
    MonitoredNumberFactory,
    SubmissionFactory,
    TagFactory,
)


def create_desk(**fields: Any) -> Desk:
    slug = fields.pop("slug", "example-desk")
    defaults = {
        "name": "Example desk",
        "kind": Desk.Kind.ENGINE,
        "form": Desk.Form.HIYA_TEXT,
        "address": "https://desk.example.com/form",
        "answer_days": 7,
        "usual_time": "3 to 5 business days",
        "source": "desk.example.com",
        "read_on": date(2026, 11, 26),
        "certainty": Desk.Certainty.EXACT,
    }
    return Desk.objects.update_or_create(slug=slug, defaults=defaults | fields)[0]


def create_request(account, desk: Desk, *, now: datetime, number=None, **fields: Any) -> DeskRequest:
    """A request that is to be sent in two days, for a new number with a case."""
    number = number or MonitoredNumberFactory(account=account, spam_status="tagged")
    case = number.cases.first() or CaseFactory(number=number, account=account)
    defaults = {"state": DeskRequest.State.TO_SEND, "state_since": now, "due_at": now + timedelta(days=2)}
    return DeskRequest.objects.create(
        account=account,
        number=number,
        desk=desk,
        case=case,
        engine=EngineFactory(slug="hiya", name="Hiya"),
        **defaults | fields,
    )


def create_refused_case(account, now: datetime) -> Case:
    """A failed case: Hiya labels the number, and its desk refused."""
    number = MonitoredNumberFactory(account=account, spam_status=PhoneNumber.SpamStatus.FAILED)
    case = CaseFactory(account=account, number=number, state="failed", closed_at=now, outcome="Hiya refused.")
    hiya = EngineFactory(slug="hiya")
    TagFactory(number=number, engine=hiya, case=case)
    SubmissionFactory(case=case, engine=hiya, state="refused")
    DeskRequestFactory(
        case=case,
        engine=hiya,
        desk=DeskFactory(name="Hiya", engines=[hiya]),
        state="refused",
        closed_at=now,
        refusal="behaviour",
        sent_at=now,
    )
    return case
